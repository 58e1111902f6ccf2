import { mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { Turns } from '../../../lib/turns.ts';
import { decodeRefusal, LINE_JOINT, NftRefusedFault, type Refusal } from './nft-refusal.ts';
import { NftSession } from './nft-session.ts';
import { findProgram, runProgram } from './run-program.ts';

/**
 * The name under which our nft runs, and which the kernel gives as the author of a transaction. A process id would not do: the kernel
 * tells the one of its first PID namespace, which a container can not compare with its own.
 */
export const NFT_PROCESS_NAME = 'sluice-nft';

/** Above this a process of its own is cheaper: a session reads byte by byte, at 0.8 µs each. */
const SESSION_BYTES = 8192;

/** Each further line costs a session 30 ns for every line before it, and memory that it never gives back. */
const SESSION_LINES = 1000;

/** 400,000 elements take 5 s on a small machine. */
const LARGE_LIMIT_MS = 180_000;

/** What the plane needs of {@link Nft}. */
export type NftDriver = Pick<Nft, 'apply' | 'listJson' | 'close'>;

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
      folder === undefined ? undefined : join(folder, `${NFT_PROCESS_NAME}.${use}`);
    this.#applying = new Lane(this.#link, [], fileFor('apply'));
    this.#checking = new Lane(this.#link, ['-c'], fileFor('check'));
  }

  /**
   * Finds nft, unless its path is given. `folder`, which no other process may use, keeps a link to it, of which it gets its name
   * ({@link NFT_PROCESS_NAME}), and large transactions while they are applied.
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
   * @throws NftRefusedFault (`nft-refused`) when nothing of it was applied; Fault `nft-gone` when nft ended in between, so that nobody
   * knows whether it was.
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
   * @throws NftRefusedFault, also when there is no such object.
   */
  async listJson(args: readonly string[]): Promise<unknown> {
    const { status, stdout, stderr } = await runProgram(await this.#link(), ['-j', 'list', ...args]);
    if (status !== 0) throw new NftRefusedFault(refusalOf(stderr, [`list ${args.join(' ')}`]));
    return JSON.parse(stdout) as unknown;
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

/** Transactions with the same flags, one after another: small ones through a session, large ones through a process each. */
class Lane {
  readonly #link: () => Promise<string>;
  readonly #flags: readonly string[];
  readonly #file: string | undefined;
  readonly #turns = new Turns();
  #session: NftSession | undefined;

  /** `link` gives the path of nft, `file` is where a large transaction is written, if anywhere. */
  constructor(link: () => Promise<string>, flags: readonly string[], file: string | undefined) {
    this.#link = link;
    this.#flags = flags;
    this.#file = file;
  }

  async run(transaction: string, signal: AbortSignal | undefined): Promise<void> {
    const lines = transaction.split('\n');
    await this.#turns.take(async () => {
      signal?.throwIfAborted();
      const session = fitsSession(transaction, lines) ? await this.#openSession() : undefined;
      const refusal =
        session === undefined ? await this.#runAlone(transaction, lines) : await runInSession(session, lines);
      if (refusal !== undefined) throw new NftRefusedFault(refusal);
    });
  }

  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  /** Undefined when there can be none, as where nft was built without an interactive mode. */
  async #openSession(): Promise<NftSession | undefined> {
    if (this.#session !== undefined && !this.#session.isGone && this.#session.lines < SESSION_LINES)
      return this.#session;
    this.close();
    try {
      this.#session = await NftSession.open(await this.#link(), this.#flags);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
    }
    return this.#session;
  }

  /**
   * From a file that is whole before nft starts: nft takes what it has read when its input ends, and from a pipe that would be any
   * part of a transaction whose author was killed while it wrote. On a full disk the pipe is still better than nothing.
   */
  async #runAlone(transaction: string, lines: readonly string[]): Promise<Refusal | undefined> {
    const program = await this.#link();
    const text = `${transaction}\n`;
    const file = await this.#write(text);
    const args = [...this.#flags, '-f', file ?? '-'];
    const stdin = file === undefined ? text : '';
    try {
      const end = await runProgram(program, args, { stdin, limitMs: LARGE_LIMIT_MS }).catch((thrown: unknown) => {
        throw thrown instanceof Fault ? new Fault('nft-gone', messageOf(thrown), { cause: thrown }) : thrown;
      });
      if (end.status === undefined) throw new Fault('nft-gone', 'nft was ended by a signal');
      return end.status === 0 ? undefined : refusalOf(end.stderr, lines);
    } finally {
      if (file !== undefined) await rm(file).catch(() => undefined); // the next one writes over it
    }
  }

  /** Returns the file; undefined where there is none. */
  async #write(text: string): Promise<string | undefined> {
    const file = this.#file;
    if (file === undefined) return undefined;
    return writeFile(file, text, { mode: 0o600 }).then(
      () => file,
      () => undefined,
    );
  }
}

async function runInSession(session: NftSession, lines: readonly string[]): Promise<Refusal | undefined> {
  const commands = lines.filter((line) => line.trim() !== '');
  return decodeRefusal(await session.run(commands.join(LINE_JOINT)), commands);
}

/** Whether it is small, and means the same when its lines are joined to one. */
function fitsSession(transaction: string, lines: readonly string[]): boolean {
  return transaction.length <= SESSION_BYTES && lines.every((line) => isWhole(line));
}

/**
 * Whether every block and string that begins in the line ends in it. A line with anything that a terminal library or nft may take for
 * more than a character (beyond ASCII, a comment, a continuation) does not count as whole.
 */
function isWhole(line: string): boolean {
  if (!/^[\x20-\x7e]*$/.test(line) || line.includes('\\')) return false;
  const outside = line.replaceAll(/"[^"]*"/g, '');
  return !/["#]/.test(outside) && count(outside, '{') === count(outside, '}') && !outside.trimStart().startsWith('}');
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function refusalOf(stderr: string, lines: readonly string[]): Refusal {
  const printed = stderr.split('\n').filter((line) => line !== '');
  return decodeRefusal(printed, lines) ?? { message: 'refused without a word', line: undefined };
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
