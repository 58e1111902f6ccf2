import { Fault } from '../lib/fault.ts';
import { LineSplitter } from '../lib/line-splitter.ts';
import { Watchdog } from '../lib/watchdog.ts';
import { connectionFault } from './connection-fault.ts';
import { malformedAnswer } from './raw-object.ts';
import type { AnswerBody } from './wire.ts';

/** The stream carried nothing for as long as {@link JsonStream.expectWithin} allows. */
export const silentStream = 'kube-stream-silent';
/** The server did not end the stream when it said it would. */
export const overdueStream = 'kube-stream-overdue';

/** How to read one streamed answer. */
export interface JsonStreamOptions {
  /** What is being read, for messages. */
  readonly action: string;
  /** URL origin of the server, for messages. */
  readonly server: string;
  readonly signal?: AbortSignal | undefined;
  /** Destroy the stream after this long, whatever it carries. */
  readonly lifetimeMs: number;
}

/**
 * No object in etcd is larger than 1.5 MiB by default; a line of this size is not an object but an
 * attempt, or an accident, to fill our memory.
 */
const maxLineBytes = 64 * 1024 * 1024;

/**
 * A streamed answer of the API server: one JSON value per line.
 *
 * To be iterated at once and only once, or closed: until then it holds a socket or a stream, and a timer. Ending
 * the iteration in whatever way lets go of both. The iteration ends when the server ends the answer
 * in good order, throws the signal's reason when the signal is aborted, and otherwise a Fault:
 * `kube-malformed-answer`, `kube-stream-silent`, `kube-stream-overdue`, or one of the connection.
 */
export class JsonStream implements AsyncIterable<unknown> {
  readonly #body: AnswerBody;
  readonly #options: JsonStreamOptions;
  readonly #watchdog: Watchdog;
  readonly #lifetime: NodeJS.Timeout;
  readonly #onAbort: () => void;

  constructor(body: AnswerBody, options: JsonStreamOptions) {
    this.#body = body;
    this.#options = options;
    this.#watchdog = new Watchdog(() => this.#fail(silentStream, 'has gone silent'));
    this.#lifetime = setTimeout(() => this.#fail(overdueStream, 'was not ended in time'), options.lifetimeMs);
    this.#onAbort = () => void body.destroy();
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (options.signal?.aborted === true) body.destroy();
  }

  /** From now on, fail with `kube-stream-silent` when nothing arrives for `withinMs`; undefined: never. */
  expectWithin(withinMs: number | undefined): void {
    this.#watchdog.expect(withinMs);
  }

  /** Cuts the connection. */
  close(): void {
    clearTimeout(this.#lifetime);
    this.#watchdog.expect(undefined);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#body.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    try {
      yield* this.#values();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      throw connectionFault(this.#options.server, error);
    } finally {
      this.close();
    }
  }

  async *#values(): AsyncGenerator<unknown, void, undefined> {
    const splitter = new LineSplitter();
    for await (const chunk of this.#body) {
      this.#watchdog.feed();
      for (const line of splitter.push(chunk)) yield this.#parse(line);
      if (splitter.pendingBytes > maxLineBytes) throw this.#malformed(`a line longer than ${maxLineBytes} bytes`);
    }
    if (splitter.pendingBytes > 0) throw this.#malformed('an end in the middle of a line');
  }

  #parse(line: string): unknown {
    try {
      return JSON.parse(line);
    } catch {
      // The parser's message quotes the input, and the input may be a Secret: it goes no further.
      throw this.#malformed('a line that is not JSON');
    }
  }

  #malformed(what: string): Fault {
    return new Fault(malformedAnswer, `${this.#options.action}: the API server sent ${what}`);
  }

  #fail(code: string, problem: string): void {
    this.#body.destroy(new Fault(code, `${this.#options.action}: the answer of the API server ${problem}`));
  }
}
