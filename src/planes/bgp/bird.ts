import { execFile } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault, messageOf } from '../../lib/fault.ts';
import { signalProcess } from '../../lib/signal-process.ts';
import { findPid, hasArgument, isHalted, lastLines, startDetached, until, untilFound } from '../detached-process.ts';
import { DIGEST_SYMBOL, type BirdConfiguration } from './configuration.ts';
import { ask, resultOf, type ReplyLine } from './control.ts';

const run = promisify(execFile);

/** Where BIRD is and where it runs. */
export interface BirdPaths {
  readonly bird: string;
  /** What it reads and writes; absolute. */
  readonly folder: string;
  /** Begins the command lines of everything that is started, as `nsenter --net=FILE` does; empty on the machine's own network. */
  readonly enter: readonly string[];
}

const CONFIGURATION = 'bird.conf';

/** BIRD's answers to `configure` that mean it has the new configuration, or is about to. */
const RECONFIGURED: ReadonlySet<number> = new Set([3, 4, 18, 20]);

/**
 * One BIRD and the files between it and us. It is detached, and goes on when this process ends: routers would withdraw every address
 * of the node when their sessions end.
 */
export class Bird {
  readonly #paths: BirdPaths;

  constructor(paths: BirdPaths) {
    this.#paths = paths;
  }

  /** The process that runs on the folder, also where its pid file is gone; undefined where there is none. It may be halted. */
  pid(): Promise<number | undefined> {
    return findPid(this.#file('bird.pid'), this.#file(CONFIGURATION));
  }

  isHalted(pid: number): Promise<boolean> {
    return isHalted(pid);
  }

  /**
   * Puts a configuration into its place, once BIRD itself has found nothing wrong with it: it would not start on one with a mistake.
   *
   * @throws Fault `bird-refused` with what it says
   */
  async install({ text }: BirdConfiguration): Promise<void> {
    const temporary = this.#file(`${CONFIGURATION}.tmp`);
    await rm(temporary, { force: true });
    await writeFile(temporary, text, { mode: 0o600, flush: true });
    const [program, ...args] = [...this.#paths.enter, this.#paths.bird, '-p', '-c', temporary];
    try {
      await run(program, args);
    } catch (thrown) {
      const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr).trim() : '';
      throw new Fault('bird-refused', `BIRD refuses its configuration: ${said || messageOf(thrown)}`);
    }
    await rename(temporary, this.#file(CONFIGURATION));
  }

  /** The configuration that is in its place; empty where there is none. */
  installed(): Promise<string> {
    return readFile(this.#file(CONFIGURATION), 'utf8').catch(() => '');
  }

  /** Whether this is the configuration that it has, as it says itself. @throws Fault as {@link ask} does */
  async hasRead({ digest }: BirdConfiguration): Promise<boolean> {
    const lines = await this.ask(`eval ${DIGEST_SYMBOL}`);
    return resultOf(lines).text === digest;
  }

  /** Has it take the installed configuration. Sessions that are the same in it stay. @throws Fault `bird-refused`, and as {@link ask} does */
  async configure(): Promise<void> {
    const result = resultOf(await this.ask('configure'));
    if (!RECONFIGURED.has(result.code))
      throw new Fault('bird-refused', `BIRD does not take its configuration: ${result.text}`);
  }

  /**
   * Starts it on the installed configuration.
   *
   * @param isRestart whether peers are asked to keep the routes of the one before until this one has sent them (RFC 4724)
   * @throws Fault `bird-start` with what it wrote
   */
  async start(signal: AbortSignal, isRestart: boolean): Promise<number> {
    for (const file of ['bird.pid', 'bird.ctl']) await rm(this.#file(file), { force: true });
    const files = ['-c', this.#file(CONFIGURATION), '-s', this.#socket, '-P', this.#file('bird.pid')];
    const options = ['-f', ...(isRestart ? ['-R'] : []), ...files];
    const endOf = await startDetached(
      [...this.#paths.enter, this.#paths.bird, ...options],
      this.#file('bird-start.log'),
    );
    const answers = async (): Promise<number | undefined> => {
      const pid = endOf() === undefined ? await this.pid() : undefined;
      const isThere = pid !== undefined && (await this.ask('show status').catch(() => undefined)) !== undefined;
      return isThere ? pid : undefined;
    };
    const pid = await untilFound(answers, () => endOf() !== undefined, signal);
    if (pid !== undefined) return pid;
    const written = await readFile(this.#file('bird-start.log'), 'utf8').catch(() => '');
    throw new Fault('bird-start', `BIRD did not start: ${endOf() ?? 'it does not answer'}. ${lastLines(written)}`);
  }

  /** Ends it, which it says to its peers, and they forget what they had of it. One that does not listen is killed. */
  async stop(pid: number): Promise<void> {
    if (await isHalted(pid)) return this.kill(pid);
    signalProcess(pid, 'SIGTERM');
    if (!(await this.#ends(pid))) await this.kill(pid);
  }

  /** Kills it at once, and waits until it is gone: another one could not listen beside it. */
  async kill(pid: number): Promise<void> {
    signalProcess(pid, 'SIGKILL');
    await this.#ends(pid);
  }

  /** Returns whether it is gone in time. */
  #ends(pid: number): Promise<boolean> {
    const isGone = async (): Promise<boolean> => !(await hasArgument(pid, this.#file(CONFIGURATION)));
    return until(isGone, new AbortController().signal);
  }

  /** @throws Fault as {@link ask} of the control socket does */
  ask(command: string): Promise<readonly ReplyLine[]> {
    return ask(this.#socket, command);
  }

  get #socket(): string {
    return this.#file('bird.ctl');
  }

  #file(name: string): string {
    return join(this.#paths.folder, name);
  }
}
