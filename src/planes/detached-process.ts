import { spawn } from 'node:child_process';
import { open, readdir, readFile } from 'node:fs/promises';
import { sleep } from '../lib/sleep.ts';

/** How long a process may take to appear, to do what it was asked for, or to end. */
export const PROCESS_DEADLINE_MS = 5_000;

/**
 * The process whose number stands in a file and whose command line has this argument, which nobody else's has; undefined where there is
 * none. It may be halted.
 */
export async function pidIn(file: string, argument: string): Promise<number | undefined> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return (await hasArgument(pid, argument)) ? pid : undefined;
}

/** Whether the command line of a process has this argument. Another program may have got its number since that was written down. */
export async function hasArgument(pid: number, argument: string): Promise<boolean> {
  const command = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
  return command.split('\0').includes(argument);
}

/**
 * As {@link pidIn}, and where the file is gone, as when somebody cleaned the folder, by a look at all processes: a second one must not be
 * started beside the first. Of several that are one program, the parent.
 */
export async function findPid(file: string, argument: string): Promise<number | undefined> {
  const written = await pidIn(file, argument);
  if (written !== undefined) return written;
  const all = await processesWith(argument);
  return all.find(({ parent }) => !all.some(({ pid }) => pid === parent))?.pid;
}

/** Every process whose command line has this argument, but those at a terminal: an editor that has the file open is somebody's. */
export async function processesWith(
  argument: string,
): Promise<readonly { readonly pid: number; readonly parent: number | undefined }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const ours = await Promise.all(pids.map((pid) => hasArgument(pid, argument)));
  const found = await Promise.all(pids.filter((_, index) => ours[index]).map(placeOf));
  return found.filter(({ isAtTerminal }) => !isAtTerminal);
}

/** Fields after the name, which may have blanks and brackets in it (proc(5)). */
async function placeOf(
  pid: number,
): Promise<{ readonly pid: number; readonly parent: number | undefined; readonly isAtTerminal: boolean }> {
  const status = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  const [, parent, , , terminal = '0'] = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return { pid, parent: parent === undefined ? undefined : Number(parent), isAtTerminal: terminal !== '0' };
}

/** Whether a process is there but does nothing: stopped, or waiting for its end. */
export async function isHalted(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  return /^[TtZX]/.test(status.slice(status.lastIndexOf(')') + 2));
}

/**
 * Starts a process that goes on when this one ends, with a new log that only we can read. Returns a function that says how it ended, or
 * undefined while it runs.
 */
export async function startDetached(command: readonly string[], logFile: string): Promise<() => string | undefined> {
  const log = await open(logFile, 'w', 0o600);
  const [program = '', ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log.fd, log.fd], cwd: '/' });
  let ended: string | undefined;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code, killedBy) => (ended ??= `ended with ${killedBy ?? `code ${String(code)}`}`));
  child.unref();
  await log.close();
  return () => ended;
}

/** What `found` finds, as soon as it does; undefined after {@link PROCESS_DEADLINE_MS}, or once there is no hope or `signal` is aborted. */
export async function untilFound<T>(
  found: () => Promise<T | undefined>,
  isHopeless: () => boolean,
  signal: AbortSignal,
): Promise<T | undefined> {
  const deadlineMs = performance.now() + PROCESS_DEADLINE_MS;
  while (performance.now() < deadlineMs && !signal.aborted) {
    const value = await found();
    if (value !== undefined) return value;
    if (isHopeless()) return undefined;
    await sleep(10, signal);
  }
  return undefined;
}

/** Looks again and again. Returns whether it came true within {@link PROCESS_DEADLINE_MS}, before `signal` is aborted. */
export async function until(isTrue: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  const found = async (): Promise<true | undefined> => ((await isTrue()) ? true : undefined);
  return (await untilFound(found, () => false, signal)) === true;
}

/** The end of what a process wrote, in one line. */
export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('; ');
}
