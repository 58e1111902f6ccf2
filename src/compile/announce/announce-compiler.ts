import type { IpFamily } from '../../lib/ip-number.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { familyOf } from '../../model/address-range.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { keyOf } from '../../model/object.ts';
import type { EndpointSlice, Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { AddressAssignments } from '../addresses/address-plan.ts';
import { refOf } from '../l4/frontends.ts';
import type { AnnouncePlan, VirtualRouter } from './announce-plan.ts';
import type { AnnounceSettings, InterfaceFacts } from './announce-settings.ts';
import { numbersOf, type AnnouncedAddress } from './address-claims.ts';
import { hasEndpoint, nodesInOrder, whyNotEligible } from './eligibility.ts';
import { devicesFor } from './interfaces.ts';
import type { Profile } from './profile.ts';
import type { RouterRange } from './router-numbers.ts';

/** What has to be known to say who answers for which address. */
export interface AnnounceInput {
  readonly snapshot: Snapshot;
  /** Who has which addresses. */
  readonly assignments: AddressAssignments;
  readonly interfaces: readonly InterfaceFacts[];
  readonly slicesOf: (service: string) => readonly EndpointSlice[];
}

/** The plan of this node, and what has to be said about Services, by producer. */
export interface AnnounceOutput {
  readonly plan: AnnouncePlan;
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
}

/** Addresses that move as one, and what the oldest claim among them says of all. */
interface Group {
  readonly id: number;
  readonly profile: Profile;
  readonly addresses: IpAddress[];
  readonly isEligible: boolean;
}

/**
 * Says which addresses this node answers for, together with which others, and how eager it is to. Every node computes the same groups with
 * the same numbers from the same objects, and its own priority in each. Pure.
 *
 * @param all the addresses that Services have, sorted
 * @param mode in a cluster the virtual router of an address is the one that is recorded of it, and until there is one nobody answers
 */
export function compileAnnounce(
  input: AnnounceInput,
  all: readonly AnnouncedAddress[],
  settings: AnnounceSettings,
  mode: 'standalone' | 'cluster',
): AnnounceOutput {
  const { snapshot, interfaces } = input;
  const numbers = numbersOf(all, settings.routers, mode);
  const findings = new Map<string, readonly Finding[]>();
  for (const item of all) report(item, numbers, settings, mode, findings);
  const routers = groupsOf(all, numbers, input, settings)
    .filter(({ profile }) => profile.nodes.includes(settings.nodeName))
    .flatMap((group) => routersOf(group, settings.nodeName, interfaces));
  return {
    plan: {
      routers: PersistentMap.from(routers.map((router) => [router.name, router])),
      isNodeEligible: whyNotEligible(settings.nodeName, snapshot.nodes) === undefined,
    },
    findings,
  };
}

/** In order of age, so that of addresses that have one number by mistake the oldest decides, and nothing that is added later moves it. */
function groupsOf(
  all: readonly AnnouncedAddress[],
  numbers: ReadonlyMap<IpAddress, number>,
  { slicesOf }: AnnounceInput,
  { nodeName }: AnnounceSettings,
): readonly Group[] {
  const groups = new Map<number, Group>();
  const createdMs = ({ services }: AnnouncedAddress): number => Math.min(...services.map(({ meta }) => meta.createdMs));
  for (const { address, profile, local } of all.toSorted((a, b) => createdMs(a) - createdMs(b))) {
    const id = numbers.get(address);
    if (id === undefined || profile === undefined) continue;
    const isEligibleHere =
      local.length === 0 || local.some((service) => hasEndpoint(slicesOf(keyOf(service.meta)), nodeName));
    const group = groups.get(id) ?? { id, profile, addresses: [], isEligible: isEligibleHere };
    groups.set(id, group);
    group.addresses.push(address);
  }
  return [...groups.values()].map((group) => ({ ...group, addresses: group.addresses.toSorted() }));
}

/** One a network interface on which the addresses are answered for here. */
function routersOf(
  { id, profile, addresses, isEligible: may }: Group,
  nodeName: string,
  interfaces: readonly InterfaceFacts[],
): readonly VirtualRouter[] {
  const priority = 254 - Math.floor((nodesInOrder(profile, id).indexOf(nodeName) * 253) / profile.nodes.length);
  const byInterface = new Map<string, IpAddress[]>();
  for (const address of addresses)
    for (const device of devicesFor(address, profile, interfaces))
      byInterface.set(device, [...(byInterface.get(device) ?? []), address]);
  return [...byInterface].map(([device, own]) => ({
    name: `r${String(id)}-${device}`,
    interface: device,
    carrier: carrierOn(device, interfaces),
    id,
    priority,
    takesBack: profile.preferred.has(nodeName),
    addresses: own,
    isEligible: may,
  }));
}

function carrierOn(device: string, interfaces: readonly InterfaceFacts[]): IpFamily {
  const networks = interfaces.find(({ name }) => name === device)?.networks ?? [];
  return networks.some(({ address }) => familyOf(address) === 4) ? 4 : 6;
}

function report(
  { address, services, profile, pool, isByBgp }: AnnouncedAddress,
  numbers: ReadonlyMap<IpAddress, number>,
  { routers }: AnnounceSettings,
  mode: 'standalone' | 'cluster',
  findings: Map<string, readonly Finding[]>,
): void {
  for (const service of services) {
    const producer = `announce:${keyOf(service.meta)}`;
    // It may have another address, which is announced or not by itself.
    const found = findings.get(producer) ?? [];
    const isExhausted = mode === 'standalone' && !numbers.has(address);
    if (profile === undefined)
      findings.set(producer, isByBgp ? found : [...found, unannounced(service, address, pool)]);
    else findings.set(producer, isExhausted ? [...found, exhausted(service, address, routers)] : found);
  }
}

function exhausted(service: Service, address: IpAddress, { count }: RouterRange): Finding {
  const message = `the ${String(count)} virtual router identifiers are used up, so that nobody answers for ${address}`;
  return finding('VirtualRoutersExhausted', refOf(service), 'spec.externalTrafficPolicy', message);
}

function unannounced(service: Service, address: IpAddress, pool: AddressPool | undefined): Finding {
  const of = pool === undefined ? '' : ` of pool ${pool.meta.name}`;
  return finding(
    'AddressNotAnnounced',
    refOf(service),
    '',
    `no L2Advertisement is for ${address}${of}, so that nobody answers for it`,
  );
}
