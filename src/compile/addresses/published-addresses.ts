import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { FLAG_POOL, type AddressAssignment, type AddressAssignments, type AddressSettings } from './address-plan.ts';
import { poolOf, rangesHave } from './pool-of.ts';

/** Which addresses are ours that stand in the status of Services. */
export type PublishedSettings = Pick<AddressSettings, 'pool' | 'className'>;

/**
 * The addresses of pools that stand in the status of Services, for those who only read there what another process gave out.
 *
 * An address stays until it is out of the status, also when its pool goes: whether it is taken back then is for the giver to decide. Who was
 * started since knows it by what the giver recorded beside it.
 */
export class PublishedAddresses {
  readonly #settings: PublishedSettings;
  #pools: Snapshot['addressPools'] | undefined;
  /** Undefined until a pool has been seen: before, nothing can be said of any address. */
  #assignments: AddressAssignments | undefined;

  constructor(settings: PublishedSettings) {
    this.#settings = settings;
  }

  /** As they were brought up to date last. */
  get assignments(): AddressAssignments | undefined {
    return this.#assignments;
  }

  /** Brings them up to date; undefined while no pool has been seen, when it is not known what is ours. */
  update(changed: ReadonlySet<string>, snapshot: Snapshot): AddressAssignments | undefined {
    const areSamePools = this.#pools === snapshot.addressPools;
    this.#pools = snapshot.addressPools;
    if (this.#assignments === undefined) {
      if (snapshot.addressPools.size === 0 && this.#settings.pool.length === 0) return undefined;
      this.#assignments = PersistentMap.empty();
    }
    const keys = areSamePools ? changed : snapshot.services.keys();
    for (const key of [...keys, ...(areSamePools ? [] : changed)]) this.#look(key, this.#assignments, snapshot);
    return this.#assignments;
  }

  #look(key: string, assignments: AddressAssignments, { services, addressPools }: Snapshot): void {
    const before = assignments.get(key);
    const after = this.#assignmentOf(services.get(key), before, addressPools);
    const isSame = before?.pool === after?.pool && before?.addresses.join() === after?.addresses.join();
    if (isSame) return;
    this.#assignments = after === undefined ? this.#assignments?.delete(key) : this.#assignments?.set(key, after);
  }

  #assignmentOf(
    service: Service | undefined,
    before: AddressAssignment | undefined,
    pools: Snapshot['addressPools'],
  ): AddressAssignment | undefined {
    if (service?.loadBalancer?.className !== this.#settings.className || service?.loadBalancer === undefined)
      return undefined;
    const found = service.traffic.loadBalancerIps.flatMap((address) => {
      const pool =
        this.#poolOf(address, pools) ??
        (before?.addresses.includes(address) === true ? before.pool : service.loadBalancer?.allocatedFrom);
      return pool === undefined ? [] : [{ address, pool }];
    });
    const [first] = found;
    if (first === undefined) return undefined;
    const { namespace, name } = service.meta;
    return {
      ref: { kind: 'Service', namespace, name },
      addresses: found.map(({ address }) => address),
      pool: first.pool,
    };
  }

  #poolOf(address: IpAddress, pools: Snapshot['addressPools']): string | undefined {
    return poolOf(address, pools)?.meta.name ?? (rangesHave(this.#settings.pool, address) ? FLAG_POOL : undefined);
  }
}
