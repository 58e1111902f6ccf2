import type { Finding } from '../model/finding.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { L2Status } from '../model/l2-status.ts';
import { keyOf } from '../model/object.ts';
import type { Plan } from '../compile/plan.ts';

/** The addresses of one Service, and the pool that they come from. */
export interface AddressRow {
  /** `namespace/name`. */
  readonly service: string;
  readonly addresses: readonly string[];
  readonly pool: string;
  /** Whether this node answers for them on the local network: for all, for some, or for none; `-` where it announces none at all. */
  readonly here: 'yes' | 'partly' | 'no' | '-';
  /** The nodes that answer for them, as far as this process knows: of one Service two addresses may be with two nodes. */
  readonly nodes: readonly string[];
  /** Since when the last of these nodes has (RFC 3339); empty where none is known. */
  readonly since: string;
  /** Why it is that node; empty where none is known. */
  readonly why: string;
  /** Who else on the network answers for one of the addresses; empty where nobody does. */
  readonly conflict: string;
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
export function addressRows(
  { addresses }: Plan,
  held: ReadonlySet<IpAddress> | undefined,
  announcers: (service: string) => readonly L2Status[],
  refused: readonly Finding[],
): readonly AddressRow[] {
  return addresses.sorted().map(([service, assignment]) => {
    const [latest, ...others] = announcers(service);
    return {
      service,
      addresses: assignment.addresses,
      pool: assignment.pool,
      here: hereOf(assignment.addresses, held),
      nodes: [latest, ...others].flatMap((status) => status?.node ?? []),
      since: latest?.since ?? '',
      why: latest?.why ?? '',
      conflict: conflictOf(service, refused),
    };
  });
}

function conflictOf(service: string, refused: readonly Finding[]): string {
  const found = refused.filter(({ reason, object }) => reason === 'AddressDuplicate' && keyOf(object) === service);
  return found.map(({ message }) => message).join('; ');
}

function hereOf(addresses: readonly IpAddress[], held: ReadonlySet<IpAddress> | undefined): AddressRow['here'] {
  if (held === undefined) return '-';
  const count = addresses.filter((address) => held.has(address)).length;
  return count === addresses.length ? 'yes' : count === 0 ? 'no' : 'partly';
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
