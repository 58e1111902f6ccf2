import { readFileSync } from 'node:fs';

/** Whether a process runs; one that has ended and that nobody has asked after (state Z) does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The processor time that a process has taken since its start, in milliseconds. */
export function processorMs(pid: number): number {
  // What stands before the last parenthesis is the name of the program (proc_pid_stat(5)); clock ticks are hundredths of a second.
  const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
