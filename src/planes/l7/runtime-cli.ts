import { connect, type Socket } from 'node:net';
import { Fault, messageOf } from '../../lib/fault.ts';

/** How many commands may be on their way before their answers are read. */
const PIPELINE = 256;

/** What HAProxy prints before it waits for the next command, once `prompt` is on (management guide §9.3). */
const PROMPT = '\n> ';

/** What it prints instead while it waits for more of a payload: once for each buffer full of one. */
const PAYLOAD_PROMPTS = /^(?:\+ )+/;

/** Code of the Fault about a HAProxy that is there and does not answer. */
export const SILENT = 'haproxy-silent';

/**
 * How long nothing may come from HAProxy while an answer is due, in milliseconds. The dearest command keeps it for a fraction of a second,
 * and one that held a thread for seconds would be ended by HAProxy itself, as a loop; the rest is for machines that hardly let it run.
 */
export const ANSWER_DEADLINE_MS = 10_000;

/** In how many steps that time is counted: while this process is held up, or frozen together with HAProxy, one goes by and not all. */
const STEPS = 10;

/**
 * One connection to HAProxy's runtime CLI. Commands are pipelined over it and answered in order;
 * there must be one writer only. Once closed it stays closed: the process behind it is gone or
 * confused, and what it holds is not known any more.
 */
export class RuntimeCli {
  readonly #socket: Socket;
  readonly #answerMs: number;
  #clock: NodeJS.Timeout | undefined;
  #silentSteps = 0;
  #waiting: { readonly resolve: (reply: string) => void; readonly reject: (fault: Fault) => void }[] = [];
  #received = '';
  #closed: Fault | undefined;

  private constructor(socket: Socket, answerMs: number) {
    this.#socket = socket;
    this.#answerMs = answerMs;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#close(error));
    socket.on('close', () => this.#close(undefined));
  }

  /**
   * @throws Fault `haproxy-unreachable` when nobody listens at `path`, `haproxy-silent` when somebody does and says nothing for `answerMs`.
   */
  static async open(path: string, answerMs: number = ANSWER_DEADLINE_MS): Promise<RuntimeCli> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', (cause: NodeJS.ErrnoException) => {
        // So many wait to be let in that there is no room for one more (unix(7)).
        const code = cause.code === 'EAGAIN' ? SILENT : 'haproxy-unreachable';
        reject(new Fault(code, `cannot reach HAProxy at ${path}`, { cause }));
      });
    });
    const cli = new RuntimeCli(socket, answerMs);
    await cli.#send('prompt');
    return cli;
  }

  /**
   * Sends commands and returns their answers, trimmed, in order.
   * @throws Fault when the connection ends before all have come; `haproxy-silent` when it was ended here, because nothing came any more.
   */
  async send(commands: readonly string[]): Promise<readonly string[]> {
    const replies: string[] = [];
    for (let start = 0; start < commands.length; start += PIPELINE) {
      replies.push(
        ...(await Promise.all(commands.slice(start, start + PIPELINE).map((command) => this.#send(command)))),
      );
    }
    return replies;
  }

  /** Calls `listener` once when the connection ends, whoever ended it; `wasSilent`: because HAProxy did not answer. */
  onClose(listener: (wasSilent: boolean) => void): void {
    this.#socket.once('close', () => listener(this.#closed?.code === SILENT));
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(command: string): Promise<string> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise<string>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${command}\n`);
      this.#clock ??= setInterval(() => this.#step(), this.#answerMs / STEPS);
    });
  }

  #step(): void {
    this.#silentSteps += 1;
    if (this.#silentSteps < STEPS) return;
    const message = `HAProxy has not answered on its runtime CLI for ${String(this.#answerMs / 1000)} seconds`;
    this.#end(new Fault(SILENT, message));
    this.#socket.destroy();
  }

  #rest(): void {
    clearInterval(this.#clock);
    this.#clock = undefined;
  }

  #receive(text: string): void {
    this.#silentSteps = 0;
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
    if (this.#waiting.length === 0) this.#rest();
  }

  #close(cause: Error | undefined): void {
    const detail = cause === undefined ? '' : `: ${messageOf(cause)}`;
    this.#end(new Fault('haproxy-gone', `HAProxy closed its runtime CLI${detail}`, { cause }));
  }

  #end(fault: Fault): void {
    this.#closed ??= fault;
    this.#rest();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(this.#closed);
  }
}
