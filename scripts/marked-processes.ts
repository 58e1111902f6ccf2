/**
 * Finds whatever a test left running. Every process that a suite starts inherits a variable in its environment, which stays
 * with it when it becomes a daemon or moves to another session or network namespace, unlike its parent or process group.
 */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const variable = 'SLUICE_TEST_RUN';
const value = `${process.pid}.${Date.now()}`;

/** To be put into the environment of what is to be found again. */
export const marker: Readonly<Record<string, string>> = { [variable]: value };

/** A process that was just told to end, or that is taking its time to die with its parent, is not left behind. */
const graceMs = 3_000;

/**
 * Ends every marked process that is still there after a moment of grace.
 *
 * @returns one line for each process that had to be ended: its id and its command line
 */
export async function endMarked(): Promise<readonly string[]> {
  const deadlineMs = performance.now() + graceMs;
  let marked = await findMarked();
  while (marked.size > 0 && performance.now() < deadlineMs) {
    await sleep(50);
    marked = await findMarked();
  }
  for (const pid of marked.keys()) end(pid);
  return [...marked].map(([pid, commandLine]) => `${pid} ${commandLine}`);
}

async function findMarked(): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const environment = (await readOf(name, 'environ')).split('\0');
    if (!environment.includes(`${variable}=${value}`)) continue;
    found.set(Number(name), (await readOf(name, 'cmdline')).split('\0').join(' ').trim());
  }
  return found;
}

/** Empty for a process that is gone or that is somebody else's: neither is ours to end. */
async function readOf(pid: string, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // Between looking and ending, it ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
