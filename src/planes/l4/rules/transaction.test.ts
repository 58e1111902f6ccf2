import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeNft } from '../../../../test/fakes/nft/fake-nft.ts';
import { connect, fateText, trace } from '../../../../test/fakes/nft/trace.ts';
import { listingOf } from '../../../../test/l4/listing.ts';
import { fatesByPlan, meets } from '../../../../test/l4/oracle.ts';
import { MACHINE, packetOf, question } from '../../../../test/l4/packets.ts';
import { plans } from '../../../../test/l4/plans.ts';
import type { L4Plan } from '../../../compile/l4/l4-plan.ts';
import { KernelCopy } from '../../../../test/l4/kernel-copy.ts';
import { printCommand } from './command.ts';
import { WORDS } from './names.ts';
import { anchorsIn } from './anchors.ts';
import { renderAll, renderChange } from './transaction.ts';

function fresh(plan: L4Plan): FakeNft {
  const nft = new FakeNft();
  nft.apply(renderAll(plan, 'forget').commands.map(printCommand));
  return nft;
}

describe('what is sent to the kernel', () => {
  it('makes of any sequence of changes what one full program of the last plan makes', () => {
    fc.assert(
      fc.property(plans, (sequence) => {
        const kernel = new KernelCopy();
        for (const plan of sequence) kernel.apply(plan);
        const last = sequence.at(-1);
        if (last !== undefined) expect(listingOf(kernel.nft)).toEqual(listingOf(fresh(last)));
      }),
      { numRuns: 100 },
    );
  });

  it('is nothing when the plan is the same', () => {
    fc.assert(
      fc.property(plans, (sequence) => {
        const kernel = new KernelCopy();
        for (const plan of sequence) {
          kernel.apply(plan);
          expect(renderChange(plan, { ...plan }, kernel.present)?.commands).toEqual([]);
        }
      }),
    );
  });

  it('replaces whatever stands there', () => {
    fc.assert(
      fc.property(plans, fc.constantFrom('keep' as const, 'forget' as const), (sequence, affinity) => {
        const nft = new FakeNft();
        for (const plan of sequence) {
          nft.apply(renderAll(plan, affinity).commands.map(printCommand));
          expect(listingOf(nft)).toEqual(listingOf(fresh(plan)));
        }
      }),
    );
  });
});

describe('the rules', () => {
  it('use every anchor, whatever Services there are: one that is not used is taken for the work of somebody else', () => {
    fc.assert(
      fc.property(plans, (sequence) => {
        for (const plan of sequence) {
          for (const { kind, family, table, name } of anchorsIn()) {
            const command = `delete ${kind} ${WORDS[family].family} ${table} ${name}`;
            expect(() => fresh(plan).apply([command])).toThrow('busy');
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('do with a packet what the plan says', () => {
    fc.assert(
      fc.property(plans, fc.array(question, { minLength: 20, maxLength: 20 }), (sequence, questions) => {
        const plan = sequence.at(-1);
        if (plan === undefined) return;
        const nft = fresh(plan);
        for (const item of questions) {
          const packet = packetOf(item, plan);
          if (packet === undefined) continue;
          const found = trace(nft, MACHINE, packet).map(({ fate }) => fateText(fate));
          expect([packet, found]).toEqual([packet, fatesByPlan(plan, MACHINE, packet)]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('hold a client to its endpoint, and never to one where it may not go any more', () => {
    fc.assert(
      fc.property(
        plans,
        fc.array(fc.tuple(question, fc.nat(7)), { maxLength: 20 }),
        fc.boolean(),
        (sequence, visits, restarts) => {
          const kernel = new KernelCopy();
          for (const plan of sequence) {
            kernel.apply(plan);
            if (restarts) kernel.restart();
            for (const [item, choice] of visits) {
              const packet = packetOf(item, plan);
              if (packet === undefined) continue;
              const made = fateText(connect(kernel.nft, MACHINE, packet, choice).fate);
              const allowed = fatesByPlan(plan, MACHINE, packet);
              expect([packet, allowed]).toEqual([packet, expect.arrayContaining([made])]);
              const next = trace(kernel.nft, MACHINE, packet).map(({ fate }) => fateText(fate));
              expect([packet, next]).toEqual([
                packet,
                meets(plan, packet)?.port.affinityTimeoutS === undefined ? allowed : [made],
              ]);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
