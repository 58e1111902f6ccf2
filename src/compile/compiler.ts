import { PersistentMap } from '../lib/persistent-map.ts';
import type { Finding } from '../model/finding.ts';
import type { IpAddress } from '../model/grammar.ts';
import { byAge, idOf, keyOf } from '../model/object.ts';
import { sameAddresses } from '../model/published-address.ts';
import type { EndpointSlice } from '../model/service.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../model/snapshot.ts';
import type { Want, Wants } from '../model/want.ts';
import { DependencyIndex } from './dependency-index.ts';
import { AddressAllocator } from './addresses/address-allocator.ts';
import type { AddressAssignments, HeldAddresses } from './addresses/address-plan.ts';
import { PublishedAddresses } from './addresses/published-addresses.ts';
import type { AnnouncePlan } from './announce/announce-plan.ts';
import type { InterfaceFacts } from './announce/announce-settings.ts';
import { AnnouncedAddresses } from './announce/announced-addresses.ts';
import { explainAddress, type AddressAnswer, type Announcers } from './announce/explain-address.ts';
import { AnnounceTable } from './announce/announce-table.ts';
import { RouterRecords } from './announce/router-records.ts';
import { GatewayTable } from './gateway/gateway-table.ts';
import { StandaloneServices } from './gateway/standalone-services.ts';
import { NO_GATEWAY_STATUS } from './gateway/status-plan.ts';
import type { BgpPlan } from './bgp/bgp-plan.ts';
import { BgpTable } from './bgp/bgp-table.ts';
import { Allocator, NOTHING_ALLOCATED, type Held } from './l4/allocation.ts';
import { L4Compiler } from './l4/l4-compiler.ts';
import type { L4Plan } from './l4/l4-plan.ts';
import { L7Compiler } from './l7/l7-compiler.ts';
import { RouteSetTable } from './l7/route-set-table.ts';
import type { Plan, StatusPlan } from './plan.ts';
import type { CompileSettings, Facts, NodeFacts } from './settings.ts';
import { ingressAddresses } from './status.ts';

/** Begins the keys of the RouteSets that are made from Ingresses. */
const INGRESS_PREFIX = 'Ingress/';

/**
 * Compiles Snapshots into Plans. The same Snapshot gives the same Plan whatever was compiled before;
 * what was compiled before only saves work: each stage is a pure function of the objects it reads,
 * and is called again only for owners whose inputs are other objects than last time.
 */
