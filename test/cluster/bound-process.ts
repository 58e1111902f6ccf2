import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';

export interface BoundProcessOptions {
  readonly stdio: StdioOptions;
  readonly cwd?: string | undefined;
  /** Added to this process' own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * Starts a process that the kernel kills when this one ends, however it ends.
 *
 * Exit hooks alone are not enough: a test worker that is itself killed with SIGKILL runs none, and an
 * etcd that was left behind keeps its port and its disk. `setpriv` (util-linux) asks for the signal
 * (PR_SET_PDEATHSIG, prctl(2)) and then becomes the command, so the child's pid is the command's own.
 */
export function spawnBound(command: string, args: readonly string[], options: BoundProcessOptions): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
    stdio: options.stdio,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
}
