/**
 * Finds whatever a test left running. Every process that a suite starts inherits a variable in its environment, which stays
 * with it when it becomes a daemon or moves to another session or network namespace, unlike its parent or process group.
 */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalProcess } from '../src/lib/signal-process.ts';

const variable = 'SLUICE_TEST_RUN';
const value = `${process.pid}.${Date.now()}`;

/** To be put into the environment of what is to be found again; `name` keeps apart what runs at the same time. */
export function markerOf(name: string): Readonly<Record<string, string>> {
  return { [variable]: `${value}.${name}` };
}

/** A process that was just told to end, or that is taking its time to die with its parent, is not left behind. */
const graceMs = 3_000;

/**
 * Ends every process marked with `name` that is still there after a moment of grace.
 *
 * @returns one line for each process that had to be ended: its id and its command line
 */
export async function endMarked(name: string): Promise<readonly string[]> {
  const deadlineMs = performance.now() + graceMs;
  let marked = await findMarked(name);
  while (marked.size > 0 && performance.now() < deadlineMs) {
    await sleep(50);
    marked = await findMarked(name);
  }
  for (const pid of marked.keys()) signalProcess(pid, 'SIGKILL');
  return [...marked].map(([pid, commandLine]) => `${pid} ${commandLine}`);
}

async function findMarked(name: string): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const environment = (await readOf(pid, 'environ')).split('\0');
    if (!environment.includes(`${variable}=${value}.${name}`)) continue;
    found.set(Number(pid), (await readOf(pid, 'cmdline')).split('\0').join(' ').trim());
  }
  return found;
}

/** Empty for a process that is gone or that is somebody else's: neither is ours to end. */
async function readOf(pid: string, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}
