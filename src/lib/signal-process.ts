import { invariant } from './invariant.ts';

/**
 * Sends a signal to one process, which may have ended by itself in between; signal 0 only asks whether it is there.
 *
 * Returns false when there is no such process (ESRCH). Every other refusal (EPERM) is thrown. A number below 2 is a bug of the caller: kill(2)
 * takes 0 for the process group of the caller and -1 for all processes, and 0 is what `Number()` makes of an empty pid file.
 */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  invariant(Number.isInteger(pid) && pid > 1, `${String(pid)} is the number of a process that may be signalled`);
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