export class Compiler {
  readonly #settings: CompileSettings;
  readonly #l7: L7Compiler;
  readonly #l4: L4Compiler | undefined;
  readonly #allocator: Allocator | undefined;
  readonly #addresses: AddressAllocator | undefined;
  /** What no API server gives Services, from both of them. */
  #allocations: Held = PersistentMap.empty();
  /** What others gave, as it stands in the status of Services; undefined where this process announces none of that. */
  readonly #published: PublishedAddresses | undefined;
  /** Undefined where there is no status, or it is for others to write. */
  readonly #records: RouterRecords | undefined;
  readonly #announce: AnnounceTable | undefined;
  readonly #announced = new AnnouncedAddresses();
  readonly #bgp: BgpTable | undefined;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  readonly #routeSets: RouteSetTable;
  readonly #slicesOfService = new DependencyIndex();
  #findings = PersistentMap.empty<readonly Finding[]>();
  readonly #gateway: GatewayTable;
  readonly #standaloneServices: StandaloneServices;
  #status: StatusPlan = {
    ingresses: PersistentMap.empty(),
    addresses: [],
    services: PersistentMap.empty(),
    gateway: NO_GATEWAY_STATUS,
  };

  /** `held` is what an earlier run allocated to Services, which keep it. */
  constructor(settings: CompileSettings, held: Held = PersistentMap.empty()) {
    this.#settings = settings;
    this.#routeSets = new RouteSetTable(settings);
    this.#gateway = new GatewayTable(settings);
    this.#standaloneServices = new StandaloneServices(settings);
    this.#l7 = new L7Compiler(settings);
    const { l4, allocation, addresses, announce, bgp, recordedRouters } = settings;
    this.#l4 = l4 === undefined ? undefined : new L4Compiler(l4, allocation);
    this.#allocator = allocation === undefined ? undefined : new Allocator(allocation, held);
    this.#announce = announce === undefined ? undefined : new AnnounceTable(announce, settings.mode);
    const published = settings.mode === 'standalone' ? undefined : (announce ?? bgp)?.published;
    this.#published = published === undefined ? undefined : new PublishedAddresses(published);
    this.#records = recordedRouters === undefined ? undefined : new RouterRecords(recordedRouters);
    this.#bgp = bgp === undefined ? undefined : new BgpTable(bgp);
    this.#addresses = addresses === undefined ? undefined : new AddressAllocator(addresses, addressesOf(held));
  }

  compile(written: Snapshot, facts: Facts): Plan {
    const before = this.#snapshot;
    const snapshot = this.#standaloneServices.joined(written, facts);
    const dirtyServices = this.#changedServices(before, snapshot);
    const routeSets = this.#routeSets.update(before, snapshot);
    const l7 = this.#l7.compile({
      snapshot,
      before,
      facts,
      routeSets: this.#routeSets,
      changedRouteSets: routeSets.changed,
      changedServices: dirtyServices,
      slicesOf: (service) => slicesOf(this.#slicesOfService, service, snapshot),
    });
    const admitted = new Set(routeSets.changed);
    PersistentMap.diff(before.findings, snapshot.findings, (key) => admitted.add(key));
    for (const key of admitted) this.#setFindings(`admit:${key}`, this.#admissionFindings(key, snapshot));
    for (const [producer, findings] of [...routeSets.findings, ...l7.findings]) this.#setFindings(producer, findings);
    const moved = this.#allocate(dirtyServices, snapshot, facts.nowMs);
    const published = this.#published?.update(dirtyServices, snapshot);
    const given = this.#addresses?.assignments ?? PersistentMap.empty();
    const inForce = this.#published === undefined ? given : published;
    const announce = this.#compileAnnounce(inForce, dirtyServices, before, snapshot, facts);
    const announced = this.#announced.of(announce);
    const own = withoutAnnounced(facts.node, announced);
    const bgp = this.#compileBgp(inForce, dirtyServices, before, snapshot, own);
    const l4 = this.#compileL4(new Set([...dirtyServices, ...moved]), snapshot, facts, announced);
    this.#compileStatus(routeSets.changed, dirtyServices, before, snapshot, moved);
    this.#snapshot = snapshot;
    return {
      l7: l7.plan,
      l4,
      allocations: this.#allocations,
      addresses: this.#addresses === undefined ? (published ?? given) : given,
      pools: this.#addresses?.usage ?? [],
      announce,
      bgp: bgp?.plan,
      status: this.#status,
      findings: this.#findings,
      wants: withObjects(l7.wants, bgp?.wants ?? []),
    };
  }

  /** Why an address is answered for by whom it is, by what was compiled last; undefined where there is nothing to say. */
  explainAddress(
    address: IpAddress,
    interfaces: readonly InterfaceFacts[],
    announcers: Announcers,
  ): AddressAnswer | undefined {
    const { announce, mode } = this.#settings;
    const snapshot = this.#snapshot;
    const assignments = this.#published === undefined ? this.#addresses?.assignments : this.#published.assignments;
    if (announce === undefined || assignments === undefined) return undefined;
    const of = (service: string): readonly EndpointSlice[] => slicesOf(this.#slicesOfService, service, snapshot);
    const input = { snapshot: this.#withOwnAdvertisements(snapshot), assignments, interfaces, slicesOf: of };
    return explainAddress(address, input, announce, mode, announcers);
  }

  #compileL4(
    changed: ReadonlySet<string>,
    snapshot: Snapshot,
    facts: Facts,
    announcedIps: PersistentMap<true>,
  ): L4Plan | undefined {
    const output = this.#l4?.compile({
      snapshot,
      node: withoutAnnounced(facts.node, announcedIps),
      changedServices: changed,
      allocations: this.#allocations,
      announcedIps,
      slicesOf: (service) => slicesOf(this.#slicesOfService, service, snapshot),
    });
    for (const [producer, findings] of output?.findings ?? []) this.#setFindings(producer, findings);
    return output?.plan;
  }

  /** Gives Services what they do not say and nobody else gives them. Returns those that have something else now. */
  #allocate(changed: ReadonlySet<string>, snapshot: Snapshot, nowMs: number): ReadonlySet<string> {
    const allocated = this.#allocator?.update(changed, snapshot.services);
    const addressed = this.#addresses?.update(changed, snapshot, nowMs);
    for (const change of [allocated, addressed])
      for (const [producer, findings] of change?.findings ?? []) this.#setFindings(producer, findings);
    // In a cluster they come back in the status of their Services, and are programmed once they stand there.
    if (allocated === undefined) return new Set();
    const moved = new Set([...allocated.moved, ...(addressed?.moved ?? [])]);
    for (const key of moved) {
      const given = this.#allocator?.allocations.get(key);
      const loadBalancerIps = this.#addresses?.assignments.get(key)?.addresses ?? [];
      const isNothing = given === undefined && loadBalancerIps.length === 0;
      this.#allocations = isNothing
        ? this.#allocations.delete(key)
        : this.#allocations.set(key, { ...(given ?? NOTHING_ALLOCATED), loadBalancerIps });
    }
    return moved;
  }

  /** Nothing is said of what is announced while it is not known what is ours: what there is stays as it is. */
  #compileAnnounce(
    assignments: AddressAssignments | undefined,
    changed: ReadonlySet<string>,
    before: Snapshot,
    snapshot: Snapshot,
    { interfaces = [] }: Facts,
  ): AnnouncePlan | undefined {
    if (this.#announce === undefined || assignments === undefined) return undefined;
    const of = (service: string): readonly EndpointSlice[] => slicesOf(this.#slicesOfService, service, snapshot);
    const input = { snapshot: this.#withOwnAdvertisements(snapshot), assignments, interfaces, slicesOf: of };
    const output = this.#announce.compile(input, before, changed);
    for (const [producer, findings] of output.findings) this.#setFindings(producer, findings);
    return output.plan;
  }

  /** Where this process has no BGP, BGPAdvertisements keep nothing off the local network. */
  #withOwnAdvertisements(snapshot: Snapshot): Snapshot {
    return this.#bgp === undefined ? { ...snapshot, bgpAdvertisements: EMPTY_SNAPSHOT.bgpAdvertisements } : snapshot;
  }

  #compileBgp(
    assignments: AddressAssignments | undefined,
    changed: ReadonlySet<string>,
    before: Snapshot,
    snapshot: Snapshot,
    node: NodeFacts,
  ): { readonly plan: BgpPlan; readonly wants: readonly Want[] } | undefined {
    if (this.#bgp === undefined || assignments === undefined) return undefined;
    const of = (service: string): readonly EndpointSlice[] => slicesOf(this.#slicesOfService, service, snapshot);
    const input = { snapshot, assignments, nodeAddresses: node.addresses, slicesOf: of };
    const output = this.#bgp.compile(input, before, changed);
    for (const [producer, findings] of output.findings) this.#setFindings(producer, findings);
    return output;
  }

  /** Services that changed themselves or through their slices or the answer of DNS. */
  #changedServices(before: Snapshot, after: Snapshot): ReadonlySet<string> {
    const changed = new Set<string>();
    PersistentMap.diff(before.services, after.services, (key) => changed.add(key));
    PersistentMap.diff(before.endpointSlices, after.endpointSlices, (key, left, right) => {
      for (const slice of [left, right]) if (slice !== undefined) changed.add(serviceOf(slice));
      this.#slicesOfService.set(key, right === undefined ? [] : [serviceOf(right)]);
    });
    return changed;
  }

  /** What was found when an object was read; of one that is another controller's, it is not for us to say. */
  #admissionFindings(key: string, snapshot: Snapshot): readonly Finding[] {
    return this.#routeSets.isForeign(key) ? [] : (snapshot.findings.get(key) ?? []);
  }

  #compileStatus(
    changed: ReadonlySet<string>,
    changedServices: ReadonlySet<string>,
    earlier: Snapshot,
    snapshot: Snapshot,
    moved: ReadonlySet<string>,
  ): void {
    const before = this.#status;
    const isStandalone = this.#settings.mode === 'standalone';
    const gateway = this.#gateway.update(changed, earlier, snapshot, moved, (service) =>
      isStandalone ? this.#addresses?.assignments.get(service)?.addresses : undefined,
    );
    let { ingresses } = before;
    for (const id of changed) {
      if (!id.startsWith(INGRESS_PREFIX)) continue;
      const key = id.slice(INGRESS_PREFIX.length);
      ingresses = this.#routeSets.get(id) === undefined ? ingresses.delete(key) : ingresses.set(key, true);
    }
    const addresses = ingressAddresses(snapshot, this.#settings);
    const areSame = sameAddresses(addresses, before.addresses);
    const given = this.#addresses?.assignments ?? PersistentMap.empty();
    const services = this.#records?.update(given, changedServices, snapshot) ?? before.services;
    if (ingresses === before.ingresses && areSame && services === before.services && gateway === before.gateway) return;
    this.#status = { ingresses, addresses: areSame ? before.addresses : addresses, services, gateway };
  }

  #setFindings(producer: string, findings: readonly Finding[]): void {
    this.#findings = findings.length === 0 ? this.#findings.delete(producer) : this.#findings.set(producer, findings);
  }
}

