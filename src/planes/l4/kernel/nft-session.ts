import { spawn, type ChildProcess } from 'node:child_process';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { crash } from '../../../lib/crash.ts';
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

/** Where nft finds what {@link NftSession} has written for it; by number, so that no path has to be told in its language. */
const INCLUDE = 'include "/proc/self/fd/3"';

/**
 * One `nft -i` that does a transaction after another. That saves the start of a process and, where elements are deleted, the grace
 * period of the kernel that its end waits for: a millisecond in place of 3 to 14.
 *
 * Each transaction is written to a file that nft has open, and nft is told to include it: it reads its input byte by byte, at 0.8 µs each,
 * but files in large pieces. And it does what it has read when its input ends, which is never part of a transaction in this way.
 *
 * nft says nothing about a line that it took. So each is followed by a fence: a word that is no command, whose syntax error on the
 * unbuffered standard error says that everything before is done. It costs nothing, because a line that does not parse reaches neither
 * nft's cache nor the kernel; any listing may make nft 1.0.6 read all elements.
 */
export class NftSession {
  readonly #child: ChildProcess;
  readonly #file: FileHandle;
  readonly #splitter = new LineSplitter();
  #waiting: Waiting | undefined;
  #lines = 0;
  #gone: Fault | undefined;

  private constructor(program: string, flags: readonly string[], file: FileHandle) {
    this.#file = file;
    this.#child = spawn(program, [...flags, '-i'], {
      env: programEnvironment,
      stdio: ['pipe', 'ignore', 'pipe', file.fd],
    });
    // Where a process cannot be started, for want of memory or of descriptors, it has no pipes either.
    this.#child.on('error', (error) => this.#end(messageOf(error)));
    this.#child.on('close', (code, signal) => this.#end(`it ended with ${signal ?? `status ${String(code)}`}`));
    this.#child.stdin?.on('error', () => undefined); // 'close' follows, and knows more
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      for (const line of this.#splitter.push(chunk)) this.#take(line);
    });
  }

  /**
   * `path` is where its file is made, which is deleted again at once.
   *
   * @throws Fault `nft-gone` when it can not be started, answers nothing, as an nft that was built without `-i`, or can not read the file;
   * whatever the file system says when that can not be made.
   */
  static async open(program: string, flags: readonly string[], path: string): Promise<NftSession> {
    const file = await open(path, 'w+', 0o600);
    await rm(path, { force: true });
    const session = new NftSession(program, flags, file);
    try {
      // Some file systems do not let a file without a name be opened anew.
      const [complaint] = await session.run('');
      if (complaint === undefined) return session;
      throw new Fault('nft-gone', `nft can not read what it is given: ${complaint}`);
    } catch (thrown) {
      session.close();
      throw thrown;
    }
  }

  /** How many lines it was given: nft keeps them all, and looks through all of them for each new one. */
  get lines(): number {
    return this.#lines;
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  /**
   * Has nft do a transaction, and returns what it printed about it: nothing when it took it. One call at a time.
   *
   * @throws Fault `nft-gone` when the session ends before it has answered; the transaction may have been applied or not. Whatever the
   * file system says when it can not be written, as on a full disk; then nft knows nothing of it.
   */
  async run(transaction: string): Promise<readonly string[]> {
    const bytes = Buffer.from(`${transaction}\n`);
    // A disk that is about to be full takes a part, and refuses only the next: nft would be given a part of a transaction.
    for (let written = 0; written < bytes.length;)
      written += (await this.#file.write(bytes, written, bytes.length - written, written)).bytesWritten;
    await this.#file.truncate(bytes.length);
    return this.#tell(INCLUDE);
  }

  async #tell(line: string): Promise<readonly string[]> {
    invariant(this.#waiting === undefined, 'an nft session does one thing at a time');
    if (this.#gone !== undefined) throw this.#gone;
    this.#lines += 1;
    const fence = `sluice_fence_${String(this.#lines)}`;
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    this.#waiting = { fence, printed: [], resolve, reject };
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), LIMIT_MS);
    this.#child.stdin?.write(`${line}\n${fence}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(limit);
      this.#waiting = undefined;
    }
  }

  /** Lets nft end; nothing waits for it. */
  close(): void {
    this.#child.stdin?.end();
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
    if (this.#gone === undefined) this.#file.close().catch(crash);
    this.#gone ??= new Fault('nft-gone', `the nft session is gone: ${reason}`);
    this.#waiting?.reject(this.#gone);
  }
}

function isCarets(line: string | undefined): boolean {
  return line !== undefined && /^[ ^~]+$/.test(line);
}
