import { fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';

/** Bytes that may wait for a slow reader of a log before lines are dropped. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;

export interface LogOutputEvents {
  /** So many lines were lost: the reader is too slow or gone, or the disk is full. */
  readonly onDropped: (lines: number) => void;
  /** Lines are written again, after so many were lost. */
  readonly onReturn: (lines: number) => void;
}

/**
 * Where a log goes. Whoever reads it cannot hold the program up, and when nobody does, the program goes on without a log:
 * what does not fit is dropped, and counted. What is written while the reader keeps up is with the kernel at once.
 */
export class LogOutput {
  readonly #stream: Writable;
  readonly #events: LogOutputEvents;
  /** Lines that were lost and of which nothing has been said yet. */
  #lost = 0;

  constructor(stream: Writable, events: LogOutputEvents) {
    this.#stream = stream;
    this.#events = events;
    // A write that fails is reported to its callback; without a listener, a reader that leaves would be an uncaught error.
    stream.on('error', () => {});
    letTerminalWait(stream);
  }

  /** Takes text of so many whole lines. */
  write(text: Buffer | string, lines = 1): void {
    // Once it has begun, a gap lasts until there is room for more than the next line, so that there are few of them.
    const limitBytes = this.#lost === 0 ? MAX_BACKLOG_BYTES : MAX_BACKLOG_BYTES / 2;
    if (this.#stream.writableLength > limitBytes) this.#drop(lines);
    else
      this.#stream.write(text, (error) => {
        if (error === null || error === undefined) this.#return();
        else this.#drop(lines);
      });
  }

  #drop(lines: number): void {
    this.#lost += lines;
    this.#events.onDropped(lines);
  }

  #return(): void {
    if (this.#lost === 0 || this.#stream.writableLength > MAX_BACKLOG_BYTES / 2) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#events.onReturn(lost);
  }
}

/** Standard output, or standard error where both lead to the same place: two streams would write into each other's lines. */
export function standardOutput(): Writable {
  const [output, error] = [fstatSync(1), fstatSync(2)];
  return output.dev === error.dev && output.ino === error.ino ? process.stderr : process.stdout;
}

/** Settles once all that a stream has taken is written, or never will be. */
export async function written(stream: Writable): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
}

/**
 * Node does not block on pipes and sockets, but does on a terminal, which a person may halt with Ctrl-S. It has no public
 * way to change that; where this one is missing, a halted terminal halts the program, as it would by default.
 */
function letTerminalWait(stream: Writable): void {
  const { isTTY, _handle: handle } = stream as Writable & {
    readonly isTTY?: boolean;
    readonly _handle?: { readonly setBlocking?: (isBlocking: boolean) => unknown };
  };
  if (isTTY === true) handle?.setBlocking?.(false);
}
