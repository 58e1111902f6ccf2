import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAMILIES, AFFINITY_TABLE, TABLE, WORDS } from '../../src/planes/l4/rules/names.ts';
import { renderAll } from '../../src/planes/l4/rules/transaction.ts';
import { KernelCopy } from '../l4/kernel-copy.ts';
import { listingOf, type Listing } from '../l4/listing.ts';
import { plans } from '../l4/plans.ts';
import { listedSets } from './listed-sets.ts';
import { run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

/**
 * The nft programs to try: the machine's own, and another version where one is named:
 *
 *     SLUICE_OTHER_NFT=/path/to/nft unshare --net npx vitest run --project netns test/netns/transaction.test.ts
 */
const OTHER = process.env['SLUICE_OTHER_NFT'];
const PROGRAMS = OTHER === undefined ? ['nft'] : ['nft', OTHER];

/** Each listing reads everything, and each program waits for the kernel to have freed what it deleted. */
const RUNS = 30;

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

describe.for(PROGRAMS)('%s', (program) => {
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
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  test('takes a full program in place of any other', () => {
    fc.assert(
      fc.property(plans, fc.constantFrom('keep' as const, 'forget' as const), (sequence, affinity) => {
        run('nft', ['flush', 'ruleset']);
        const copy = new KernelCopy();
        for (const plan of sequence) {
          apply(program, renderAll(plan, affinity).commands);
          copy.restart();
          copy.apply(plan);
          const { sets } = listingOf(copy.nft);
          expect(listed(program, sets)).toEqual(sets);
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });
});

describe.skipIf(OTHER === undefined)('two versions of nft', () => {
  test.for([
    ['nft', OTHER ?? ''],
    [OTHER ?? '', 'nft'],
  ])('%s writes, %s lists it and goes on from there', ([writer = '', reader = '']) => {
    fc.assert(
      fc.property(plans, (sequence) => {
        run('nft', ['flush', 'ruleset']);
        const copy = new KernelCopy();
        for (const [index, plan] of sequence.entries()) {
          for (const commands of copy.apply(plan)) apply(index % 2 === 0 ? writer : reader, commands);
          const { sets } = listingOf(copy.nft);
          for (const program of [reader, writer]) {
            expect(listed(program, sets)).toEqual(sets);
            run(program, ['list', 'ruleset']);
          }
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });
});
