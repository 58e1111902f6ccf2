import fc from 'fast-check';
import { Compiler } from '../../src/compile/compiler.ts';
import type { L4Plan } from '../../src/compile/l4/l4-plan.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../../src/model/snapshot.ts';
import { batches, settings } from './snapshot-steps.ts';

/** What is announced of the addresses that Services have, or had. */
const announced = fc.constantFrom<readonly string[]>([], ['192.0.2.2', '2001:db8::2'], ['192.0.2.1']);

/** Plans as a run of Sluice makes them, one from each batch of changes. */
export const plans = fc.tuple(settings, batches, announced).map(([given, all, addresses]): readonly L4Plan[] => {
  const announcedIps = PersistentMap.from(addresses.map((address) => [address, true as const]));
  const compiler = new Compiler(given);
  let snapshot: Snapshot = EMPTY_SNAPSHOT;
  return all.flatMap(([steps, seen]) => {
    snapshot = steps.reduce((current, apply) => apply(current), snapshot);
    const { l4 } = compiler.compile(snapshot, seen);
    return l4 === undefined ? [] : [{ ...l4, announcedIps }];
  });
});
