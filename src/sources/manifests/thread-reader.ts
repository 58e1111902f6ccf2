import { Worker } from 'node:worker_threads';
import { Fault } from '../../lib/fault.ts';
import type { FileNews } from './file-reading.ts';
import type { LookReport, LookRequest, LookStep } from './folder-reader.ts';
import type { ThreadAnswer, ThreadRequest } from './reading-thread.ts';

/** How much a thread may take to read a large file, in megabytes; one that needs more is reported, and harms nothing else. */
const MOST_MEMORY_MB = 1024;

/** A thread with a {@link FolderReader} on it. One request at a time. */
class Thread {
  readonly #worker: Worker;

  constructor(root: string) {
    // With the extension that this module has itself: in the container image, the types are stripped.
    const script = new URL(
      `./reading-thread${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`,
      import.meta.url,
    );
    this.#worker = new Worker(script, {
      workerData: root,
      resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY_MB, maxYoungGenerationSizeMb: 16 },
    });
    this.#worker.unref();
  }

  /** @throws what the thread throws, which ends it */
  ask(request: ThreadRequest): Promise<ThreadAnswer> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void): void => {
        worker.off('message', onMessage).off('error', onError).off('exit', onExit).unref();
        settled();
      };
      const onMessage = (answer: ThreadAnswer): void => settle(() => resolve(answer));
      const onError = (thrown: Error): void => settle(() => reject(thrown));
      const onExit = (): void => settle(() => reject(new Error('the thread that reads manifests has ended')));
      worker.on('message', onMessage).on('error', onError).on('exit', onExit).ref();
      worker.postMessage(request, []);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/**
 * A {@link FolderReader} on a thread of its own, so that neither a large file nor a slow disk holds anything else up. Large files are
 * read on a second thread, for which changes of others do not wait.
 */
export class ThreadReader {
  readonly #root: string;
  readonly #thread: Thread;
  #large: Thread | undefined;

  constructor(root: string) {
    this.#root = root;
    this.#thread = new Thread(root);
  }

  /**
   * Looks at the folder; `onNews` is called with what each file is about, large files excepted, and awaited.
   * @throws Fault when the folder cannot be read
   */
  async look(request: LookRequest, onNews: (news: FileNews) => Promise<void>): Promise<LookReport> {
    let report: LookReport | undefined;
    for await (const step of this.#steps(this.#thread, { kind: 'look', look: request })) {
      if (step.kind === 'news') await onNews(step.news);
      else report = step.report;
    }
    if (report === undefined) throw new Error('a look ended without a report');
    return report;
  }

  /** Reads a large file. One at a time. */
  async *readLarge(path: string, stamp: string): AsyncGenerator<FileNews, void> {
    this.#large ??= new Thread(this.#root);
    try {
      for await (const step of this.#steps(this.#large, { kind: 'read', path, stamp }))
        if (step.kind === 'news') yield step.news;
    } catch (thrown) {
      if (!isOutOfMemory(thrown)) throw thrown;
      this.#large = undefined;
      const message = `reading it takes more than ${String(MOST_MEMORY_MB)} MB of memory`;
      yield { kind: 'broken', path, message, line: 0 };
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#thread.end(), this.#large?.end()]);
  }

  /** The thread works on the next answer while this one is taken in. */
  async *#steps(thread: Thread, request: ThreadRequest): AsyncGenerator<LookStep, void> {
    let next = thread.ask(request);
    for (;;) {
      const answer = await next;
      if (answer.kind === 'failed') throw new FolderFault(answer.message, answer.isMissing);
      if (!answer.isDone) next = thread.ask({ kind: 'next' });
      // Somebody who stops half-way does not wait for it.
      next.catch(() => undefined);
      yield* answer.steps;
      if (answer.isDone) return;
    }
  }
}

/** The folder itself cannot be read. */
export class FolderFault extends Fault {
  readonly isMissing: boolean;

  constructor(message: string, isMissing: boolean) {
    super('manifests', message);
    this.isMissing = isMissing;
  }
}

function isOutOfMemory(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
