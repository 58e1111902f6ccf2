import fc from 'fast-check';
import { Compiler } from '../../src/compile/compiler.ts';
import type { L4Plan } from '../../src/compile/l4/l4-plan.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../../src/model/snapshot.ts';
import { batches, settings } from './snapshot-steps.ts';

/** Plans as a run of Sluice makes them, one from each batch of changes. */
export const plans = fc.tuple(settings, batches).map(([given, all]): readonly L4Plan[] => {
  const compiler = new Compiler(given);
  let snapshot: Snapshot = EMPTY_SNAPSHOT;
  return all.flatMap(([steps, seen]) => {
    snapshot = steps.reduce((current, apply) => apply(current), snapshot);
    return compiler.compile(snapshot, seen).l4 ?? [];
  });
});
