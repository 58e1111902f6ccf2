import type { L4Plan } from '../../compile/l4/l4-plan.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { MainTable } from './rules/names.ts';
import type { Transaction } from './rules/transaction.ts';

/** What the kernel has of ours. Never changed, but replaced as a whole; while that is not known, there is none. */
export interface KernelState {
  readonly plan: L4Plan;
  /** The table that packets enter. */
  readonly table: MainTable;
  /** Chains, sets and maps beyond the fixed ones, and how many elements need each: `chain ip sluice cluster-3`. */
  readonly objects: PersistentMap<number>;
  /** Those that nothing needs, of an earlier run too. */
  readonly unneeded: PersistentMap<true>;
  readonly elements: number;
  /** How often our tables have been made as a whole: each time all in them has new handles. */
  readonly generation: number;
}

/** After one transaction that put our tables in place of whatever there was. */
export function replacedState(
  plan: L4Plan,
  transaction: Transaction,
  generation: number,
  table: MainTable,
): KernelState {
  const objects = PersistentMap.empty<number>();
  const unneeded = PersistentMap.empty<true>();
  return changedState({ plan, table, objects, unneeded, elements: 0, generation }, plan, transaction);
}

/** After a transaction that brought the rules to `plan`. */
export function changedState(state: KernelState, plan: L4Plan, { added, removed, needs }: Transaction): KernelState {
  let { objects, unneeded } = state;
  for (const [id, by] of needs) {
    const count = (objects.get(id) ?? 0) + by;
    objects = objects.set(id, count);
    if (count > 0) unneeded = unneeded.delete(id);
    else unneeded = unneeded.set(id, true);
  }
  return { ...state, plan, objects, unneeded, elements: state.elements + added - removed };
}

/** With chains and maps that were found, of an earlier run, and that no element needs. */
export function withStrays(state: KernelState, strays: readonly string[]): KernelState {
  return { ...state, unneeded: strays.reduce((all, id) => all.set(id, true), state.unneeded) };
}

/** Without an object that was deleted. */
export function withoutObject(state: KernelState, id: string): KernelState {
  return { ...state, objects: state.objects.delete(id), unneeded: state.unneeded.delete(id) };
}
