import { createServer, type Server, type Socket } from 'node:net';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { sleep } from '../../../lib/sleep.ts';
import { completeLine, readAccessLine, rewriteTime, textLine, type AccessLine } from './line.ts';

/**
 * HAProxy sends every line by itself, and to be woken for one costs more than to read it. So after each read a little time
 * goes by, in milliseconds, in which lines gather in the socket.
 */
const REST_MS = 5;

/**
 * A socket holds some 160 lines, because the kernel counts more than their bytes; what comes then stays in HAProxy's ring, where
 * it is lost once that is full. After a read of so many lines the rest is made shorter, until none is left.
 */
const PLENTY = 80;

/** How long a HAProxy that has ended may take to be read to its end, in milliseconds. */
const LAST_LINES_MS = 100;

const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;

export interface AccessLogOptions {
  /** Name of the abstract Unix socket that HAProxy connects to. */
  readonly name: string;
  readonly format: 'json' | 'text';
  /** Where the lines go; undefined to only count requests. */
  readonly output: { write(bytes: Buffer, lines: number): void } | undefined;
  readonly onRequest: (line: AccessLine) => void;
  /** Called with how many lines could not be read. */
  readonly onUnreadable: (lines: number) => void;
}

/**
 * Takes the access log from HAProxy's ring. The ring keeps the latest lines while nobody is
 * connected, so that few are lost when Sluice restarts; a slow reader never slows requests down.
 */
export class AccessLogServer {
  readonly #options: AccessLogOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isClosing = false;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    // A socket that rests reads on until it holds so many bytes; and every read is a waking.
    this.#server = createServer({ highWaterMark: 1 }, (socket) => this.#serve(socket));
  }

  /** @throws Fault `access-log` when another process has the name. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(
          new Fault(
            'access-log',
            `another Sluice serves from this state directory (${messageOf(cause)}). End it, or choose another folder with --state-dir.`,
            { cause, retryable: false },
          ),
        ),
      );
      this.#server.listen(`\0${this.#options.name}`, () => resolve());
    });
  }

  /** Takes what has been sent, and ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const ends = [...this.#sockets].map(async (socket) => {
      socket.resume();
      await new Promise((resolve) => socket.once('close', resolve));
    });
    // A HAProxy that goes on serving ends nothing.
    await Promise.race([Promise.all(ends), sleep(LAST_LINES_MS)]);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let rest: Buffer = Buffer.alloc(0);
    let restMs = REST_MS;
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      rest = bytes.subarray(end);
      const lines = end > 0 ? this.#take(bytes.subarray(0, end)) : 0;
      restMs = lines < PLENTY ? Math.min(restMs + 1, REST_MS) : Math.floor(restMs / 2);
      if (restMs > 0 && !this.#isClosing) letGather(socket, restMs);
    });
    // A connection that breaks is made anew by HAProxy; there is nothing to do about it here.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** Counts the requests of whole lines, and passes the lines on: most of them as the bytes that they came in. Returns how many. */
  #take(bytes: Buffer): number {
    const { output, onRequest, onUnreadable } = this.#options;
    const hasBackslash = bytes.includes(BACKSLASH);
    const written: Buffer[] = [];
    let keptFrom = 0;
    let lines = 0;
    let unreadable = 0;
    for (
      let start = 0, end = bytes.indexOf(NEWLINE);
      end !== -1;
      start = end + 1, end = bytes.indexOf(NEWLINE, start)
    ) {
      const line = readAccessLine(bytes, start, end);
      if (line !== undefined) {
        onRequest(line);
        lines += 1;
        rewriteTime(bytes, start);
        if (this.#isFinal(line, hasBackslash)) continue;
      }
      const changed = line === undefined ? undefined : this.#rewrite(bytes.toString('utf8', start, end));
      if (changed === undefined) unreadable += 1;
      written.push(bytes.subarray(keptFrom, start), Buffer.from(changed ?? ''));
      keptFrom = end + 1;
    }
    written.push(bytes.subarray(keptFrom));
    if (output !== undefined && lines > 0) {
      output.write(written.length === 1 ? bytes : Buffer.concat(written), lines);
    }
    if (unreadable > 0) onUnreadable(unreadable);
    return lines;
  }

  /** Whether a line is what the log is to hold, but for its time. */
  #isFinal({ isOrdinary }: AccessLine, hasBackslash: boolean): boolean {
    return this.#options.output === undefined || (isOrdinary && !hasBackslash && this.#options.format === 'json');
  }

  #rewrite(line: string): string | undefined {
    const json = completeLine(line);
    if (json === undefined) return undefined;
    return `${this.#options.format === 'json' ? json : textLine(json)}\n`;
  }
}

function letGather(socket: Socket, restMs: number): void {
  socket.pause();
  setTimeout(() => socket.resume(), restMs);
}