/** The machine without the addresses that it has for others: node ports do not answer on them, nothing comes from them. */
function withoutAnnounced(node: NodeFacts, announced: PersistentMap<true>): NodeFacts {
  const addresses = node.addresses.filter((address) => !announced.has(address));
  return addresses.length === node.addresses.length ? node : { ...node, addresses };
}

/** An object that is wanted for two things is read once. */
function withObjects(wants: Wants, more: readonly Want[]): Wants {
  let { objects } = wants;
  for (const want of more) {
    const id = idOf(want.ref);
    const purposes = new Set([...(objects.get(id)?.purposes ?? []), ...want.purposes]);
    objects = objects.set(id, { ref: want.ref, purposes: [...purposes].sort() });
  }
  return more.length === 0 ? wants : { ...wants, objects };
}

function addressesOf(held: Held): HeldAddresses {
  return PersistentMap.from([...held.entries()].map(([key, { loadBalancerIps }]) => [key, loadBalancerIps]));
}

function serviceOf(slice: EndpointSlice): string {
  return keyOf({ namespace: slice.meta.namespace, name: slice.service });
}

function slicesOf(index: DependencyIndex, service: string, snapshot: Snapshot): readonly EndpointSlice[] {
  const slices: EndpointSlice[] = [];
  for (const key of index.ownersOf(service)) {
    const slice = snapshot.endpointSlices.get(key);
    if (slice !== undefined) slices.push(slice);
  }
  return slices.sort((a, b) => byAge(a.meta, b.meta));
}
