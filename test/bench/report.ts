import { readdir, readFile } from 'node:fs/promises';

/** One line of a table. */
export type Row = readonly string[];

/** The value below which a share of the samples lies. @throws Error when there are no samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error('no samples');
  return value;
}

/** Milliseconds in the unit that suits them. */
export function formatDuration(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(2)} ms`;
}

/** A Markdown table. */
export function formatMarkdown(headings: Row, rows: readonly Row[]): string {
  const lines = [headings, headings.map(() => '---'), ...rows];
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('');
}

/** The memory of a process that is really there (VmRSS, proc(5)), in MB. */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

/** Processor time that a process has taken so far, all its threads together, in microseconds (`schedstat`, proc(5)). */
export async function cpuMicroseconds(pid: number): Promise<number> {
  let sum = 0;
  for (const thread of await readdir(`/proc/${String(pid)}/task`)) {
    const [taken] = (await readFile(`/proc/${String(pid)}/task/${thread}/schedstat`, 'utf8')).split(' ');
    sum += Number(taken) / 1000;
  }
  return sum;
}

/** A process and the processes that it has started itself. */
export async function withChildren(pid: number): Promise<readonly number[]> {
  const children = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  return [
    pid,
    ...children
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
  ];
}
