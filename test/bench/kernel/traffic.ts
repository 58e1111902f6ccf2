import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { percentile } from '../report.ts';
import type { Namespace } from './namespace.ts';
import type { Targets } from './lanes.ts';
import { ENDPOINT_PORT } from './synthetic-cluster.ts';

const run = promisify(execFile);

/** Client and server have a processor each, where there are two. */
const CPU = { client: '0', server: '1' };

/** Compiles `traffic.c` into a folder. Returns the program, or undefined where there is no C compiler. */
export async function compileTraffic(folder: string): Promise<string | undefined> {
  const program = join(folder, 'traffic');
  try {
    await run('cc', ['-O2', '-o', program, join(import.meta.dirname, 'traffic.c')]);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
  return program;
}

/** Serves every endpoint, until it is called off. */
export async function serve(program: string, server: Namespace): Promise<() => void> {
  const child = server.spawn([program, 'serve', String(ENDPOINT_PORT), CPU.server], ['ignore', 'pipe', 'inherit']);
  await once(child.stdout ?? child, 'data');
  return () => child.kill('SIGKILL');
}

export interface ConnectSample {
  /** Of `connect` alone, in microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** With making the socket and closing it. */
  readonly connectsPerSecond: number;
}

/** Connects one after another, each to a random one of the targets. */
export async function measureConnects(
  program: string,
  client: Namespace,
  { first, count, port }: Targets,
  connects: number,
): Promise<ConnectSample> {
  const args = ['connect', first, String(count), String(port), String(connects), CPU.client];
  const output = await client.runBinary([program, ...args]);
  const tookUs = Array.from({ length: connects }, (_, index) => output.readUInt32LE(8 + 4 * index) / 1000);
  return {
    p50Us: percentile(tookUs, 0.5),
    p99Us: percentile(tookUs, 0.99),
    connectsPerSecond: connects / output.readDoubleLE(0),
  };
}

/** Gigabits a second through one connection. */
export async function measureThroughput(
  program: string,
  client: Namespace,
  { first, port }: Targets,
  seconds: number,
): Promise<number> {
  const args = ['send', first, String(port), String(seconds), CPU.client];
  return (Number(await client.run([program, ...args])) * 8) / 1e9;
}
