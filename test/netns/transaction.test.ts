import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAMILIES, AFFINITY_TABLE, TABLE, WORDS } from '../../src/planes/l4/rules/names.ts';
import { printCommand } from '../../src/planes/l4/rules/command.ts';
import { renderAll } from '../../src/planes/l4/rules/transaction.ts';
import { KernelCopy } from '../l4/kernel-copy.ts';
import { listingOf, type Listing } from '../l4/listing.ts';
import { plans } from '../l4/plans.ts';
import { listedSets } from './listed-sets.ts';
import { NFT_PROGRAMS, OTHER_NFT, OWN_NFT } from './nft-programs.ts';
import { run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

/**
 * How many sequences of plans: each listing reads everything, and each program waits for the kernel to have freed what it deleted. The
 * fewest where two programs list after every change.
 */
const RUNS = { own: 30, other: 10, both: 6 };

function apply(program: string, commands: readonly string[]): void {
  run(program, ['-f', '-'], `${commands.join('\n')}\n`);
}

/** What the tables hold, without the maps of clients that nothing leads to any more, which `wanted` has not. */
function listed(program: string, wanted: Listing['sets']): Listing['sets'] {
  const tables = FAMILIES.flatMap((family) => [TABLE, AFFINITY_TABLE].map((name) => [WORDS[family].family, name]));
  const sets = tables.map((table) => listedSets(run(program, ['-j', 'list', 'table', ...table])));
  const all = sets.flatMap((item) => Object.entries(item));
  return Object.fromEntries(all.filter(([name]) => name in wanted || !name.includes(' clients-')));
}

describe.for(NFT_PROGRAMS)('$name', (nft) => {
  const program = nft.path;
  const numRuns = nft === OWN_NFT ? RUNS.own : RUNS.other;

  test('takes every change, and has after it what the fake has', () => {
    fc.assert(
      fc.property(plans, (sequence) => {
        run('nft', ['flush', 'ruleset']);
        const copy = new KernelCopy();
        for (const plan of sequence) {
          for (const commands of copy.apply(plan)) apply(program, commands);
          const { sets } = listingOf(copy.nft);
          expect(listed(program, sets)).toEqual(sets);
        }
      }),
      { numRuns, endOnFailure: true },
    );
  });

  test('takes a full program in place of any other', () => {
    fc.assert(
      fc.property(plans, fc.constantFrom('keep' as const, 'forget' as const), (sequence, affinity) => {
        run('nft', ['flush', 'ruleset']);
        const copy = new KernelCopy();
        for (const plan of sequence) {
          apply(program, renderAll(plan, affinity).commands.map(printCommand));
          copy.restart();
          copy.apply(plan);
          const { sets } = listingOf(copy.nft);
          expect(listed(program, sets)).toEqual(sets);
        }
      }),
      { numRuns, endOnFailure: true },
    );
  });
});

describe('two versions of nft', () => {
  if ('missing' in OTHER_NFT) {
    test.skip(`in turn (skipped: ${OTHER_NFT.missing})`);
    return;
  }
  test.for([
    { writer: OWN_NFT, reader: OTHER_NFT },
    { writer: OTHER_NFT, reader: OWN_NFT },
  ])('$writer.name writes, $reader.name lists it and goes on from there', ({ writer, reader }) => {
    fc.assert(
      fc.property(plans, (sequence) => {
        run('nft', ['flush', 'ruleset']);
        const copy = new KernelCopy();
        for (const [index, plan] of sequence.entries()) {
          for (const commands of copy.apply(plan)) apply((index % 2 === 0 ? writer : reader).path, commands);
          const { sets } = listingOf(copy.nft);
          for (const program of [reader.path, writer.path]) {
            expect(listed(program, sets)).toEqual(sets);
            run(program, ['list', 'ruleset']);
          }
        }
      }),
      { numRuns: RUNS.both, endOnFailure: true },
    );
  });
});
