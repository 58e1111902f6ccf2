import { fnv1a } from '../../lib/hash.ts';
import { ipTextOf } from '../../lib/ip-number.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { cidrOf, type Cidr } from '../../model/cidr.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { isIpv6Address, type IpAddress } from '../../model/grammar.ts';
import { keyOf, idOf, objectAt } from '../../model/object.ts';
import type { EndpointSlice, Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Want } from '../../model/want.ts';
import type { AddressAssignments } from '../addresses/address-plan.ts';
import { poolOf } from '../addresses/pool-of.ts';
import { holdersOf } from '../announce/address-claims.ts';
import { hasEndpoint, nodesOf, whyNotEligible } from '../announce/eligibility.ts';
import { isFor, isOfPool } from '../announce/profile.ts';
import { refOf } from '../l4/frontends.ts';
import { advertisementsOf, exportsOf, fitsPool, lengthFor, peerNames, type Advertisement } from './advertisements.ts';
import type { AnnouncedService, BgpPlan, BgpRoute, RouteProfile, SessionId } from './bgp-plan.ts';
import type { BgpSettings } from './bgp-settings.ts';
import { sessionsOf } from './sessions.ts';

/** What has to be known to say who is given which routes. */
export interface BgpInput {
  readonly snapshot: Snapshot;
  /** Who has which addresses. */
  readonly assignments: AddressAssignments;
  /** Of this machine, the primary one of each family first. */
  readonly nodeAddresses: readonly IpAddress[];
  readonly slicesOf: (service: string) => readonly EndpointSlice[];
}

/** The plan of this node, what has to be said about objects, by producer, and the Secrets that hold passwords. */
export interface BgpOutput {
  readonly plan: BgpPlan;
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  readonly wants: readonly Want[];
}

/** A prefix with the advertisements of it, the oldest first. */
interface Advertised {
  readonly prefix: Cidr;
  readonly advertisements: Advertisement[];
}

/** Says which routes this node announces to which peers, and how. Pure. */
export function compileBgp(input: BgpInput, settings: BgpSettings): BgpOutput {
  const { snapshot } = input;
  const labels = nodesOf(snapshot, settings.nodeName).find(({ name }) => name === settings.nodeName)?.labels ?? {};
  const { sessions, findings: ofPeers, secrets } = sessionsOf(snapshot, labels);
  const found: Finding[] = [...ofPeers];
  const advertisements = advertisementsOf(snapshot, labels, sessions, found);
  const { advertised, services } = advertisedOf(input, settings, advertisements, found);
  const profiles = new Profiles(found);
  for (const pool of snapshot.addressPools.sorted().map(([, item]) => item)) profiles.addThoseOf(pool, advertisements);
  for (const { advertisements: these } of advertised.values()) profiles.add(these);
  const numbers = profiles.numbers();
  const routes = [...advertised.values()].flatMap(({ prefix, advertisements: these }): readonly BgpRoute[] => {
    const profile = numbers.get(profileKey(these));
    return profile === undefined ? [] : [{ prefix, profile }];
  });
  return {
    plan: {
      routerId: routerIdOf(input, settings.nodeName),
      sessions,
      profiles: profiles.list(numbers),
      routes: routes.sort((a, b) => (a.prefix.text < b.prefix.text ? -1 : 1)),
      services,
    },
    findings: byProducer(found),
    wants: secrets.map((key): Want => ({ ref: objectAt('Secret', key), purposes: ['bgp-password'] })),
  };
}

/** The profiles that routes of this node may have. */
class Profiles {
  readonly #findings: Finding[];
  readonly #exports = new Map<string, RouteProfile['exports']>();

  constructor(findings: Finding[]) {
    this.#findings = findings;
  }

