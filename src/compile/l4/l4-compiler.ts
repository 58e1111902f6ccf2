import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Finding } from '../../model/finding.ts';
import type { Node } from '../../model/node.ts';
import type { EndpointSlice, Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { NodeFacts } from '../settings.ts';
import { NOTHING_ALLOCATED, type Held } from './allocation.ts';
import { ClaimTable } from './claim-table.ts';
import { clusterIpClaim, isServed, refOf, wishOf, type ServiceWish } from './frontends.ts';
import type { L4Plan, NodePlan, ServicePlan } from './l4-plan.ts';
import type { AllocationSettings, L4Settings } from './l4-settings.ts';
import { nodePlanOf, sameNodePlan, tellSameFamilies, tellsLocalPods, type ClusterIpRanges } from './node-plan.ts';
import { compileService } from './service-plan.ts';
import { SettledNode } from './settled-node.ts';
import { SharedAddresses } from './shared-addresses.ts';

/** What has changed since the last compile, and how to look up the rest. */
export interface L4Input {
  readonly snapshot: Snapshot;
  readonly node: NodeFacts;
  /** Services that changed themselves, through their slices, or in what they were given. */
  readonly changedServices: ReadonlySet<string>;
  readonly allocations: Held;
  /** {@link L4Plan.announcedIps}. */
  readonly announcedIps: PersistentMap<true>;
  readonly slicesOf: (service: string) => readonly EndpointSlice[];
}

/** The plan, and the Findings of every Service that was computed again (an empty list clears them). */
export interface L4Output {
  readonly plan: L4Plan;
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
}

/** The incremental part of L4: computes again the Services that a change reaches, and those that a conflict ties to them. */
export class L4Compiler {
  readonly #settings: L4Settings;
  readonly #allocating: AllocationSettings | undefined;
  readonly #claims = new ClaimTable();
  /** Addresses that may have to be masqueraded from themselves. */
  readonly #hairpins = new SharedAddresses();
  readonly #balancerIps = new SharedAddresses();
  /** Addresses of endpoints that are certain to be on this node. */
  readonly #ownEndpoints = new SharedAddresses();
  readonly #settledNode = new SettledNode();
  readonly #wishes = new Map<string, ServiceWish>();
  #services = PersistentMap.empty<ServicePlan>();
  #node: NodePlan | undefined;
  #zone: string | undefined;
  /** The nodes that zones were looked up in. */
  #nodes = PersistentMap.empty<Node>();
  #plan: L4Plan | undefined;

  constructor(settings: L4Settings, allocating: AllocationSettings | undefined) {
    this.#settings = settings;
    this.#allocating = allocating;
  }

  compile(input: L4Input): L4Output {
    const dirty = new Set(input.changedServices);
    if (this.#nodeChanged(input)) for (const key of input.snapshot.services.keys()) dirty.add(key);
    // Whoever is added on the way has not changed its own claims, so that looking at it again finds nobody new.
    for (const key of dirty) for (const other of this.#claim(key, input)) dirty.add(other);
    const findings = new Map<string, readonly Finding[]>();
    for (const key of dirty) findings.set(`l4:${key}`, this.#compileService(key, input));
    return { plan: this.#currentPlan(input), findings };
  }

  /** Where objects are given by nobody but their author, there is no EndpointSlice controller either. */
  get #derivesHints(): boolean {
    return this.#allocating !== undefined;
  }

  #zoneOf(node: string, { nodes }: Snapshot): string | undefined {
    return node === this.#settings.nodeName ? this.#zone : nodes.get(node)?.zone;
  }

  /** The same object again when nothing is different, so that planes have nothing to compare. */
  #currentPlan({ announcedIps }: L4Input): L4Plan {
    const node = this.#node ?? nodePlanOf(undefined, { addresses: [] }, this.#settings);
    const before = this.#plan;
    const next: L4Plan = {
      services: this.#services,
      hairpins: this.#hairpins.all,
      balancerIps: this.#balancerIps.all,
      announcedIps,
      node: this.#settledNode.settle(node, {
        ownEndpoints: this.#ownEndpoints.all,
        isClusterIp: (address) => this.#claims.isClaimed(clusterIpClaim(address)),
      }),
    };
    const isSame =
      before?.services === next.services &&
      before.hairpins === next.hairpins &&
      before.balancerIps === next.balancerIps &&
      before.announcedIps === next.announcedIps &&
      before.node === next.node;
    if (!isSame) this.#plan = next;
    return this.#plan ?? next;
  }

  /** Those that an API server takes ClusterIPs from; where there is none, those that we do. */
  #clusterIpRanges({ serviceCidrs }: Snapshot): ClusterIpRanges {
    if (this.#allocating === undefined)
      return { cidrs: serviceCidrs.sorted().flatMap(([, item]) => item.cidrs), areOwn: true };
    const { clusterIpRanges: given } = this.#settings;
    if (given.length > 0) return { cidrs: given, areOwn: true };
    return { cidrs: this.#allocating.clusterIpRanges, areOwn: false };
  }

  /** Whether something changed that every Service depends on: where the node stands, how it tells its pods. */
  #nodeChanged({ snapshot, node: facts }: L4Input): boolean {
    const node = snapshot.nodes.get(this.#settings.nodeName);
    const next = nodePlanOf(node, facts, this.#settings, this.#clusterIpRanges(snapshot));
    const zone = this.#settings.zone ?? node?.zone;
    const before = this.#node;
    if (before === undefined || !sameNodePlan(before, next)) this.#node = next;
    const isSame =
      before !== undefined &&
      tellSameFamilies(before.localPods, next.localPods) &&
      before.primaryAddresses.join() === next.primaryAddresses.join() &&
      zone === this.#zone;
    this.#zone = zone;
    const areSameZones = !this.#derivesHints || snapshot.nodes === this.#nodes;
    this.#nodes = snapshot.nodes;
    return !isSame || !areSameZones;
  }

  #claim(key: string, { snapshot, allocations }: L4Input): ReadonlySet<string> {
    const service = snapshot.services.get(key);
    if (service === undefined || !isServed(service, this.#settings)) {
      this.#wishes.delete(key);
      return this.#claims.set(key, []);
    }
    const wish = wishOf(service, allocations.get(key) ?? NOTHING_ALLOCATED, this.#settings, this.#allocating);
    this.#wishes.set(key, wish);
    return this.#claims.set(key, wish.claims);
  }

  #compileService(key: string, input: L4Input): readonly Finding[] {
    const service = input.snapshot.services.get(key);
    const wish = this.#wishes.get(key);
    if (service === undefined || wish === undefined) {
      this.#services = this.#services.delete(key);
      for (const shared of [this.#hairpins, this.#balancerIps, this.#ownEndpoints]) shared.set(key, []);
      return [];
    }
    const node = this.#node;
    const find = (other: string): Service | undefined => input.snapshot.services.get(other);
    // kube-proxy does not see them, whatever the Service says.
    const slices = input.slicesOf(key).filter(({ isHeadless }) => !isHeadless);
    const compiled = compileService(service, wish, slices, {
      chooser: {
        nodeName: this.#settings.nodeName,
        zone: this.#zone,
        derivesHints: this.#derivesHints ? { zoneOf: (name) => this.#zoneOf(name, input.snapshot) } : undefined,
      },
      masqueradesAll: this.#settings.masqueradesAll,
      primaryAddresses: node?.primaryAddresses ?? [],
      tellsLocalPods: (family) => node !== undefined && tellsLocalPods(node.localPods, family),
      holderOf: (claim) => {
        const holder = this.#claims.holder(claim, service, find);
        return holder === undefined ? undefined : refOf(holder);
      },
    });
    const before = this.#services.get(key);
    if (before === undefined || JSON.stringify(before) !== JSON.stringify(compiled.plan))
      this.#services = this.#services.set(key, compiled.plan);
    this.#hairpins.set(key, compiled.hairpins);
    this.#balancerIps.set(key, compiled.balancerIps);
    this.#ownEndpoints.set(key, compiled.ownEndpoints);
    return compiled.findings;
  }
}
