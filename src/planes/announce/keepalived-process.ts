import { execFile } from 'node:child_process';
import { constants, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault } from '../../lib/fault.ts';
import { signalProcess } from '../../lib/signal-process.ts';
import {
  findPid,
  hasArgument,
  isHalted,
  lastLines,
  pidIn,
  processesWith,
  startDetached,
  until,
} from '../detached-process.ts';
import { FILES } from './configuration.ts';

const run = promisify(execFile);

/** Where keepalived is and where it runs. */
export interface KeepalivedPaths {
  readonly keepalived: string;
  /** What it reads and writes; absolute. */
  readonly folder: string;
  /** Whether `sluice-keepalived` runs it, in a unit or container of its own; else this program does. */
  readonly isUnit: boolean;
  /** Begins the command lines of everything that is started, as `nsenter --net=FILE` does; empty on the machine's own network. */
  readonly enter: readonly string[];
}

/** The process that runs on the folder. Each of these returns, or throws, within seconds. */
export interface KeepalivedProcess {
  /** `halted`: it is there but does nothing, as when it is stopped, while its addresses are bound. */
  state(): Promise<'running' | 'halted' | 'absent'>;
  /** Starts it on the configuration that is in its place. @throws Fault `keepalived-start` with what it wrote */
  start(signal: AbortSignal): Promise<void>;
  /** Asks it to read its configuration again. */
  reload(): Promise<void>;
  /** Ends it; it gives its addresses up and says so to the others, unless it does not listen and has to be killed. */
  stop(): Promise<void>;
  /** Kills it and its child at once. Their addresses stay where they are. */
  kill(): Promise<void>;
}

/** As the highest of programs that share a processor: an advertisement that is late is one that is missing. */
const REAL_TIME = ['chrt', '-r', '50'];

const NEVER = new AbortController().signal;

/** The way to the process that looks after keepalived on a folder: a unit or container of its own, or this program. */
export function keepalivedProcess(paths: KeepalivedPaths): KeepalivedProcess {
  return paths.isUnit ? new KeepalivedUnit(paths.folder) : new DetachedKeepalived(paths);
}

/** Whether `sluice-keepalived` runs on the folder. */
export async function hasKeepalivedUnit(folder: string): Promise<boolean> {
  return new KeepalivedUnit(folder).isThere();
}

/**
 * One that this program starts. It is detached, and goes on when this program ends: it has the addresses, and somebody must take them
 * over when another node dies meanwhile.
 */
class DetachedKeepalived implements KeepalivedProcess {
  readonly #paths: KeepalivedPaths;

  constructor(paths: KeepalivedPaths) {
    this.#paths = paths;
  }

  async state(): Promise<'running' | 'halted' | 'absent'> {
    const pid = await this.#pid();
    if (pid === undefined) return 'absent';
    return (await isHalted(pid)) ? 'halted' : 'running';
  }

  async start(signal: AbortSignal): Promise<void> {
    for (const file of ['keepalived.pid', 'vrrp.pid', FILES.reloading]) await rm(this.#file(file), { force: true });
    const options = ['-n', '-P', '-l', '-G', '-p', this.#file('keepalived.pid'), '-r', this.#file('vrrp.pid')];
    const command = [this.#paths.keepalived, ...options, '-f', this.#file(FILES.configuration)];
    const realTime = (await mayHaveRealTime()) ? REAL_TIME : [];
    const endOf = await startDetached([...this.#paths.enter, ...realTime, ...command], this.#file('keepalived.log'));
    await until(async () => endOf() !== undefined || (await this.#writtenPid()) !== undefined, signal);
    if (endOf() === undefined && (await this.#writtenPid()) !== undefined) return;
    const written = await readFile(this.#file('keepalived.log'), 'utf8').catch(() => '');
    const why = endOf() ?? 'it does not appear';
    throw new Fault('keepalived-start', `keepalived did not start: ${why}. ${lastLines(written)}`);
  }

  async reload(): Promise<void> {
    const pid = await this.#pid();
    if (pid !== undefined) signalProcess(pid, 'SIGHUP');
  }

  async stop(): Promise<void> {
    const pid = await this.#pid();
    if (pid === undefined) return;
    signalProcess(pid, 'SIGTERM');
    if (!(await until(async () => !(await hasArgument(pid, this.#argument)), NEVER))) await this.kill();
  }

  async kill(): Promise<void> {
    const pid = await this.#pid();
    if (pid === undefined) return;
    const children = (await processesWith(this.#argument)).filter(({ parent }) => parent === pid);
    signalProcess(pid, 'SIGKILL');
    for (const child of children) signalProcess(child.pid, 'SIGKILL');
  }

  #pid(): Promise<number | undefined> {
    return findPid(this.#file('keepalived.pid'), this.#argument);
  }

  #writtenPid(): Promise<number | undefined> {
    return pidIn(this.#file('keepalived.pid'), this.#argument);
  }

  /** What the command line of every process on the folder has, and no other. */
  get #argument(): string {
    return this.#file(FILES.configuration);
  }

  #file(name: string): string {
    return join(this.#paths.folder, name);
  }
}

/**
 * One that `sluice-keepalived` runs, in a unit or container of its own, where its process may have a number that means nothing here. It is
 * started again there when it ends or is halted; what is left to do here is to ask.
 */
class KeepalivedUnit implements KeepalivedProcess {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async isThere(): Promise<boolean> {
    return this.#ask('');
  }

  async state(): Promise<'running' | 'absent'> {
    const marker = await readFile(join(this.#folder, 'running'), 'utf8').catch(() => '');
    return marker !== '' && (await this.isThere()) ? 'running' : 'absent';
  }

  async start(signal: AbortSignal): Promise<void> {
    if (!(await this.isThere()))
      throw new Fault(
        'keepalived-start',
        `nobody runs keepalived on ${this.#folder}: start the unit or the DaemonSet sluice-keepalived`,
      );
    if (!(await until(async () => (await this.state()) === 'running', signal)))
      throw new Fault('keepalived-start', 'keepalived does not start: read the log of sluice-keepalived');
  }

  async reload(): Promise<void> {
    await this.#ask('reload\n');
  }

  /** Its configuration has to be gone, or it is started again. */
  async stop(): Promise<void> {
    if (!(await this.#ask('stop\n'))) return;
    if (!(await until(async () => (await this.state()) === 'absent', NEVER))) await this.kill();
  }

  async kill(): Promise<void> {
    await this.#ask('kill\n');
  }

  /** Returns whether somebody reads. */
  async #ask(word: string): Promise<boolean> {
    try {
      const control = await open(join(this.#folder, 'control'), constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        if (word !== '') await control.write(word);
      } finally {
        await control.close();
      }
      return true;
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENXIO' || thrown.code === 'ENOENT'))
        return false;
      throw thrown;
    }
  }
}

/** Containers are seldom allowed to; everything works without, if the machine is not busy. */
async function mayHaveRealTime(): Promise<boolean> {
  return run('chrt', ['-r', '50', 'true']).then(
    () => true,
    () => false,
  );
}
