import { connect, type Socket } from 'node:net';
import { Fault, messageOf } from '../../lib/fault.ts';

/** How many commands may be on their way before their answers are read. */
const PIPELINE = 256;

/** What HAProxy prints before it waits for the next command, once `prompt` is on (management guide §9.3). */
const PROMPT = '\n> ';

/** What it prints instead while it waits for more of a payload: once for each buffer full of one. */
const PAYLOAD_PROMPTS = /^(?:\+ )+/;

/**
 * One connection to HAProxy's runtime CLI. Commands are pipelined over it and answered in order;
 * there must be one writer only. Once closed it stays closed: the process behind it is gone or
 * confused, and what it holds is not known any more.
 */
export class RuntimeCli {
  readonly #socket: Socket;
  #waiting: { readonly resolve: (reply: string) => void; readonly reject: (fault: Fault) => void }[] = [];
  #received = '';
  #closed: Fault | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#close(error));
    socket.on('close', () => this.#close(undefined));
  }

  /** @throws Fault `haproxy-unreachable` when nobody listens at `path`. */
  static async open(path: string): Promise<RuntimeCli> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', (cause) =>
        reject(new Fault('haproxy-unreachable', `cannot reach HAProxy at ${path}`, { cause })),
      );
    });
    const cli = new RuntimeCli(socket);
    await cli.#send('prompt');
    return cli;
  }

  /** Sends commands and returns their answers, trimmed, in order. @throws Fault when the connection ends before all have come. */
  async send(commands: readonly string[]): Promise<readonly string[]> {
    const replies: string[] = [];
    for (let start = 0; start < commands.length; start += PIPELINE) {
      replies.push(
        ...(await Promise.all(commands.slice(start, start + PIPELINE).map((command) => this.#send(command)))),
      );
    }
    return replies;
  }

  /** Calls `listener` once when the connection ends, whoever ended it. */
  onClose(listener: () => void): void {
    this.#socket.once('close', listener);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(command: string): Promise<string> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise<string>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${command}\n`);
    });
  }

  #receive(text: string): void {
    this.#received += text;
    // The very first prompt comes without a line before it.
    if (this.#received.startsWith('> ')) this.#received = `\n${this.#received}`;
    let from = 0;
    for (;;) {
      const end = this.#received.indexOf(PROMPT, from);
      if (end < 0) break;
      const reply = this.#received.slice(from, end).replace(PAYLOAD_PROMPTS, '').trim();
      from = end + PROMPT.length;
      this.#waiting.shift()?.resolve(reply);
    }
    this.#received = this.#received.slice(from);
  }

  #close(cause: Error | undefined): void {
    const detail = cause === undefined ? '' : `: ${messageOf(cause)}`;
    this.#closed ??= new Fault('haproxy-gone', `HAProxy closed its runtime CLI${detail}`, { cause });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(this.#closed);
  }
}
