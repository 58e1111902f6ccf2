import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeNft } from '../../../../test/fakes/nft/fake-nft.ts';
import type { Packet, Walk } from '../../../../test/fakes/nft/packet-walk.ts';
import { connect, fateText, trace } from '../../../../test/fakes/nft/trace.ts';
import { listingOf } from '../../../../test/l4/listing.ts';
import { fatesByPlan, meets } from '../../../../test/l4/oracle.ts';
import { MACHINE, packetOf, question } from '../../../../test/l4/packets.ts';
import { NODE_PLAN, planOf, target } from '../../../../test/l4/objects.ts';
import { ip } from '../../../../test/l4/snapshot-steps.ts';
import { plans } from '../../../../test/l4/plans.ts';
import type { L4Plan } from '../../../compile/l4/l4-plan.ts';
import { PersistentMap } from '../../../lib/persistent-map.ts';
import { KernelCopy } from '../../../../test/l4/kernel-copy.ts';
import { printCommand } from './command.ts';
import { WORDS } from './names.ts';
import { anchorsIn } from './anchors.ts';
import { renderRefusal } from './ruleset.ts';
import { renderAll, renderChange } from './transaction.ts';

const WEB: L4Plan = {
  services: PersistentMap.from([
    [
      'ns/web',
      { ...planOf({ cluster: [target('10.244.0.1:8080'), target('10.244.0.2:8080')] }), clusterIps: [ip('10.0.0.1')] },
    ],
  ]),
  hairpins: PersistentMap.empty(),
  balancerIps: PersistentMap.empty(),
  announcedIps: PersistentMap.empty(),
  node: NODE_PLAN,
};

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

describe('a packet that meets a change', () => {
  /** Where one gets that sees what stood before until its look-up of that number, and what stands after from then on. */
  function placesInBetween(before: FakeNft, after: FakeNft, packet: Packet): readonly string[] {
    return Array.from({ length: 12 }, (_, turn) =>
      placesOf(trace(before, MACHINE, packet, (lookUp) => (lookUp < turn ? before : after))),
    ).flat();
  }

  /** Whatever sources are then: where a policy changes too, they may be as before or after. */
  function placesOf(walks: readonly Walk[]): readonly string[] {
    return walks.map(({ fate }) => fateText(fate).replace(' masqueraded', ''));
  }

  /** Where Services lead whoever is not kept from it by source ranges or policies, which may be as before or after too. */
  function placesIn(plan: L4Plan, packet: Packet): readonly string[] {
    const ports = [...plan.services.values()].flatMap((service) => service.ports);
    const isRejected = meets(plan, packet)?.frontend.action.kind === 'reject';
    return [
      ...(isRejected ? ['refused'] : []),
      ...ports.flatMap(({ cluster }) =>
        cluster.map(({ address, port }) => {
          const isTranslated = address !== packet.destination || port !== packet.port;
          return fateText({ kind: 'delivered', address, port, isTranslated, isMasqueraded: false });
        }),
      ),
    ];
  }

  it('gets to an endpoint, or is dropped so that it comes again: neither refused nor passed on', () => {
    fc.assert(
      fc.property(plans, fc.array(question, { minLength: 10, maxLength: 10 }), (sequence, questions) => {
        const [from, to] = [new KernelCopy(), new KernelCopy()];
        let old: L4Plan | undefined;
        for (const plan of sequence) {
          to.apply(plan);
          const change = old === undefined ? undefined : renderChange(old, plan, from.present);
          if (old !== undefined && change !== undefined) {
            from.nft.apply(change.ahead.map(printCommand));
            for (const packet of questions.flatMap((item) => packetOf(item, plan) ?? [])) {
              // Where there was no Service a moment ago, nothing is lost that was there.
              if (meets(old, packet) === undefined) continue;
              const allowed = new Set([
                'dropped',
                ...[from.nft, to.nft].flatMap((nft) => placesOf(trace(nft, MACHINE, packet))),
                ...[old, plan].flatMap((each) => placesIn(each, packet)),
              ]);
              const found = placesInBetween(from.nft, to.nft, packet).filter((place) => !allowed.has(place));
              expect([packet, found]).toEqual([packet, []]);
            }
          }
          from.apply(plan);
          old = plan;
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is not refused where the tables that it goes through are replaced', () => {
    fc.assert(
      fc.property(plans, fc.array(question, { minLength: 10, maxLength: 10 }), (sequence, questions) => {
        for (const plan of sequence) {
          const nft = fresh(plan);
          nft.apply(renderRefusal('drop').map(printCommand));
          for (const packet of questions.flatMap((item) => packetOf(item, plan) ?? [])) {
            const places = Array.from({ length: 12 }, (_, turn) =>
              placesOf(trace(nft, MACHINE, packet, (lookUp) => (lookUp < turn ? nft : undefined))),
            ).flat();
            expect(places).not.toContain('refused');
          }
          // And what follows takes that back.
          nft.apply(renderAll(plan, 'forget').commands.map(printCommand));
          expect(listingOf(nft)).toEqual(listingOf(fresh(plan)));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is not refused where a look-up misses the Service that is being changed', () => {
    const nft = fresh(WEB);
    const packet = {
      from: 'pod',
      interface: 'cni0',
      source: '10.244.0.4',
      destination: '10.0.0.1',
      port: 80,
      protocol: 'tcp',
    } as const;
    const found = trace(nft, MACHINE, packet, (lookUp) => (lookUp === 0 ? undefined : nft));
    expect(found.map(({ fate }) => fateText(fate))).toEqual(['10.244.0.1:8080', '10.244.0.2:8080']);
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
