import { createServer, type Server, type Socket } from 'node:net';
import { Fault, messageOf } from '../lib/fault.ts';
import { decodeAccessLine, type AccessEntry } from './access-entry.ts';
import type { LogFormat } from './logger.ts';

/** Bytes that may wait for a slow reader of the log before lines are dropped. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;

export interface AccessLogOptions {
  /** Name of the abstract Unix socket that HAProxy connects to. */
  readonly name: string;
  readonly format: LogFormat;
  /** Where the lines go; undefined to only count requests. */
  readonly output: (NodeJS.WritableStream & { readonly writableLength?: number }) | undefined;
  readonly onEntry: (entry: AccessEntry) => void;
  /** Called with how many lines were lost: unreadable, or the reader of the log too slow. */
  readonly onDropped: (lines: number) => void;
}

/**
 * Takes the access log from HAProxy's ring. The ring keeps the latest lines while nobody is
 * connected, so that few are lost when Sluice restarts; a slow reader never slows requests down.
 */
export class AccessLogServer {
  readonly #options: AccessLogOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** @throws Fault `access-log` when another process has the name. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(
          new Fault(
            'access-log',
            `cannot listen for the access log: ${messageOf(cause)}; is another Sluice running on this state directory?`,
            { cause, retryable: false },
          ),
        ),
      );
      this.#server.listen(`\0${this.#options.name}`, () => resolve());
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setEncoding('utf8');
    let rest = '';
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      this.#take(lines);
    });
    // A connection that breaks is made anew by HAProxy; there is nothing to do about it here.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #take(lines: readonly string[]): void {
    const { output, onEntry, onDropped, format } = this.#options;
    const written: string[] = [];
    let dropped = 0;
    for (const line of lines) {
      if (line === '') continue;
      const entry = decodeAccessLine(line);
      if (entry === undefined) {
        dropped += 1;
        continue;
      }
      onEntry(entry);
      if (output !== undefined) written.push(format === 'json' ? JSON.stringify(jsonLine(entry)) : textLine(entry));
    }
    if (written.length > 0 && output !== undefined) {
      if ((output.writableLength ?? 0) > MAX_BACKLOG_BYTES) dropped += written.length;
      else output.write(`${written.join('\n')}\n`);
    }
    if (dropped > 0) onDropped(dropped);
  }
}

function jsonLine({ timeMs, ...entry }: AccessEntry): Readonly<Record<string, string | number>> {
  return { time: new Date(timeMs).toISOString(), log: 'access', ...entry };
}

function textLine(entry: AccessEntry): string {
  const target = entry.endpoint === '' ? '-' : entry.endpoint;
  const route = entry.route === '' ? '-' : entry.route;
  const reason = entry.reason === '' ? '' : ` ${entry.reason}`;
  const time = new Date(entry.timeMs).toISOString();
  return `${time} ${entry.client} ${String(entry.status)} ${printable(entry.method)} ${printable(entry.host)}${printable(entry.path)} ${route} ${target} ${String(entry.totalMs)}ms${reason}`;
}

/** What clients send may hold control characters, which could forge lines or drive a terminal. */
function printable(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0020\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
