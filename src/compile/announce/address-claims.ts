import { fnv1a } from '../../lib/hash.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { AddressAssignments } from '../addresses/address-plan.ts';
import { poolOf } from '../addresses/pool-of.ts';
import { isFor, profileOf, type NodeLabels, type Profile } from './profile.ts';
import { routerNumbers, type RouterClaim, type RouterRange } from './router-numbers.ts';

/** An address that Services have, with all that decides who answers for it. */
export interface AnnouncedAddress {
  readonly address: IpAddress;
  readonly services: readonly Service[];
  readonly pool: AddressPool | undefined;
  /** Undefined where there are L2Advertisements, and none is for it; or none at all, and it is announced by BGP. */
  readonly profile: Profile | undefined;
  /** Whether a BGPAdvertisement is for it. */
  readonly isByBgp: boolean;
  /** The Services of it with externalTrafficPolicy Local, for which a node needs an endpoint. */
  readonly local: readonly Service[];
}

/**
 * Into so many groups the addresses of one profile are divided, so that they are spread over the nodes, and those of a node that dies
 * over the others. More would cost more advertisements.
 */
const SHARDS = 16;

/** The addresses that Services have, sorted. `nodes` are those that may answer. */
export function announcedAddresses(
  assignments: AddressAssignments,
  snapshot: Snapshot,
  nodes: readonly NodeLabels[],
): readonly AnnouncedAddress[] {
  const make = announcedAddressOf(snapshot, nodes);
  return holdersOf(assignments).map(([address, keys]) => make(address, keys));
}

/** Looks an address up that the Services of these keys have. */
export function announcedAddressOf(
  snapshot: Snapshot,
  nodes: readonly NodeLabels[],
): (address: IpAddress, keys: readonly string[]) => AnnouncedAddress {
  const advertisements = snapshot.l2Advertisements.sorted().map(([, item]) => item);
  const byBgp = [...snapshot.bgpAdvertisements.values()];
  return (address, keys) => {
    const services = keys.flatMap((key) => snapshot.services.get(key) ?? []);
    const pool = poolOf(address, snapshot.addressPools);
    const isByBgp = byBgp.some((item) => isFor(item, pool, services));
    const isLeftToBgp = isByBgp && advertisements.length === 0;
    return {
      address,
      services,
      pool,
      profile: isLeftToBgp ? undefined : profileOf(pool, services, advertisements, nodes),
      isByBgp,
      local: services.filter(({ traffic }) => traffic.externalPolicy === 'Local'),
    };
  };
}

/** What an address asks of {@link routerNumbers}; undefined where nobody is to answer for it. */
export function routerClaim({ address, services, profile, local }: AnnouncedAddress): RouterClaim | undefined {
  if (profile === undefined) return undefined;
  const isSingle = local.length > 0;
  const keys = services.map(({ meta }) => `${meta.namespace}/${meta.name}`);
  const classKey = JSON.stringify(isSingle ? ['local', keys, profile.key] : ['any', profile.key]);
  const shardKey = isSingle ? classKey : JSON.stringify(['any', fnv1a(address) % SHARDS, profile.key]);
  return {
    address,
    classKey,
    shardKey,
    isSingle,
    createdMs: isSingle ? Math.min(...local.map(({ meta }) => meta.createdMs)) : 0,
    recorded: recordedRouter(address, services),
  };
}

/** The number that is recorded of an address. Of Services that share it, the oldest one counts. */
function recordedRouter(address: IpAddress, services: readonly Service[]): number | undefined {
  const byAge = services.toSorted((a, b) => a.meta.createdMs - b.meta.createdMs);
  return byAge
    .flatMap(({ loadBalancer }) => loadBalancer?.virtualRouters ?? [])
    .find((entry) => entry.address === address)?.id;
}

/** The Services that have an address, by address; both sorted. */
export function holdersOf(assignments: AddressAssignments): readonly (readonly [IpAddress, readonly string[]])[] {
  const holders = new Map<IpAddress, string[]>();
  for (const [key, { addresses }] of assignments.sorted())
    for (const address of addresses) holders.set(address, [...(holders.get(address) ?? []), key]);
  return [...holders].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The virtual router of each address. In a cluster it is the one that is recorded, and until there is one nobody answers. */
export function numbersOf(
  all: readonly AnnouncedAddress[],
  range: RouterRange,
  mode: 'standalone' | 'cluster',
): ReadonlyMap<IpAddress, number> {
  return mode === 'cluster' ? recordedNumbers(all, range) : computedNumbers(all, range);
}

/** Those that are recorded, and ours to use: whoever may write to a Service must not reach virtual routers of others on the network. */
function recordedNumbers(
  all: readonly AnnouncedAddress[],
  { first, count }: RouterRange,
): ReadonlyMap<IpAddress, number> {
  const recorded = all.flatMap(({ address, services }) => {
    const id = recordedRouter(address, services);
    return id === undefined || id < first || id >= first + count ? [] : [[address, id] as const];
  });
  return new Map(recorded);
}

/** Where nothing is recorded, every machine comes to the same ones by itself. */
function computedNumbers(all: readonly AnnouncedAddress[], range: RouterRange): ReadonlyMap<IpAddress, number> {
  const claims = all.flatMap((item) => routerClaim(item) ?? []);
  return routerNumbers(
    claims.map((claim) => ({ ...claim, recorded: undefined })),
    range,
  );
}
