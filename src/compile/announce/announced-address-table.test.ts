import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { addressRangeOf } from '../../model/address-range.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import { DEFAULT_TRAFFIC, type Service } from '../../model/service.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../../model/snapshot.ts';
import type { AddressAssignment, AddressAssignments } from '../addresses/address-plan.ts';
import { announcedAddresses } from './address-claims.ts';
import { AnnouncedAddressTable } from './announced-address-table.ts';

const NODES = [{ name: 'a', labels: {} }];

function poolOf(name: string, range: string): AddressPool {
  const meta = { namespace: 'm', name, uid: '', createdMs: 0 };
  const ranges = [addressRangeOf(range)].filter((item) => item !== undefined);
  return { meta, labels: {}, ranges, isAutomatic: true, avoidsBuggyAddresses: false, reserved: undefined };
}

function serviceOf(name: string, isLocal: boolean): Service {
  return {
    meta: { namespace: 's', name, uid: '', createdMs: 0 },
    type: 'LoadBalancer',
    ports: [],
    externalName: undefined,
    publishedAddresses: [],
    traffic: { ...DEFAULT_TRAFFIC, externalPolicy: isLocal ? 'Local' : 'Cluster' },
    loadBalancer: undefined,
  };
}

function assignmentOf(name: string, addresses: readonly number[]): AddressAssignment {
  return {
    ref: { kind: 'Service', namespace: 's', name },
    addresses: addresses.map((last) => ipAddressOf(`192.0.2.${String(last)}`)).filter((ip) => ip !== undefined),
    pool: 'p',
  };
}

/** A Service with addresses of a few, so that several have one; without any, one without an address; or a change of all pools. */
const step = fc.oneof(
  fc.record({
    name: fc.constantFrom('w', 'x', 'y', 'z'),
    addresses: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 2 }),
    isLocal: fc.boolean(),
  }),
  fc.constantFrom('192.0.2.1-192.0.2.2', '192.0.2.0/24'),
);

it('has after any changes what is computed from nothing, and what did not change as it was', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const table = new AnnouncedAddressTable(() => NODES);
      let { addressPools, services } = EMPTY_SNAPSHOT;
      const seen = (): Snapshot => ({ ...EMPTY_SNAPSHOT, addressPools, services });
      let assignments: AddressAssignments = PersistentMap.empty();
      for (const next of steps) {
        const before = table.update(assignments, new Set(), seen());
        const changed = new Set<string>();
        if (typeof next === 'string') addressPools = PersistentMap.from([['m/p', poolOf('p', next)]]);
        else {
          const key = `s/${next.name}`;
          changed.add(key);
          services = services.set(key, serviceOf(next.name, next.isLocal));
          assignments =
            next.addresses.length === 0
              ? assignments.delete(key)
              : assignments.set(key, assignmentOf(next.name, next.addresses));
        }
        const after = table.update(assignments, changed, seen());
        expect(after).toEqual(announcedAddresses(assignments, seen(), NODES));
        if (typeof next === 'string') continue;
        const others = before.filter((item) => !item.services.some(({ meta }) => changed.has(`s/${meta.name}`)));
        const touched = new Set(assignments.get(`s/${next.name}`)?.addresses);
        for (const item of others) if (!touched.has(item.address)) expect(after).toContain(item);
      }
    }),
  );
});
