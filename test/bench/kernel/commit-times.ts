import { spawnBound } from '../../cluster/bound-process.ts';
import { LineSplitter } from '../../../src/lib/line-splitter.ts';
import { once } from 'node:events';

/** Milliseconds on the clock that the commits are told in (CLOCK_MONOTONIC, as `traffic.c` has it). */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** When the kernel took transactions that changed IPv4 objects of nf_tables, in the network namespace of this process. */
export class CommitTimes {
  readonly #end: () => void;
  #listener: (atMs: number) => void = () => {};

  private constructor(end: () => void) {
    this.#end = end;
  }

  static async follow(trafficProgram: string): Promise<CommitTimes> {
    const child = spawnBound(trafficProgram, ['commits'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const times = new CommitTimes(() => child.kill('SIGKILL'));
    const splitter = new LineSplitter();
    const output = child.stdout;
    if (output === null) throw new Error('no output');
    const ready = once(output, 'data');
    output.on('data', (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) if (line !== 'ready') times.#listener(Number(line) / 1e6);
    });
    await ready;
    return times;
  }

  /**
   * Makes a change, and returns the milliseconds until the kernel had taken a transaction that began after it.
   * Undefined when none came within `limitMs`.
   */
  async after(change: () => void, limitMs: number): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const startMs = monotonicMs();
    this.#listener = (atMs) => {
      if (atMs > startMs) resolve(atMs - startMs);
    };
    const limit = setTimeout(() => resolve(undefined), limitMs);
    change();
    try {
      return await promise;
    } finally {
      clearTimeout(limit);
      this.#listener = () => {};
    }
  }

  close(): void {
    this.#end();
  }
}
