import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What became of one question of the client. */
export interface Question {
  readonly protocol: 'UDP' | 'TCP';
  /** CLOCK_MONOTONIC. */
  readonly sentMs: number;
  /** By which try it was answered. */
  readonly outcome: 'first' | 'second' | 'failed';
  /** The node that answered. */
  readonly node: string;
}

/** A client that asks (`client.ts`), until it is stopped. */
export class Asking {
  readonly #child: ChildProcess;
  #written = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => (this.#written += chunk.toString()));
  }

  get hasAnswer(): boolean {
    return /^TCP .* first /m.test(this.#written) && /^UDP .* first /m.test(this.#written);
  }

  async stop(): Promise<readonly Question[]> {
    this.#child.stdin?.end();
    await once(this.#child, 'close');
    return this.#written
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' '))
      .map(([protocol, sent, outcome = 'failed', node = '-']) => ({
        protocol: protocol === 'TCP' ? 'TCP' : 'UDP',
        sentMs: Number(sent),
        outcome: outcome === 'first' || outcome === 'second' ? outcome : 'failed',
        node,
      }));
  }
}

/** CLOCK_MONOTONIC, as the client has it. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * The longest time from one question that was answered at once to the next, of either protocol, in milliseconds; or to the last question
 * of all, where none was answered any more.
 */
export function longestGapMs(questions: readonly Question[]): number {
  return Math.max(
    ...(['UDP', 'TCP'] as const).map((protocol) => gapOf(questions.filter((item) => item.protocol === protocol))),
  );
}

/** For how long the client did not come to ask at all, in milliseconds: the machine was busy with something else. */
export function longestStallMs(questions: readonly Question[]): number {
  const times = questions.map(({ sentMs }) => sentMs).sort((a, b) => a - b);
  return times.reduce((longest, time, index) => Math.max(longest, time - (times[index - 1] ?? time)), 0);
}

function gapOf(questions: readonly Question[]): number {
  const lastMs = Math.max(...questions.map(({ sentMs }) => sentMs));
  const answered = questions.filter(({ outcome }) => outcome === 'first').map(({ sentMs }) => sentMs);
  const times = [...answered, lastMs].sort((a, b) => a - b);
  return times.reduce((longest, time, index) => Math.max(longest, time - (times[index - 1] ?? time)), 0);
}
