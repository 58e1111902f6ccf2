import type { IpFamily } from '../../lib/ip-number.ts';
import { fnv1a } from '../../lib/hash.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { familyOf, rangeHas } from '../../model/address-range.ts';
import { cidrHas } from '../../model/cidr.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Node } from '../../model/node.ts';
import { keyOf, type ObjectRef } from '../../model/object.ts';
import type { EndpointSlice, Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { AddressAssignments } from '../addresses/address-plan.ts';
import type { AnnouncePlan, VirtualRouter } from './announce-plan.ts';
import type { AnnounceSettings, InterfaceFacts } from './announce-settings.ts';
import { profileOf, type NodeLabels, type Profile } from './profile.ts';
import { routerNumbers, type NumberedGroup } from './router-numbers.ts';

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

/** Addresses with one profile that move as one: those that any node of the profile may have, or those of Services that need endpoints. */
interface Group extends NumberedGroup {
  readonly profile: Profile;
  readonly services: readonly Service[];
  readonly addresses: IpAddress[];
  readonly isEligible: boolean;
}

/**
 * Into so many groups the addresses of one profile are divided, so that they are spread over the nodes, and those of a node that dies
 * over the others. More would cost more advertisements.
 */
const SHARDS = 16;

/** Nodes with this label, whatever its value, are not to receive traffic from balancers (KEP-1143). */
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * Says which addresses this node answers for, together with which others, and how eager it is to. Every node computes the same groups with
 * the same numbers from the same objects, and its own priority in each. Pure.
 */
export function compileAnnounce(input: AnnounceInput, settings: AnnounceSettings): AnnounceOutput {
  const { snapshot, interfaces } = input;
  const nodes = nodesOf(snapshot, settings.nodeName);
  const findings = new Map<string, readonly Finding[]>();
  const groups = groupsOf(input, settings, nodes, findings);
  const numbers = routerNumbers(groups, settings.routers);
  const routers: [string, VirtualRouter][] = [];
  for (const group of groups) {
    const id = numbers.get(group.key);
    if (id === undefined) reportExhausted(group, findings, settings);
    if (id === undefined || !group.profile.nodes.includes(settings.nodeName)) continue;
    for (const router of routersOf(group, id, settings.nodeName, interfaces)) routers.push([router.name, router]);
  }
  return {
    plan: { routers: PersistentMap.from(routers), isNodeEligible: isEligible(snapshot.nodes, settings.nodeName) },
    findings,
  };
}

/** The nodes that there are objects of; without any this machine is the only one. */
function nodesOf({ nodes }: Snapshot, nodeName: string): readonly NodeLabels[] {
  const known = [...nodes.values()].map(({ meta, labels }) => ({ name: meta.name, labels }));
  return known.some(({ name }) => name === nodeName) ? known : [...known, { name: nodeName, labels: {} }];
}

/**
 * A node that is not ready yields to those that are; where none is, it is those who judge that are at fault, and nobody yields. Nobody
 * who says so himself is asked twice.
 */
function isEligible(nodes: PersistentMap<Node>, nodeName: string): boolean {
  const own = nodes.get(nodeName);
  if (own === undefined) return true;
  if (own.isLeaving || own.isNetworkUnavailable || own.labels[EXCLUDED_LABEL] !== undefined) return false;
  return own.isReady || ![...nodes.values()].some(({ isReady }) => isReady);
}

function groupsOf(
  { snapshot, assignments, slicesOf }: AnnounceInput,
  { nodeName }: AnnounceSettings,
  nodes: readonly NodeLabels[],
  findings: Map<string, readonly Finding[]>,
): readonly Group[] {
  const groups = new Map<string, Group>();
  const advertisements = snapshot.l2Advertisements.sorted().map(([, item]) => item);
  for (const [address, keys] of holdersOf(assignments)) {
    const services = keys.flatMap((key) => snapshot.services.get(key) ?? []);
    const pool = poolOf(address, snapshot.addressPools);
    const profile = profileOf(pool, services, advertisements, nodes);
    for (const service of services) {
      const producer = `announce:${keyOf(service.meta)}`;
      // It may have another address, which is announced or not by itself.
      const found = findings.get(producer) ?? [];
      findings.set(producer, profile === undefined ? [...found, unannounced(service, address, pool)] : found);
    }
    if (profile === undefined) continue;
    const local = services.filter(({ traffic }) => traffic.externalPolicy === 'Local');
    const key =
      local.length > 0
        ? JSON.stringify(['local', keys, profile.key])
        : JSON.stringify(['any', fnv1a(address) % SHARDS, profile.key]);
    const isEligibleHere =
      local.length === 0 || local.some((service) => hasEndpoint(slicesOf(keyOf(service.meta)), nodeName));
    const createdMs = local.length === 0 ? 0 : Math.min(...local.map(({ meta }) => meta.createdMs));
    const group = groups.get(key) ?? { key, createdMs, profile, services, addresses: [], isEligible: isEligibleHere };
    groups.set(key, group);
    group.addresses.push(address);
  }
  return [...groups.values()];
}

/** The Services that have an address, by address; both sorted. */
function holdersOf(assignments: AddressAssignments): readonly (readonly [IpAddress, readonly string[]])[] {
  const holders = new Map<IpAddress, string[]>();
  for (const [key, { addresses }] of assignments.sorted())
    for (const address of addresses) holders.set(address, [...(holders.get(address) ?? []), key]);
  return [...holders].sort(([a], [b]) => (a < b ? -1 : 1));
}

function poolOf(address: IpAddress, pools: PersistentMap<AddressPool>): AddressPool | undefined {
  return [...pools.values()].find(({ ranges }) => ranges.some((range) => rangeHas(range, address)));
}

/** One that still serves while it is being ended counts: it finishes what it has, and others may not be ready yet (KEP-1669). */
function hasEndpoint(slices: readonly EndpointSlice[], nodeName: string): boolean {
  return slices.some(({ subsets }) =>
    subsets.some(({ endpoints }) =>
      endpoints.some(({ placement, ready, serving }) => placement.nodeName === nodeName && (ready || serving)),
    ),
  );
}

/** One a network interface on which the addresses are answered for here. */
function routersOf(
  { key, profile, addresses, isEligible: may }: Group,
  id: number,
  nodeName: string,
  interfaces: readonly InterfaceFacts[],
): readonly VirtualRouter[] {
  const priority = priorityOf(profile, key, nodeName);
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

/** Of nodes that would as well have it as others the order is another one for each group. */
function priorityOf({ nodes, preferred }: Profile, key: string, nodeName: string): number {
  const order = (name: string): number => fnv1a(`${name} ${key}`);
  const ranked = nodes.toSorted(
    (a, b) => Number(preferred.has(b)) - Number(preferred.has(a)) || order(a) - order(b) || (a < b ? -1 : 1),
  );
  return 254 - Math.floor((ranked.indexOf(nodeName) * 253) / nodes.length);
}

/** Those that are named, if they are here; else the one whose network the address is of, or that of this node's own address. */
function devicesFor(
  address: IpAddress,
  { interfaces: named }: Profile,
  interfaces: readonly InterfaceFacts[],
): readonly string[] {
  if (named.length > 0) return interfaces.filter(({ name }) => named.includes(name)).map(({ name }) => name);
  const containing = interfaces.find(({ networks }) => networks.some(({ network }) => cidrHas(network, address)));
  const family = familyOf(address);
  const fallback = interfaces.find(({ networks }) => networks.some((item) => familyOf(item.address) === family));
  const device = containing ?? fallback ?? interfaces[0];
  return device === undefined ? [] : [device.name];
}

function reportExhausted(
  { services }: Group,
  findings: Map<string, readonly Finding[]>,
  settings: AnnounceSettings,
): void {
  for (const { meta } of services) {
    const ref: ObjectRef = { kind: 'Service', namespace: meta.namespace, name: meta.name };
    const message = `the ${String(settings.routers.count)} virtual router identifiers are used up, so that nobody answers for its address`;
    findings.set(`announce:${keyOf(meta)}`, [
      finding('VirtualRoutersExhausted', ref, 'spec.externalTrafficPolicy', message),
    ]);
  }
}

function unannounced({ meta }: Service, address: IpAddress, pool: AddressPool | undefined): Finding {
  const ref: ObjectRef = { kind: 'Service', namespace: meta.namespace, name: meta.name };
  const of = pool === undefined ? '' : ` of pool ${pool.meta.name}`;
  return finding(
    'AddressNotAnnounced',
    ref,
    '',
    `no L2Advertisement is for ${address}${of}, so that nobody answers for it`,
  );
}
