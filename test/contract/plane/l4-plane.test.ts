import type { L4Plan } from '../../../src/compile/l4/l4-plan.ts';
import { Fault } from '../../../src/lib/fault.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { L4Plane } from '../../../src/planes/l4/plane.ts';
import { NftInMemory } from '../../fakes/nft/nft-in-memory.ts';
import { listingOf } from '../../l4/listing.ts';
import { L4_SUITE } from '../../l4/plane-suite.ts';
import { describePlane } from '../plane.ts';

for (const [title, leastInPieces] of [
  ['L4Plane on nftables in memory', Infinity],
  ['L4Plane in pieces on nftables in memory', 0],
] as const)
  describePlane<L4Plan>(title, {
    ...L4_SUITE,
    makeWorld: () => {
      const nft = new NftInMemory();
      const plane = new L4Plane({
        nft,
        conntrack: { list: () => Promise.resolve([]), delete: () => Promise.resolve() },
        logger: silentLogger,
        leastInPieces,
        onProgrammed: () => Promise.resolve(),
        onRefused: ({ name }, message) => {
          throw new Error(`the fake refused ${name}: ${message}`);
        },
      });
      return Promise.resolve({
        plane,
        look: () => Promise.resolve(asServing(listingOf(nft.kernel))),
        disturb: () => {
          for (const table of nft.kernel.tables.keys()) nft.kernel.apply([`delete table ${table}`]);
          // As NftMonitor tells it.
          plane.disturb('another program flushed the ruleset');
          return Promise.resolve();
        },
        refuse: () => Promise.resolve(void (nft.trouble = new Fault('nft-gone', 'nft does not run'))),
        accept: () => Promise.resolve(void (nft.trouble = undefined)),
        close: () => Promise.resolve(),
      });
    },
  });

/** Whichever of the two tables packets enter, as the first of them. */
function asServing(listing: unknown): unknown {
  return JSON.parse(JSON.stringify(listing).replaceAll('sluice-spare', 'sluice'));
}
