import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Logger } from '../../lib/logger.ts';
import type { L4Plan, ServicePlan } from '../../compile/l4/l4-plan.ts';
import type { NftDriver } from './kernel/nft.ts';
import { NftRefusedFault } from './kernel/nft-refusal.ts';
import { changedState, replacedState, type KernelState } from './kernel-state.ts';
import { transitionsOf, type ServiceTransition } from './memory/transition.ts';
import type { Refused } from './refused-services.ts';
import { printCommands } from './rules/command.ts';
import { renderAll, renderChange, renderServiceChange, type Transaction } from './rules/transaction.ts';

/** What became of a plan. */
export interface Programmed {
  readonly state: KernelState;
  /** Elements added and removed. */
  readonly changes: number;
  readonly refused: readonly Refused[];
}

/** So few Services are tried one by one, in place of halving them further. */
const FEW_SERVICES = 8;

type Affinity = 'keep' | 'forget';

/** Brings the rules from one state to the next. Of what the kernel refuses, as little as possible is left out. */
export class Programming {
  readonly #nft: NftDriver;
  readonly #logger: Logger;
  #generation = 0;

  constructor(nft: NftDriver, logger: Logger) {
    this.#nft = nft;
    this.#logger = logger;
  }

  /** @throws what {@link NftDriver.apply} throws; then nobody knows what the kernel has. */
  async program(before: KernelState | undefined, want: L4Plan, signal: AbortSignal): Promise<Programmed> {
    const change = before === undefined ? undefined : renderChange(before.plan, want, before.objects);
    return before === undefined || change === undefined
      ? this.#replace(want, signal)
      : this.#change(before, want, change, signal);
  }

  async #change(before: KernelState, want: L4Plan, change: Transaction, signal: AbortSignal): Promise<Programmed> {
    try {
      await this.#send(change, signal);
      return { state: changedState(before, want, change), changes: sizeOf(change), refused: [] };
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      this.#logger.error('the kernel refused a change; trying Service by Service', { error: thrown.message });
      return this.#changeOneByOne(before, want, signal);
    }
  }

  /** All tables in one transaction, so that whatever is there serves until then. */
  async #replace(want: L4Plan, signal: AbortSignal): Promise<Programmed> {
    let refusal: NftRefusedFault | undefined;
    for (const affinity of ['keep', 'forget'] as const) {
      const all = renderAll(want, affinity);
      try {
        await this.#send(all, signal);
        return { state: this.#replaced(want, all), changes: sizeOf(all), refused: [] };
      } catch (thrown) {
        if (!(thrown instanceof NftRefusedFault)) throw thrown;
        refusal = thrown;
        this.#logger.error('the kernel refused the whole', { error: thrown.message, affinity });
        // Not for its Services: nothing of ours would be taken, or what clients had has another form than ours.
        if (await this.#takes(withServices(want, []), affinity, signal))
          return this.#replaceWithout(want, affinity, signal);
      }
    }
    throw refusal ?? new Error('nothing was tried');
  }

  /** Without the few Services among which is the one that the kernel refuses. They follow, each alone. */
  async #replaceWithout(want: L4Plan, affinity: Affinity, signal: AbortSignal): Promise<Programmed> {
    const all = want.services.sorted();
    const suspects = new Set(await this.#suspects(want, all, affinity, signal));
    const rest = withServices(
      want,
      all.filter((entry) => !suspects.has(entry)),
    );
    // Where the Services do not get along with one another, no part of them is suspect.
    const first = suspects.size > 0 && (await this.#takes(rest, affinity, signal)) ? rest : withServices(want, []);
    const replacement = renderAll(first, affinity);
    await this.#send(replacement, signal);
    const { state, changes, refused } = await this.#changeOneByOne(this.#replaced(first, replacement), want, signal);
    return { state, changes: changes + sizeOf(replacement), refused };
  }

  /** Those among which are all that the kernel refuses, found by having it judge halves; nothing is applied. */
  async #suspects(
    want: L4Plan,
    services: readonly Entry[],
    affinity: Affinity,
    signal: AbortSignal,
  ): Promise<readonly Entry[]> {
    if (await this.#takes(withServices(want, services), affinity, signal)) return [];
    if (services.length <= FEW_SERVICES) return services;
    const half = Math.ceil(services.length / 2);
    const left = await this.#suspects(want, services.slice(0, half), affinity, signal);
    return [...left, ...(await this.#suspects(want, services.slice(half), affinity, signal))];
  }

  async #takes(plan: L4Plan, affinity: Affinity, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#nft.check(printCommands(renderAll(plan, affinity).commands), signal);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      return false;
    }
  }

  /** Each Service in a transaction of its own: what is refused stays as it was, and the rest goes on. */
  async #changeOneByOne(before: KernelState, want: L4Plan, signal: AbortSignal): Promise<Programmed> {
    let state = before;
    let changes = 0;
    const shared = renderChange(state.plan, { ...want, services: state.plan.services }, state.objects);
    if (shared !== undefined) {
      await this.#send(shared, signal);
      state = changedState(state, { ...want, services: state.plan.services }, shared);
      changes += sizeOf(shared);
    }
    let pending: readonly (readonly [string, ServiceTransition])[] = [...transitionsOf(state.plan, want)];
    // One that takes over an address is refused until the one that had it has let go, so the refused are tried until none gets any further.
    for (;;) {
      const refused: Refused[] = [];
      for (const transition of pending) {
        const [key, { before: left, after: right }] = transition;
        const change = renderServiceChange(left, right, want.node, state.objects);
        try {
          await this.#send(change, signal);
          const { services } = state.plan;
          const next = right === undefined ? services.delete(key) : services.set(key, right);
          state = changedState(state, { ...want, services: next }, change);
          changes += sizeOf(change);
        } catch (thrown) {
          if (!(thrown instanceof NftRefusedFault)) throw thrown;
          refused.push({ transition, message: thrown.message });
        }
      }
      if (refused.length === 0 || refused.length === pending.length) return { state, changes, refused };
      pending = refused.map(({ transition }) => transition);
    }
  }

  #replaced(plan: L4Plan, transaction: Transaction): KernelState {
    this.#generation += 1;
    return replacedState(plan, transaction, this.#generation);
  }

  async #send({ commands }: Transaction, signal: AbortSignal): Promise<void> {
    if (commands.length > 0) await this.#nft.apply(printCommands(commands), signal);
  }
}

type Entry = readonly [string, ServicePlan];

function withServices(plan: L4Plan, services: readonly Entry[]): L4Plan {
  return { ...plan, services: PersistentMap.from(services) };
}

function sizeOf({ added, removed }: Transaction): number {
  return added + removed;
}
