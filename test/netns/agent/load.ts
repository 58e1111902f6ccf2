import { askOverTcp } from './probe.ts';
import type { LoadReport, Target } from './protocol.ts';

/** So long may a connect take under load before it counts as failed: several retransmissions of a lost SYN. */
const PATIENCE_MS = 8_000;

const SHOWN_FAILURES = 10;

/** Connects without pause until it is stopped; whatever is not answered is a failure. */
export class Load {
  #connects = 0;
  #failed = 0;
  readonly #failures: string[] = [];
  #stopAt = Number.POSITIVE_INFINITY;
  readonly #workers: readonly Promise<void>[];

  constructor(targets: readonly Target[], width: number) {
    this.#workers = Array.from({ length: width }, async (_, worker) => {
      for (let turn = worker; this.#connects < this.#stopAt; turn += 1) {
        const target = targets[turn % targets.length];
        if (target === undefined) return;
        this.#connects += 1;
        const reply = await askOverTcp(target, PATIENCE_MS);
        if (reply.kind !== 'answered') this.#note(`${target.address}: ${JSON.stringify(reply)}`);
      }
    });
  }

  async stop(atLeast: number): Promise<LoadReport> {
    this.#stopAt = atLeast;
    await Promise.all(this.#workers);
    return { connects: this.#connects, failed: this.#failed, failures: this.#failures };
  }

  #note(failure: string): void {
    this.#failed += 1;
    if (this.#failures.length < SHOWN_FAILURES) this.#failures.push(failure);
  }
}
