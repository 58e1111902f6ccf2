import { readdir, readFile } from 'node:fs/promises';

/** What a process, the processes it started and those of them that have ended have used. */
export interface Usage {
  readonly cpuMs: number;
  readonly residentMegabytes: number;
}

/** USER_HZ, which is 100 on every Linux that programs can see (time(7)). */
const TICK_MS = 10;

/** Sums up a process and its descendants. Those that end meanwhile count as nothing. */
export async function usageOf(pid: number): Promise<Usage> {
  const own = await ownUsage(pid).catch(() => ({ cpuMs: 0, residentMegabytes: 0 }));
  const children = await Promise.all((await childrenOf(pid)).map(usageOf));
  return [own, ...children].reduce((sum, part) => ({
    cpuMs: sum.cpuMs + part.cpuMs,
    residentMegabytes: sum.residentMegabytes + part.residentMegabytes,
  }));
}

async function ownUsage(pid: number): Promise<Usage> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
  // The second field is a name in brackets, which may hold anything; utime, stime, cutime, cstime are fields 14 to 17 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return { cpuMs: ticks * TICK_MS, residentMegabytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024 };
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = await readdir(`/proc/${String(pid)}/task`).catch(() => []);
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${String(pid)}/task/${task}/children`, 'utf8').catch(() => '')),
  );
  return lists
    .flatMap((list) => list.trim().split(/\s+/))
    .filter((text) => text !== '')
    .map(Number);
}
