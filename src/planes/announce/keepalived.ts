import { execFile, spawn } from 'node:child_process';
import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault, messageOf } from '../../lib/fault.ts';
import { sleep } from '../../lib/sleep.ts';
import { FILES } from './configuration.ts';

const run = promisify(execFile);

/** Where keepalived is and where it runs. */
export interface KeepalivedPaths {
  readonly keepalived: string;
  /** What it reads and writes; absolute. */
  readonly folder: string;
  /** Begins the command lines of everything that is started, as `nsenter --net=FILE` does; empty on the machine's own network. */
  readonly enter: readonly string[];
}

/** How long a process may take to appear, to read its configuration, or to end. */
const DEADLINE_MS = 5_000;

/** As the highest of programs that share a processor: an advertisement that is late is one that is missing. */
const REAL_TIME = ['chrt', '-r', '50'];

/**
 * One keepalived and the files between it and us. It is detached, and goes on when this process ends: it has the addresses, and
 * somebody must take them over when another node dies meanwhile.
 */
export class Keepalived {
  readonly #paths: KeepalivedPaths;

  constructor(paths: KeepalivedPaths) {
    this.#paths = paths;
  }

  /** The process that runs on the folder; undefined where there is none. A stopped or dying one is none that could be relied on. */
  async pid(): Promise<number | undefined> {
    return (await this.#writtenPid()) ?? this.#lostPid();
  }

  async #writtenPid(): Promise<number | undefined> {
    const pid = Number(await readFile(this.#file('keepalived.pid'), 'utf8').catch(() => ''));
    return Number.isInteger(pid) && pid > 0 && (await this.#isOurs(pid)) ? pid : undefined;
  }

  /**
   * A process whose pid file is gone, as when somebody cleaned the folder: a second one beside it would have the same addresses. Of the
   * two that one keepalived is, the parent.
   */
  async #lostPid(): Promise<number | undefined> {
    const all = await this.#processes();
    return all.find(({ parent }) => !all.some(({ pid }) => pid === parent))?.pid;
  }

  /** Every process on the folder. */
  async #processes(): Promise<readonly { readonly pid: number; readonly parent: number | undefined }[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const ours = await Promise.all(pids.map((pid) => this.#isOurs(pid)));
    return Promise.all(
      pids.filter((_, index) => ours[index]).map(async (pid) => ({ pid, parent: await parentOf(pid) })),
    );
  }

  /** Another program may have got the number since it was written down. */
  async #isOurs(pid: number): Promise<boolean> {
    const command = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
    return command.split('\0').includes(this.#file(FILES.configuration));
  }

  /** Whether a process is there but does nothing: stopped, or waiting for its end. */
  async isHalted(pid: number): Promise<boolean> {
    const status = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
    return /^[TtZX]/.test(status.slice(status.lastIndexOf(')') + 2));
  }

  /**
   * Puts a configuration into its place, once keepalived itself has found nothing wrong with it. A file with a mistake would be loaded
   * in part, or end the process with its addresses bound; an empty one would release all of them, without a word.
   *
   * Until it is read, by {@link start} or {@link reload}, {@link hasRead} says so, also to the next run of this program.
   *
   * @throws Fault `keepalived-refused` with what it says
   */
  async install(text: string): Promise<void> {
    const temporary = this.#file(`${FILES.configuration}.tmp`);
    await writeFile(temporary, text, { mode: 0o600, flush: true });
    await this.#check(temporary);
    await writeFile(this.#file(FILES.reloading), 'installed\n', { mode: 0o600 });
    await rename(temporary, this.#file(FILES.configuration));
  }

  /** Whether a process that runs has read this configuration, and not only found it in its place. */
  async hasRead(text: string): Promise<boolean> {
    const read = (file: string): Promise<string | undefined> =>
      readFile(this.#file(file), 'utf8').catch(() => undefined);
    return (await read(FILES.configuration)) === text && (await read(FILES.reloading)) === undefined;
  }

  async #check(file: string): Promise<void> {
    const written = await readFile(file, 'utf8');
    if (written.trim() === '') throw new Fault('keepalived-refused', `${file} is empty`);
    const [program, ...args] = [...this.#paths.enter, this.#paths.keepalived, '-t', '-f', file];
    try {
      await run(program, args);
    } catch (thrown) {
      const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr).trim() : messageOf(thrown);
      throw new Fault('keepalived-refused', `keepalived refuses its configuration: ${said || messageOf(thrown)}`);
    }
  }

  /** Starts it on the installed configuration. @throws Fault `keepalived-start` with what it wrote */
  async start(signal: AbortSignal): Promise<number> {
    for (const file of ['keepalived.pid', 'vrrp.pid', FILES.reloading]) await rm(this.#file(file), { force: true });
    const log = await open(this.#file('keepalived.log'), 'w', 0o600);
    const options = ['-n', '-P', '-l', '-G', '-p', this.#file('keepalived.pid'), '-r', this.#file('vrrp.pid')];
    const command = [this.#paths.keepalived, ...options, '-f', this.#file(FILES.configuration)];
    const realTime = (await mayHaveRealTime()) ? REAL_TIME : [];
    const [program = '', ...args] = [...this.#paths.enter, ...realTime, ...command];
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log.fd, log.fd], cwd: '/' });
    let ended: string | undefined;
    child.on('error', (error) => (ended = error.message));
    child.on('exit', (code, killedBy) => (ended ??= `ended with ${killedBy ?? `code ${String(code)}`}`));
    child.unref();
    await log.close();
    const pid = await this.#until(
      async () => (ended === undefined ? this.#writtenPid() : undefined),
      () => ended !== undefined,
      signal,
    );
    if (pid !== undefined) return pid;
    const written = await readFile(this.#file('keepalived.log'), 'utf8').catch(() => '');
    throw new Fault(
      'keepalived-start',
      `keepalived did not start: ${ended ?? 'it does not appear'}. ${lastLines(written)}`,
    );
  }

  /** Has it read its configuration again, and waits until it has. @throws Fault `keepalived-silent` when it does not */
  async reload(pid: number, signal: AbortSignal): Promise<void> {
    // It empties this file when it begins to read, and removes it afterwards.
    await writeFile(this.#file(FILES.reloading), 'asked\n', { mode: 0o600 });
    process.kill(pid, 'SIGHUP');
    const isDone = await this.#until(
      async () =>
        (await readFile(this.#file(FILES.reloading), 'utf8').catch(() => undefined)) === undefined ? true : undefined,
      () => false,
      signal,
    );
    if (isDone !== true) throw new Fault('keepalived-silent', 'keepalived does not read its configuration');
  }

  /** Ends it; it gives its addresses up and says so to the others, unless it does not listen and has to be killed. */
  async stop(pid: number): Promise<void> {
    kill(pid, 'SIGTERM');
    const isGone = await this.#until(
      async () => ((await this.#isOurs(pid)) ? undefined : true),
      () => false,
      new AbortController().signal,
    );
    if (isGone !== true) await this.kill(pid);
  }

  /** Kills it and its child at once. Their addresses stay where they are. */
  async kill(pid: number): Promise<void> {
    const children = (await this.#processes()).filter(({ parent }) => parent === pid);
    kill(pid, 'SIGKILL');
    for (const child of children) kill(child.pid, 'SIGKILL');
  }

  async #until<T>(
    found: () => Promise<T | undefined>,
    isHopeless: () => boolean,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const deadlineMs = performance.now() + DEADLINE_MS;
    while (performance.now() < deadlineMs && !signal.aborted) {
      const value = await found();
      if (value !== undefined) return value;
      if (isHopeless()) return undefined;
      await sleep(10, signal);
    }
    return undefined;
  }

  #file(name: string): string {
    return join(this.#paths.folder, name);
  }
}

/** Containers are seldom allowed to; everything works without, if the machine is not busy. */
async function mayHaveRealTime(): Promise<boolean> {
  return run('chrt', ['-r', '50', 'true']).then(
    () => true,
    () => false,
  );
}

/** The second field after the name, which may have blanks and brackets in it (proc(5)). */
async function parentOf(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  const [, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return parent === undefined ? undefined : Number(parent);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in between.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('; ');
}
