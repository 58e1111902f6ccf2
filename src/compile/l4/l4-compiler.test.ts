import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointOf, nodeOf, serviceOf, sliceOf } from '../../../test/l4/objects.ts';
import { facts, meta, SETTINGS, step } from '../../../test/l4/snapshot-steps.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { keyOf } from '../../model/object.ts';
import { EMPTY_SNAPSHOT } from '../../model/snapshot.ts';
import { Compiler } from '../compiler.ts';
import type { Plan } from '../plan.ts';

function printed(plan: Plan): unknown {
  return {
    services: plan.l4?.services.sorted(),
    hairpins: plan.l4?.hairpins.sorted(),
    node: plan.l4?.node,
    allocations: plan.allocations.sorted(),
    findings: plan.findings.sorted(),
  };
}

/** Every address and port that some Service is reached under, as often as it is. */
function claims(plan: Plan): readonly string[] {
  const services = plan.l4?.services ?? PersistentMap.empty();
  return [...services.values()].flatMap((item) =>
    item.ports.flatMap((port) =>
      port.frontends.map(
        (frontend) => `${frontend.address ?? `node v${String(port.family)}`} ${port.protocol} ${String(frontend.port)}`,
      ),
    ),
  );
}

const NOTHING_SEEN = { nowMs: 0, node: { addresses: [] } };

describe('kernel traffic, compiled', () => {
  it('is the same as compiled from nothing with what was allocated before, after any sequence of changes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(step, { minLength: 1, maxLength: 4 }), facts), { maxLength: 12 }),
        (batches) => {
          const compiler = new Compiler(SETTINGS);
          let snapshot = EMPTY_SNAPSHOT;
          for (const [steps, seen] of batches) {
            snapshot = steps.reduce((current, apply) => apply(current), snapshot);
            const plan = compiler.compile(snapshot, seen);
            const fresh = new Compiler(SETTINGS, plan.allocations).compile(snapshot, seen);
            expect(printed(plan)).toEqual(printed(fresh));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('never gives two Services one address and port', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), facts, (steps, seen) => {
        const compiler = new Compiler(SETTINGS);
        let snapshot = EMPTY_SNAPSHOT;
        for (const apply of steps) {
          snapshot = apply(snapshot);
          const found = claims(compiler.compile(snapshot, seen));
          expect(new Set(found).size).toBe(found.length);
        }
      }),
    );
  });

  it('follows the zones of other Nodes, which endpoints on them have', () => {
    const service = serviceOf('web', {}, { distribution: 'PreferSameZone' });
    const on = { b: endpointOf('10.0.0.2', { nodeName: 'node-b' }), c: endpointOf('10.0.0.3', { nodeName: 'node-c' }) };
    const slice = sliceOf('web', [on.b, on.c]);
    const compiler = new Compiler(SETTINGS);
    const chosen = (zones: Readonly<Record<string, string>>): readonly string[] | undefined => {
      const nodes = PersistentMap.from(
        Object.entries(zones).map(([name, zone]) => [name, nodeOf({ meta: meta(name), zone })]),
      );
      const plan = compiler.compile({ ...snapshot, nodes }, NOTHING_SEEN);
      return plan.l4?.services.get('ns/web')?.ports[0]?.cluster.map(({ address }) => address);
    };
    const snapshot = {
      ...EMPTY_SNAPSHOT,
      services: PersistentMap.from([['ns/web', service]]),
      endpointSlices: PersistentMap.from([[keyOf(slice.meta), slice]]),
    };
    expect(chosen({ 'node-a': 'a', 'node-b': 'a', 'node-c': 'a' })).toEqual(['10.0.0.2', '10.0.0.3']);
    expect(chosen({ 'node-a': 'a', 'node-b': 'a', 'node-c': 'b' })).toEqual(['10.0.0.2']);
    expect(chosen({ 'node-a': 'a', 'node-b': 'a', 'node-c': 'a' })).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('shares what has not changed, the plan itself included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), facts, (steps, seen) => {
        const snapshot = steps.reduce((current, apply) => apply(current), EMPTY_SNAPSHOT);
        const compiler = new Compiler(SETTINGS);
        const first = compiler.compile(snapshot, seen);
        expect(compiler.compile({ ...snapshot }, { ...seen }).l4).toBe(first.l4);
      }),
    );
  });
});
