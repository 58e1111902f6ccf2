import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { invariant } from '../../../lib/invariant.ts';
import { LineSplitter } from '../../../lib/line-splitter.ts';
import { programEnvironment } from './run-program.ts';

const LIMIT_MS = 60_000;

interface Waiting {
  readonly fence: string;
  readonly printed: string[];
  readonly resolve: (printed: readonly string[]) => void;
  readonly reject: (fault: Fault) => void;
}

/**
 * One `nft -i` that reads lines from a pipe, each of them a transaction of its own. That saves the start of a process and, where
 * elements are deleted, the grace period of the kernel that its end waits for: 0.1 ms in place of 3 to 14.
 *
 * nft says nothing about a line that it took. So each is followed by a fence: a word that is no command, whose syntax error on the
 * unbuffered standard error says that everything before is done. It costs nothing, because a line that does not parse reaches neither
 * nft's cache nor the kernel; any listing may make nft 1.0.6 read all elements.
 */
export class NftSession {
  readonly #child: ChildProcessByStdio<Writable, null, Readable>;
  readonly #splitter = new LineSplitter();
  #waiting: Waiting | undefined;
  #lines = 0;
  #gone: Fault | undefined;

  private constructor(program: string, flags: readonly string[]) {
    this.#child = spawn(program, [...flags, '-i'], { env: programEnvironment, stdio: ['pipe', 'ignore', 'pipe'] });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      for (const line of this.#splitter.push(chunk)) this.#take(line);
    });
    this.#child.stdin.on('error', () => undefined); // 'close' follows, and knows more
    this.#child.on('error', (error) => this.#end(messageOf(error)));
    this.#child.on('close', (code, signal) => this.#end(`it ended with ${signal ?? `status ${String(code)}`}`));
  }

  /** @throws Fault `nft-gone` when it can not be started, or answers nothing, as an nft that was built without `-i`. */
  static async open(program: string, flags: readonly string[]): Promise<NftSession> {
    const session = new NftSession(program, flags);
    await session.run('');
    return session;
  }

  /** How many lines it was given: nft keeps them all, and looks through all of them for each new one. */
  get lines(): number {
    return this.#lines;
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  /**
   * Gives nft one line, and returns what it printed about it: nothing when it took it. One call at a time.
   *
   * @throws Fault `nft-gone` when the session ends before it has answered; the line may have been applied or not.
   */
  async run(line: string): Promise<readonly string[]> {
    invariant(this.#waiting === undefined, 'an nft session does one line at a time');
    invariant(!line.includes('\n'), 'a line is one line');
    if (this.#gone !== undefined) throw this.#gone;
    this.#lines += 1;
    const fence = `sluice_fence_${String(this.#lines)}`;
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    this.#waiting = { fence, printed: [], resolve, reject };
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), LIMIT_MS);
    this.#child.stdin.write(`${line}\n${fence}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(limit);
      this.#waiting = undefined;
    }
  }

  /** Lets nft end; nothing waits for it. */
  close(): void {
    this.#child.stdin.end();
  }

  #take(line: string): void {
    if (this.#waiting === undefined) return; // the carets under the last fence
    const { fence, printed, resolve } = this.#waiting;
    if (line !== fence) {
      printed.push(line);
      return;
    }
    // The last line is the complaint about the fence itself. The first may be the carets under the fence before.
    resolve(printed.slice(isCarets(printed[0]) ? 1 : 0, -1));
  }

  #end(reason: string): void {
    this.#gone ??= new Fault('nft-gone', `the nft session is gone: ${reason}`);
    this.#waiting?.reject(this.#gone);
  }
}

function isCarets(line: string | undefined): boolean {
  return line !== undefined && /^[ ^~]+$/.test(line);
}
