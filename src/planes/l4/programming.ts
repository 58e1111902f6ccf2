import { PersistentMap } from '../../lib/persistent-map.ts';
import { Fault, messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import type { L4Plan, ServicePlan } from '../../compile/l4/l4-plan.ts';
import type { NftDriver } from './kernel/nft.ts';
import { isShortage, NftRefusedFault } from './kernel/nft-refusal.ts';
import { changedState, replacedState, type KernelState } from './kernel-state.ts';
import { enteredTables } from './memory/stale-clients.ts';
import { transitionsOf, type ServiceTransition } from './memory/transition.ts';
import type { Refused } from './refused-services.ts';
import { printCommands } from './rules/command.ts';
import { MAIN_TABLES, SPARE_TABLE, TABLE, WORDS, type MainTable } from './rules/names.ts';
import { deletingMain, inPieces, type Pieces } from './rules/pieces.ts';
import { renderRefusal } from './rules/ruleset.ts';
import { renderAll, renderChange, renderServiceChange, type Transaction } from './rules/transaction.ts';

/** What became of a plan. */
export interface Programmed {
  readonly state: KernelState;
  /** Elements added and removed. */
  readonly changes: number;
  readonly refused: readonly Refused[];
  /** Why Services stay as they were of which nothing is refused: the kernel is short of memory. */
  readonly shortage?: Fault;
}

/** From so many elements on a replacement is made in pieces: below, it takes nft's lock for a second at most. */
const LEAST_IN_PIECES = 100_000;

type Affinity = 'keep' | 'forget';

/** Brings the rules from one state to the next. Of what the kernel refuses, as little as possible is left out. */
export class Programming {
  readonly #nft: NftDriver;
  readonly #logger: Logger;
  readonly #leastInPieces: number;
  #generation = 0;
  #isReplacing = false;

  constructor(nft: NftDriver, logger: Logger, leastInPieces = LEAST_IN_PIECES) {
    this.#nft = nft;
    this.#logger = logger;
    this.#leastInPieces = leastInPieces;
  }

  /** @throws what {@link NftDriver.apply} throws; then nobody knows what the kernel has. */
  async program(before: KernelState | undefined, want: L4Plan, signal: AbortSignal): Promise<Programmed> {
    const change = before === undefined ? undefined : renderChange(before.plan, want, before.objects);
    if (before !== undefined && change !== undefined) return this.#change(before, want, change, signal);
    this.#isReplacing = true;
    try {
      return await this.#replace(want, signal);
    } finally {
      this.#isReplacing = false;
    }
  }

  /** Whether our tables are being made as a whole, so that those of before may be there or not. */
  get isReplacing(): boolean {
    return this.#isReplacing;
  }

  async #change(before: KernelState, want: L4Plan, change: Transaction, signal: AbortSignal): Promise<Programmed> {
    try {
      await this.#send(change, before.table, signal);
      return { state: changedState(before, want, change), changes: sizeOf(change), refused: [] };
    } catch (thrown) {
      // What a small transaction needs may still be there: one Service that is very large is to hold up no other.
      if (!(thrown instanceof NftRefusedFault) && !isShortage(thrown)) throw thrown;
      this.#logger.error('the kernel did not take a change; trying Service by Service', { error: thrown.message });
      return this.#changeOneByOne(before, want, signal);
    }
  }

  /** Whatever is there serves until the last transaction: in the usual case, the only one. */
  async #replace(want: L4Plan, signal: AbortSignal): Promise<Programmed> {
    const pieced = await this.#replaceInPieces(want, signal);
    if (pieced !== undefined) return pieced;
    let refusal: NftRefusedFault | undefined;
    for (const affinity of ['keep', 'forget'] as const) {
      const all = renderAll(want, affinity);
      try {
        await this.#exchange(MAIN_TABLES, printCommands(all.commands), signal);
        return { state: this.#replaced(want, all, TABLE), changes: sizeOf(all), refused: [] };
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

  /**
   * While a transaction of half a million elements is taken, nobody else comes to nftables for seconds, network plugins not either. So a
   * large one goes into a table beside the one that serves, piece by piece. Undefined where it is small, or refused.
   */
  async #replaceInPieces(want: L4Plan, signal: AbortSignal): Promise<Programmed | undefined> {
    const all = renderAll(want, 'keep');
    if (all.added < this.#leastInPieces) return undefined;
    try {
      const serving = await this.#servingTable();
      const spare = serving === TABLE ? SPARE_TABLE : TABLE;
      const { filling, swapping } = inPieces(all);
      await this.#fill(spare, filling, signal);
      const swap = `${printCommands(deletingMain(), serving)}\n${printCommands(swapping, spare)}`;
      await this.#exchange([serving], swap, signal);
      return { state: this.#replaced(want, all, spare), changes: sizeOf(all), refused: [] };
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      this.#logger.error('the kernel refused a part of the whole', { error: thrown.message });
      return undefined;
    }
  }

  async #fill(spare: MainTable, pieces: Pieces['filling'], signal: AbortSignal): Promise<void> {
    try {
      for (const piece of pieces) await this.#nft.apply(printCommands(piece, spare), signal);
    } catch (thrown) {
      // A part of a table that nobody enters would keep the memory that is wanted.
      if (isShortage(thrown)) await this.#tryApply(printCommands(deletingMain(), spare));
      throw thrown;
    }
  }

  /** The table that packets enter, of this run or an earlier one. */
  async #servingTable(): Promise<MainTable> {
    const entered = enteredTables(await this.#nft.listJson(['chains', WORDS[4].family]));
    return entered.has(SPARE_TABLE) ? SPARE_TABLE : TABLE;
  }

  /** Without the Services that the kernel refuses. They follow, each alone. */
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
    await this.#exchange(MAIN_TABLES, printCommands(replacement.commands), signal);
    const replaced = this.#replaced(first, replacement, TABLE);
    const changed = await this.#changeOneByOne(replaced, want, signal);
    return { ...changed, changes: changed.changes + sizeOf(replacement) };
  }

  /** Those that the kernel refuses, found by having it judge halves; nothing is applied. */
  async #suspects(
    want: L4Plan,
    services: readonly Entry[],
    affinity: Affinity,
    signal: AbortSignal,
  ): Promise<readonly Entry[]> {
    if (await this.#takes(withServices(want, services), affinity, signal)) return [];
    if (services.length === 1) return services;
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
      await this.#send(shared, state.table, signal);
      state = changedState(state, { ...want, services: state.plan.services }, shared);
      changes += sizeOf(shared);
    }
    let pending: readonly (readonly [string, ServiceTransition])[] = [...transitionsOf(state.plan, want)];
    // One that takes over an address is refused until the one that had it has let go, so the refused are tried until none gets any further.
    for (;;) {
      const refused: Refused[] = [];
      let shortage: Fault | undefined;
      for (const transition of pending) {
        const [key, { before: left, after: right }] = transition;
        const change = renderServiceChange(left, right, want.node, state.objects);
        try {
          await this.#send(change, state.table, signal);
          const { services } = state.plan;
          const next = right === undefined ? services.delete(key) : services.set(key, right);
          state = changedState(state, { ...want, services: next }, change);
          changes += sizeOf(change);
        } catch (thrown) {
          if (isShortage(thrown)) shortage = thrown;
          else if (thrown instanceof NftRefusedFault) refused.push({ transition, message: thrown.message });
          else throw thrown;
        }
      }
      // Whatever is refused now is asked again with what is missing: an address may be free then.
      if (shortage !== undefined) return { state, changes, refused: [], shortage };
      if (refused.length === 0 || refused.length === pending.length) return { state, changes, refused };
      pending = refused.map(({ transition }) => transition);
    }
  }

  #replaced(plan: L4Plan, transaction: Transaction, table: MainTable): KernelState {
    this.#generation += 1;
    return replacedState(plan, transaction, this.#generation, table);
  }

  /** Puts tables in the place of `replaced`, whichever of these packets enter. */
  async #exchange(replaced: readonly MainTable[], transaction: string, signal: AbortSignal): Promise<void> {
    const refusal = (by: 'drop' | 'reject'): string =>
      replaced.map((table) => printCommands(renderRefusal(by), table)).join('\n');
    try {
      await this.#nft.apply(refusal('drop'), signal);
      // Once begun, to its end.
      await this.#nft.apply(transaction);
    } catch (thrown) {
      // Also where nobody knows what was applied: the next attempt may be long in coming, and until then clients of a Service without
      // endpoints would wait in place of being refused. In new tables it changes nothing.
      await this.#tryApply(refusal('reject'));
      throw thrown;
    }
  }

  /** Of what is left the better for it, and no worse without it. */
  async #tryApply(transaction: string): Promise<void> {
    try {
      await this.#nft.apply(transaction);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#logger.warn('nft cannot put right what an attempt left behind', { error: messageOf(thrown) });
    }
  }

  async #send({ ahead, commands }: Transaction, table: MainTable, signal: AbortSignal): Promise<void> {
    if (ahead.length > 0) await this.#nft.apply(printCommands(ahead, table), signal);
    if (commands.length > 0) await this.#nft.apply(printCommands(commands, table), signal);
  }
}

type Entry = readonly [string, ServicePlan];

function withServices(plan: L4Plan, services: readonly Entry[]): L4Plan {
  return { ...plan, services: PersistentMap.from(services) };
}

function sizeOf({ added, removed }: Transaction): number {
  return added + removed;
}