  /** Those without anybody to be given the routes are none. */
  add(advertisements: readonly Advertisement[]): void {
    const key = profileKey(advertisements);
    if (this.#exports.has(key)) return;
    const exports = exportsOf(advertisements, this.#findings);
    if (exports.length > 0) this.#exports.set(key, exports);
  }

  /** What addresses of a pool have that any Service is given: it is there before the Service. */
  addThoseOf(pool: AddressPool, advertisements: readonly Advertisement[]): void {
    const these = advertisements.filter(
      (item) => item.spec.serviceSelectors.length === 0 && item.sessions.length > 0 && isOfPool(item.spec, pool),
    );
    for (const range of pool.ranges)
      for (const length of new Set(these.map(({ spec }) => lengthFor(spec, range.first))))
        this.add(
          these.filter(({ spec }) => lengthFor(spec, range.first) === length && fitsPool(spec, range.first, pool, [])),
        );
  }

  /** By key. From the hash of the key, so that they stay when others come and go; where two have one hash, the next free one. */
  numbers(): ReadonlyMap<string, number> {
    const numbers = new Map<string, number>();
    const taken = new Set<number>();
    for (const key of [...this.#exports.keys()].sort()) {
      let number = fnv1a(key);
      while (number === 0 || taken.has(number)) number = (number + 1) >>> 0;
      taken.add(number);
      numbers.set(key, number);
    }
    return numbers;
  }

  list(numbers: ReadonlyMap<string, number>): readonly RouteProfile[] {
    return [...this.#exports]
      .flatMap(([key, exports]) => {
        const number = numbers.get(key);
        return number === undefined ? [] : [{ number, exports }];
      })
      .sort((a, b) => a.number - b.number);
  }
}

/** By who advertises, and not by what: a change of attributes changes no route. */
function profileKey(advertisements: readonly Advertisement[]): string {
  return JSON.stringify(advertisements.map(({ key }) => key).sort());
}

function advertisedOf(
  { snapshot, assignments, slicesOf }: BgpInput,
  { nodeName, isOnlyWay }: BgpSettings,
  all: readonly Advertisement[],
  findings: Finding[],
): { readonly advertised: ReadonlyMap<string, Advertised>; readonly services: readonly AnnouncedService[] } {
  const advertised = new Map<string, Advertised>();
  const announced = new Map<string, { peers: Set<string>; addresses: IpAddress[] }>();
  const names = peerNames(snapshot);
  const isNodeEligible = whyNotEligible(nodeName, snapshot.nodes) === undefined;
  for (const [address, keys] of holdersOf(assignments)) {
    const services = keys.flatMap((key) => snapshot.services.get(key) ?? []);
    const pool = poolOf(address, snapshot.addressPools);
    const matching = all.filter(({ spec }) => isFor(spec, pool, services) && fitsPool(spec, address, pool, findings));
    if (matching.length === 0 && isOnlyWay)
      for (const service of services) findings.push(unannounced(service, address));
    const serving = services.filter((service) => isServed(service, slicesOf(keyOf(service.meta)), nodeName));
    const here = matching.filter(({ sessions }) => sessions.length > 0);
    if (!isNodeEligible || serving.length === 0 || here.length === 0) continue;
    for (const advertisement of here) addTo(advertised, address, advertisement);
    const peers = here.flatMap(({ sessions }) => sessions.map((id: SessionId) => names.get(id) ?? ''));
    for (const service of serving) {
      const entry = announced.get(keyOf(service.meta)) ?? { peers: new Set(), addresses: [] };
      announced.set(keyOf(service.meta), entry);
      for (const peer of peers) entry.peers.add(peer);
      entry.addresses.push(address);
    }
  }
  const services = [...announced].map(([service, entry]) => ({
    service,
    peers: [...entry.peers].sort(),
    addresses: entry.addresses,
  }));
  return { advertised, services: services.sort((a, b) => (a.service < b.service ? -1 : 1)) };
}

function addTo(advertised: Map<string, Advertised>, address: IpAddress, advertisement: Advertisement): void {
  const prefix = cidrOf(`${address}/${String(lengthFor(advertisement.spec, address))}`);
  if (prefix === undefined) return;
  const entry = advertised.get(prefix.text) ?? { prefix, advertisements: [] };
  advertised.set(prefix.text, entry);
  if (!entry.advertisements.includes(advertisement)) entry.advertisements.push(advertisement);
}

/** With policy Local an endpoint of this node has to serve; otherwise any. */
function isServed({ traffic }: Service, slices: readonly EndpointSlice[], nodeName: string): boolean {
  return traffic.externalPolicy === 'Local' ? hasEndpoint(slices, nodeName) : hasEndpoint(slices);
}

/** The address by which the Node is known, or this machine; without any of IPv4, a number that the name always gives. */
function routerIdOf({ snapshot, nodeAddresses }: BgpInput, nodeName: string): IpAddress {
  const own = snapshot.nodes.get(nodeName)?.internalIps ?? [];
  const address = [...own, ...nodeAddresses].find((item) => !isIpv6Address(item));
  return address ?? (ipTextOf({ family: 4, value: BigInt(Math.max(1, fnv1a(nodeName))) }) as IpAddress);
}

function unannounced(service: Service, address: IpAddress): Finding {
  return finding(
    'AddressNotAnnounced',
    refOf(service),
    '',
    `no BGPAdvertisement is for ${address}, so that no peer learns of it`,
  );
}

/** Each once, by the object that they are about. */
function byProducer(findings: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> {
  const grouped = new Map<string, Map<string, Finding>>();
  for (const item of findings) {
    const producer = `bgp:${idOf(item.object)}`;
    const own = grouped.get(producer) ?? new Map<string, Finding>();
    grouped.set(producer, own.set(`${item.reason} ${item.field} ${item.message}`, item));
  }
  return new Map([...grouped].map(([producer, own]) => [producer, [...own.values()]]));
}
