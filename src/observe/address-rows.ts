import type { Plan } from '../compile/plan.ts';

/** The addresses of one Service, and the pool that they come from. */
export interface AddressRow {
  /** `namespace/name`. */
  readonly service: string;
  readonly addresses: readonly string[];
  readonly pool: string;
}

/** How full a pool is in one IP family. */
export interface PoolRow {
  readonly pool: string;
  readonly family: 'IPv4' | 'IPv6';
  /** How many addresses it has; as text, since an IPv6 range has more than a number holds. */
  readonly addresses: string;
  readonly taken: number;
}

/** The Services that have addresses from pools. */
export function addressRows({ addresses }: Plan): readonly AddressRow[] {
  return addresses.sorted().map(([service, assignment]) => ({
    service,
    addresses: assignment.addresses,
    pool: assignment.pool,
  }));
}

/** The pools, in the order in which they are asked. */
export function poolRows({ pools }: Plan): readonly PoolRow[] {
  return pools.map(({ pool, family, total, taken }) => ({
    pool,
    family: family === 4 ? 'IPv4' : 'IPv6',
    addresses: String(total),
    taken,
  }));
}
