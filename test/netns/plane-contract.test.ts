import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { L4Plan } from '../../src/compile/l4/l4-plan.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { Conntrack } from '../../src/planes/l4/kernel/conntrack.ts';
import { Nft } from '../../src/planes/l4/kernel/nft.ts';
import { L4Plane } from '../../src/planes/l4/plane.ts';
import { describePlane } from '../contract/plane.ts';
import { L4_SUITE } from '../l4/plane-suite.ts';
import { listedSets } from './listed-sets.ts';
import { NFT_PROGRAMS } from './nft-programs.ts';
import { nft as otherNft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

/** What the kernel has, without the maps of clients, which stay a while after nobody looks into them. */
function look(): unknown {
  const sets = listedSets(run('nft', ['-j', 'list', 'ruleset']));
  const kept = Object.entries(sets).filter(([name]) => !name.includes(' clients-'));
  // Whichever of the two tables packets enter.
  return Object.fromEntries(kept.map(([name, elements]) => [name.replace(' sluice-spare ', ' sluice '), elements]));
}

const WAYS = NFT_PROGRAMS.flatMap(({ name, path }) => [
  { name: `L4Plane on ${name}`, path, leastInPieces: Infinity },
  { name: `L4Plane in pieces on ${name}`, path, leastInPieces: 0 },
]);

for (const { name, path, leastInPieces } of WAYS) {
  describePlane<L4Plan>(name, {
    ...L4_SUITE,
    timeoutMs: 60_000,
    makeWorld: async () => {
      otherNft('flush ruleset');
      const folder = await mkdtemp(join(tmpdir(), 'sluice-plane-contract-'));
      const program = join(folder, 'nft');
      await symlink(path, program);
      const nft = await Nft.open(folder, program);
      const plane = new L4Plane({
        nft,
        conntrack: new Conntrack(folder),
        logger: silentLogger,
        leastInPieces,
        onProgrammed: () => Promise.resolve(),
        onRefused: ({ name: service }, message) => {
          throw new Error(`the kernel refused ${service}: ${message}`);
        },
      });
      return {
        plane,
        look: () => Promise.resolve(look()),
        disturb: () => {
          otherNft('flush ruleset');
          // As NftMonitor tells it.
          plane.disturb('another program flushed the ruleset');
          return Promise.resolve();
        },
        refuse: () => {
          run('ln', ['-sfn', '/bin/false', program]);
          // The session that runs is still the old program.
          nft.close();
          return Promise.resolve();
        },
        accept: () => Promise.resolve(void run('ln', ['-sfn', path, program])),
        close: () => rm(folder, { recursive: true }),
      };
    },
  });
}
