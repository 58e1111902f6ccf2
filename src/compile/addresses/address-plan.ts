import type { IpFamily } from '../../lib/ip-number.ts';
import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { AddressRange } from '../../model/address-range.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { ObjectRef } from '../../model/object.ts';

/** The name of the pool that `--pool` makes: that of no object. */
export const FLAG_POOL = '--pool';

/** What the operator decided about addresses of Services of type LoadBalancer. */
export interface AddressSettings {
  /** `--pool`: a pool that is in no object; no ranges: there is none. */
  readonly pool: readonly AddressRange[];
  /** Services with this `loadBalancerClass` are ours; undefined: those without any, as is the habit of load balancers. */
  readonly className: string | undefined;
  /** Whether it is reported that there is no pool at all: in a cluster another load balancer may be at work, whose business it is. */
  readonly reportsMissingPools: boolean;
}

/** The addresses that one Service has from a pool. */
export interface AddressAssignment {
  readonly ref: ObjectRef;
  /** One, or one of each family, in the order of the Service's families. */
  readonly addresses: readonly IpAddress[];
  /** The name of the pool. */
  readonly pool: string;
}

/** Assignments by `namespace/name` of the Service. */
export type AddressAssignments = PersistentMap<AddressAssignment>;

/** What an earlier run gave out, by `namespace/name`. */
export type HeldAddresses = PersistentMap<readonly IpAddress[]>;

/** How full a pool is. */
export interface PoolUsage {
  readonly pool: string;
  readonly family: IpFamily;
  readonly total: bigint;
  readonly taken: number;
}
