import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { AddressAssignments } from '../addresses/address-plan.ts';
import type { ServiceStatus } from '../plan.ts';
import { routerClaim } from './address-claims.ts';
import { AnnouncedAddressTable } from './announced-address-table.ts';
import { routerNumbers, type RouterRange } from './router-numbers.ts';

/**
 * What stands in the status of Services with addresses, and beside it, which virtual router each address belongs to. In a cluster the leader
 * alone says so: it is recorded where the address is, so that all nodes learn of both at once.
 */
export class RouterRecords {
  readonly #range: RouterRange;
  // Which nodes there are is no part of what an address's router is.
  readonly #addresses = new AnnouncedAddressTable(() => []);
  #made: Pick<Snapshot, 'addressPools' | 'l2Advertisements'> | undefined;
  #assignments: AddressAssignments | undefined;
  #services = PersistentMap.empty<ServiceStatus>();

  constructor(range: RouterRange) {
    this.#range = range;
  }

  /** What is to be written, by `namespace/name`; one that has not changed is the same object. */
  update(
    assignments: AddressAssignments,
    changed: ReadonlySet<string>,
    snapshot: Snapshot,
  ): PersistentMap<ServiceStatus> {
    const isSame =
      this.#assignments === assignments &&
      this.#made?.addressPools === snapshot.addressPools &&
      this.#made.l2Advertisements === snapshot.l2Advertisements &&
      ![...changed].some((key) => assignments.has(key));
    if (isSame) return this.#services;
    this.#made = snapshot;
    this.#assignments = assignments;
    const claims = this.#addresses.update(assignments, changed, snapshot).flatMap((item) => routerClaim(item) ?? []);
    const numbers = routerNumbers(claims, this.#range);
    let services = this.#services;
    for (const key of services.keys()) if (!assignments.has(key)) services = services.delete(key);
    for (const [key, { addresses, pool }] of assignments.entries()) {
      const routers = addresses.flatMap((address) => {
        const id = numbers.get(address);
        return id === undefined ? [] : [`${address}=${String(id)}`];
      });
      const before = services.get(key);
      const text = routers.join(',');
      if (before?.addresses === addresses && before.pool === pool && before.virtualRouters === text) continue;
      services = services.set(key, { addresses, pool, virtualRouters: text });
    }
    this.#services = services;
    return services;
  }
}
