import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeNft } from '../../../../test/fakes/nft/fake-nft.ts';
import { fateText, trace } from '../../../../test/fakes/nft/trace.ts';
import { listingOf } from '../../../../test/l4/listing.ts';
import { MACHINE, packetOf, question } from '../../../../test/l4/packets.ts';
import { plans } from '../../../../test/l4/plans.ts';
import type { L4Plan } from '../../../compile/l4/l4-plan.ts';
import { printCommand, printCommands } from './command.ts';
import { SPARE_TABLE, TABLE, type MainTable } from './names.ts';
import { deletingMain, inPieces } from './pieces.ts';
import { renderAll } from './transaction.ts';

/** The transactions that put `table` in the place of the other one. */
function pieces(plan: L4Plan, table: MainTable): readonly (readonly string[])[] {
  const { filling, swapping } = inPieces(renderAll(plan, 'keep'));
  const other = table === TABLE ? SPARE_TABLE : TABLE;
  const swap = [printCommands(deletingMain(), other), printCommands(swapping, table)];
  return [...filling.map((piece) => [printCommands(piece, table)]), swap].map((texts) =>
    texts.flatMap((text) => text.split('\n')).filter((line) => line !== ''),
  );
}

it(
  'pieces make what one transaction makes, and until the last of them packets fare as before',
  { timeout: 90_000 },
  () => {
    fc.assert(
      fc.property(plans, fc.array(question, { minLength: 5, maxLength: 5 }), (sequence, questions) => {
        const nft = new FakeNft();
        const [first] = sequence;
        if (first === undefined) return;
        nft.apply(renderAll(first, 'keep').commands.map(printCommand));
        let table: MainTable = TABLE;
        for (const plan of sequence) {
          const packets = questions.flatMap((item) => packetOf(item, plan) ?? []);
          const fates = (): unknown =>
            packets.map((packet) => trace(nft, MACHINE, packet).map(({ fate }) => fateText(fate)));
          const before = fates();
          table = table === TABLE ? SPARE_TABLE : TABLE;
          const all = pieces(plan, table);
          for (const piece of all.slice(0, -1)) {
            nft.apply(piece);
            expect(fates()).toEqual(before);
          }
          nft.apply(all.at(-1) ?? []);
          const fresh = new FakeNft();
          fresh.apply(renderAll(plan, 'keep').commands.map(printCommand));
          const listed = JSON.stringify(listingOf(nft)).replaceAll(SPARE_TABLE, TABLE);
          expect(JSON.parse(listed)).toEqual(listingOf(fresh));
        }
      }),
      { numRuns: 60 },
    );
  },
);
