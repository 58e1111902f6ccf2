/** What runs on the threads of {@link ThreadReader}: one request, one answer. */
import { parentPort, workerData } from 'node:worker_threads';
import { Fault, messageOf } from '../../lib/fault.ts';
import type { FileNews, SentSections } from './file-reading.ts';
import { FolderReader, type LookRequest, type LookStep } from './folder-reader.ts';
import { isNotFound } from './listing.ts';

export type ThreadRequest =
  | { readonly kind: 'look'; readonly look: LookRequest }
  | { readonly kind: 'read'; readonly path: string; readonly stamp: string }
  /** The next steps of the request before. */
  | { readonly kind: 'next' };

/** Steps of a look, or news of a file that is read. */
export type ThreadAnswer =
  | { readonly kind: 'steps'; readonly steps: readonly LookStep[]; readonly isDone: boolean }
  | { readonly kind: 'failed'; readonly message: string; readonly isMissing: boolean };

/** How much work goes into one answer, so that others need not wait long, in milliseconds; and how much text, in characters. */
const ANSWER_MS = 20;
const ANSWER_LENGTH = 128 * 1024;

/** Answers requests about one folder, or one file. */
class Thread {
  readonly #reader: FolderReader;
  /** By path, of the large files that this thread has read. */
  readonly #sent = new Map<string, SentSections>();
  #steps: Generator<LookStep, void> = nothing();

  constructor(root: string) {
    this.#reader = new FolderReader(root);
  }

  answer(request: ThreadRequest): ThreadAnswer {
    if (request.kind === 'look') this.#steps = this.#reader.look(request.look);
    if (request.kind === 'read') this.#steps = this.#stepsOf(request.path, request.stamp);
    const steps: LookStep[] = [];
    const untilMs = performance.now() + ANSWER_MS;
    let length = 0;
    try {
      do {
        const step = this.#steps.next();
        if (step.done === true) return { kind: 'steps', steps, isDone: true };
        steps.push(step.value);
        length += lengthOf(step.value);
      } while (length < ANSWER_LENGTH && performance.now() < untilMs);
      return { kind: 'steps', steps, isDone: false };
    } catch (thrown) {
      // What the file system says no to has a number; what is neither that nor a Fault is a bug, and ends the program.
      if (!(thrown instanceof Fault) && !(thrown instanceof Error && 'errno' in thrown)) throw thrown;
      return { kind: 'failed', message: messageOf(thrown), isMissing: isNotFound(thrown) };
    }
  }

  *#stepsOf(path: string, stamp: string): Generator<LookStep, void> {
    const sent: SentSections = this.#sent.get(path) ?? new Map();
    this.#sent.set(path, sent);
    for (const news of this.#reader.readLarge(path, stamp, sent)) yield { kind: 'news', news };
  }
}

function* nothing(): Generator<LookStep, void> {}

function lengthOf(step: LookStep): number {
  return step.kind === 'news' ? newsLength(step.news) : 0;
}

function newsLength(news: FileNews): number {
  if (news.kind !== 'part') return 100;
  return news.sections.reduce(
    (sum, { documents = [] }) => sum + documents.reduce((length, { json }) => length + json.length, 100),
    0,
  );
}

// Undefined where this module is read by something else than a thread.
const port = parentPort;
if (port !== null && typeof workerData === 'string') {
  const thread = new Thread(workerData);
  port.on('message', (request: ThreadRequest) => port.postMessage(thread.answer(request)));
}
