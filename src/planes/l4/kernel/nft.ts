import { mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { Turns } from '../../../lib/turns.ts';
import { decodeRefusal, faultOf, refusalOf, type Refusal } from './nft-refusal.ts';
import { NftSession } from './nft-session.ts';
import { findProgram, runProgram } from './run-program.ts';

/**
 * The name under which our nft runs, and which the kernel gives as the author of a transaction. A process id would not do: the kernel
 * tells the one of its first PID namespace, which a container can not compare with its own.
 */
export const NFT_PROCESS_NAME = 'sluice-nft';

/** What a transaction above this takes of memory is better given back by the end of a process: 20 times as much as its text. */
const SESSION_BYTES = 262_144;

/** Each further line costs a session 30 ns for every line before it, and memory that it never gives back. */
const SESSION_LINES = 1000;

/** 400,000 elements take 5 s on a small machine. */
const LARGE_LIMIT_MS = 180_000;

/** What the plane needs of {@link Nft}. */
export type NftDriver = Pick<Nft, 'apply' | 'check' | 'listJson' | 'close'>;

/**
 * Drives nft(8). Every transaction is taken or refused as a whole; those of one kind run one after another, in the order of the calls.
 * It works in the network namespace of this process.
 */
export class Nft {
  readonly #link: () => Promise<string>;
  readonly #applying: Lane;
  readonly #checking: Lane;

  private constructor(program: string, folder?: string) {
    // Made again when it is gone: whoever empties the state directory must not keep changes from the kernel.
    this.#link = () => (folder === undefined ? Promise.resolve(program) : linkTo(program, folder));
    const fileFor = (use: string): string | undefined =>
      folder === undefined ? undefined : resolve(folder, `${NFT_PROCESS_NAME}.${use}`);
    this.#applying = new Lane(this.#link, [], fileFor('apply'));
    this.#checking = new Lane(this.#link, ['-c'], fileFor('check'));
  }

  /**
   * Finds nft, unless its path is given. `folder`, which no other process may use, keeps a link to it, of which it gets its name
   * ({@link NFT_PROCESS_NAME}), and transactions while they are applied.
   *
   * @throws Fault `nft-missing` when the machine has none, `nft-link` when the link can not be made.
   */
  static async open(folder: string, path?: string): Promise<Nft> {
    const program = path ?? (await installedNft());
    await linkTo(program, folder);
    return new Nft(program, folder);
  }

  /** For a process that watches no tables: it needs no name, and so nothing on disk. @throws Fault `nft-missing`. */
  static async openNameless(): Promise<Nft> {
    return new Nft(await installedNft());
  }

  /**
   * Applies a transaction: commands of nft(8), one or more lines. Once it has begun it runs to its end, whatever `signal` says.
   *
   * @throws NftRefusedFault (`nft-refused`) when nothing of it was applied, Fault `kernel-memory` when that was for want of memory;
   * `nft-gone` when nft ended in between, so that nobody knows whether it was.
   */
  async apply(transaction: string, signal?: AbortSignal): Promise<void> {
    await this.#applying.run(transaction, signal);
  }

  /** Has the kernel judge a transaction without applying it. @throws like {@link apply}. */
  async check(transaction: string, signal?: AbortSignal): Promise<void> {
    await this.#checking.run(transaction, signal);
  }

  /**
   * What `nft -j list …` prints. Beware of nft 1.0.6: it reads every element of every set for all but `list chains`.
   *
   * @throws NftRefusedFault, also when there is no such object; Fault `nft-list` when it prints something else.
   */
  async listJson(args: readonly string[]): Promise<unknown> {
    const { status, stdout, stderr } = await runProgram(await this.#link(), ['-j', 'list', ...args]);
    if (status !== 0) throw faultOf(refusalOf(linesOf(stderr), [`list ${args.join(' ')}`]));
    try {
      return JSON.parse(stdout) as unknown;
    } catch (cause) {
      throw new Fault('nft-list', `nft cannot list ${args.join(' ')}: ${messageOf(cause)}`, { cause });
    }
  }

  /** As 1, 0, 6; undefined where nft does not say. */
  async version(): Promise<readonly number[] | undefined> {
    const { stdout } = await runProgram(await this.#link(), ['--version']);
    return /v(\d+(?:\.\d+)*)/.exec(stdout)?.[1]?.split('.').map(Number);
  }

  /** Ends the sessions. The next call would start new ones. */
  close(): void {
    this.#applying.close();
    this.#checking.close();
  }
}

/** What nft made of a transaction. */
interface Verdict {
  readonly refusal: Refusal | undefined;
}

/** Transactions with the same flags, one after another: small ones through a session, large ones through a process each. */
class Lane {
  readonly #link: () => Promise<string>;
  readonly #flags: readonly string[];
  readonly #file: string | undefined;
  readonly #turns = new Turns();
  #session: NftSession | undefined;

  /** `link` gives the path of nft, `file` is where a transaction is written, if anywhere. */
  constructor(link: () => Promise<string>, flags: readonly string[], file: string | undefined) {
    this.#link = link;
    this.#flags = flags;
    this.#file = file;
  }

  async run(transaction: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#turns.take(async () => {
      signal?.throwIfAborted();
      const isSmall = transaction.length <= SESSION_BYTES;
      const verdict = isSmall ? await this.#runInSession(transaction) : undefined;
      const { refusal } = verdict ?? (await this.#runAlone(transaction));
      if (refusal !== undefined) throw faultOf(refusal);
      // What comes after everything is a small change, which should not have to wait for a session to start.
      if (!isSmall) await this.#openSession();
    });
  }

  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  /** Undefined when there can be no session, or nothing be written for it. */
  async #runInSession(transaction: string): Promise<Verdict | undefined> {
    const session = await this.#openSession();
    if (session === undefined) return undefined;
    try {
      return { refusal: decodeRefusal(await session.run(transaction), transaction.split('\n')) };
    } catch (thrown) {
      if (thrown instanceof Fault || !isSystemError(thrown)) throw thrown;
      return undefined;
    }
  }

  /** Undefined when there can be none, as where nft was built without an interactive mode, or on a full disk. */
  async #openSession(): Promise<NftSession | undefined> {
    if (this.#session !== undefined && !this.#session.isGone && this.#session.lines < SESSION_LINES)
      return this.#session;
    this.close();
    if (this.#file === undefined) return undefined;
    try {
      this.#session = await NftSession.open(await this.#link(), this.#flags, `${this.#file}.session`);
    } catch (thrown) {
      if (!(thrown instanceof Fault) && !isSystemError(thrown)) throw thrown;
    }
    return this.#session;
  }

  /**
   * From a file that is whole before nft starts: nft takes what it has read when its input ends, and from a pipe that would be any
   * part of a transaction whose author was killed while it wrote. On a full disk the pipe is still better than nothing.
   */
  async #runAlone(transaction: string): Promise<Verdict> {
    const program = await this.#link();
    const text = `${transaction}\n`;
    const file = await this.#write(text);
    const args = [...this.#flags, '-f', file ?? '-'];
    const input = file === undefined ? { stdin: text } : {};
    try {
      const end = await runProgram(program, args, { ...input, limitMs: LARGE_LIMIT_MS }).catch((thrown: unknown) => {
        throw thrown instanceof Fault ? new Fault('nft-gone', messageOf(thrown), { cause: thrown }) : thrown;
      });
      if (end.status === undefined) throw new Fault('nft-gone', 'nft was ended by a signal');
      if (end.status === 0) return { refusal: undefined };
      return { refusal: refusalOf(linesOf(end.stderr), transaction.split('\n')) };
    } finally {
      if (file !== undefined) await rm(file).catch(() => undefined); // the next one writes over it
    }
  }

  /** Returns the file; undefined where there is none. */
  async #write(text: string): Promise<string | undefined> {
    const file = this.#file;
    if (file === undefined) return undefined;
    try {
      await writeFile(file, text, { mode: 0o600 });
      return file;
    } catch {
      await rm(file).catch(() => undefined); // a part of it would keep a full disk full
      return undefined;
    }
  }
}

function isSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && 'syscall' in thrown;
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

async function installedNft(): Promise<string> {
  const program = await findProgram('nft');
  if (program !== undefined) return program;
  throw new Fault('nft-missing', 'nft is not installed (package nftables)', { retryable: false });
}

async function linkTo(program: string, folder: string): Promise<string> {
  const link = join(folder, NFT_PROCESS_NAME);
  try {
    const target = await readlink(link).catch(() => undefined);
    if (target === program) return link;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const fresh = `${link}.${String(process.pid)}`;
    await symlink(program, fresh);
    await rename(fresh, link);
    return link;
  } catch (cause) {
    throw new Fault('nft-link', `cannot make the link ${link}: ${messageOf(cause)}`, { cause });
  }
}
