import type { L4Plan } from '../../../compile/l4/l4-plan.ts';
import { Backoff } from '../../../lib/backoff.ts';
import { crash } from '../../../lib/crash.ts';
import { Fault, messageOf } from '../../../lib/fault.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import type { FlowDriver } from '../kernel/conntrack.ts';
import { familiesOf, FlowQuestion, isStale, type StaleFlows } from './stale-flows.ts';

/**
 * Forgets flows that lead where they should not any more, beside the rules and never in their way: with a hundred thousand flows
 * one look takes seconds. Changes that come meanwhile are looked at together.
 */
export class FlowKeeper {
  readonly #conntrack: FlowDriver;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #backoff = new Backoff({ minMs: 1_000, maxMs: 60_000 });
  #question = new FlowQuestion();
  #plan: L4Plan | undefined;
  #running: Promise<void> | undefined;

  constructor(conntrack: FlowDriver, logger: Logger) {
    this.#conntrack = conntrack;
    this.#logger = logger;
  }

  /** To be called whenever the rules have become those of `after`; `before` is what they were, where that is known. */
  note(before: L4Plan | undefined, after: L4Plan): void {
    this.#question.add(before, after);
    this.#plan = after;
    this.#running ??= this.#run().catch(crash);
  }

  /** Ends; waits for what is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#plan !== undefined && !this.#stop.signal.aborted) {
      const [question, plan] = [this.#question, this.#plan];
      this.#question = new FlowQuestion();
      this.#plan = undefined;
      const startedMs = performance.now();
      const pauseMs = await this.#look(question, plan);
      // As long as it took at least, so that it never takes more than half a processor.
      await sleep(Math.max(pauseMs, performance.now() - startedMs), this.#stop.signal);
    }
    this.#running = undefined;
  }

  /** Returns how long to rest before the next look, in milliseconds. */
  async #look(question: FlowQuestion, plan: L4Plan): Promise<number> {
    const stale = question.answer(plan);
    if (stale === undefined) return 0;
    try {
      await this.#forget(stale);
      this.#backoff.reset();
      return 0;
    } catch (thrown) {
      // New flows go where they should in any case.
      if (!(thrown instanceof Fault)) throw thrown;
      const message = 'cannot forget flows to where no endpoint is any more; clients that never pause keep going there';
      this.#logger.error(message, { code: thrown.code, error: messageOf(thrown) });
      if (!thrown.retryable) return 0;
      this.#question.include(question);
      this.#plan ??= plan;
      return this.#backoff.nextMs();
    }
  }

  async #forget(stale: StaleFlows): Promise<void> {
    for (const protocol of ['udp', 'tcp'] as const) {
      for (const family of familiesOf(stale, protocol)) {
        const flows = await this.#conntrack.list(protocol, family);
        await this.#conntrack.delete(flows.filter((flow) => isStale(flow, stale)));
      }
    }
  }
}
