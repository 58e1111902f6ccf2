import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { Frontend, L4Plan, NodePlan, ServicePlan, ServicePortPlan } from '../../../compile/l4/l4-plan.ts';
import { cidrHas, type Cidr } from '../../../model/cidr.ts';
import { ipAddressOf } from '../../../model/grammar.ts';
import type { FlowPath } from '../kernel/conntrack.ts';
import type { Family } from '../rules/names.ts';

/**
 * Which flows to look at, gathered over changes of the plan. Destinations are written `address port`.
 *
 * The kernel keeps sending a client that never pauses to where its first packet went, whatever becomes of the rules.
 */
export class FlowQuestion {
  /** Destinations of UDP that were, and may lead to nobody any more. */
  readonly #left = new Set<string>();
  /** Services whose destinations of UDP lead to their endpoints of today. */
  readonly #services = new Set<string>();
  /** Destinations of TCP that nobody had before. */
  readonly #appeared = new Set<string>();
  /** Whether nothing is known of what was before. */
  #isOfAll = false;

  /** Adds what one plan leaves behind for the next. Without a plan before, all that may be of an earlier run. */
  add(before: L4Plan | undefined, after: L4Plan): void {
    if (before === undefined) {
      this.#isOfAll = true;
      return;
    }
    PersistentMap.diff(before.services, after.services, (key, left, right) => {
      this.#addService(key, left, right, before.node);
      this.#addAppeared(left, right, after.node);
    });
    if (before.node === after.node || before.node.nodePortAddresses.join() === after.node.nodePortAddresses.join())
      return;
    for (const [key, service] of after.services.entries())
      if (hasNodePort(service)) this.#addService(key, service, service, before.node);
  }

  /** Adds another question to this one. */
  include(other: FlowQuestion): void {
    this.#isOfAll ||= other.#isOfAll;
    for (const destination of other.#left) this.#left.add(destination);
    for (const key of other.#services) this.#services.add(key);
    for (const destination of other.#appeared) this.#appeared.add(destination);
  }

  #addService(key: string, left: ServicePlan | undefined, right: ServicePlan | undefined, node: NodePlan): void {
    if (!hasUdp(left) && !hasUdp(right)) return;
    for (const destination of servingOf(left, node).keys()) this.#left.add(destination);
    this.#services.add(key);
  }

  #addAppeared(left: ServicePlan | undefined, right: ServicePlan | undefined, node: NodePlan): void {
    const known = new Set(connectedTo(left, node));
    for (const destination of connectedTo(right, node)) if (!known.has(destination)) this.#appeared.add(destination);
  }

  /** What to ask of flows once the rules are those of `plan`; undefined where nothing is to be asked. */
  answer(plan: L4Plan): StaleFlows | undefined {
    const all = [...plan.services.values()];
    const appeared = this.#isOfAll
      ? new Set(all.flatMap((service) => connectedTo(service, plan.node)))
      : this.#appeared;
    const serving = new Map<string, ReadonlySet<string>>([...this.#left].map((destination) => [destination, NOBODY]));
    const services = this.#isOfAll ? all : [...this.#services].flatMap((key) => plan.services.get(key) ?? []);
    for (const service of services)
      for (const [destination, endpoints] of servingOf(service, plan.node)) serving.set(destination, endpoints);
    if (serving.size === 0 && appeared.size === 0 && !this.#isOfAll) return undefined;
    return { serving, appeared, orphansOf: this.#isOfAll ? plan : undefined };
  }
}

/** Tells which flows are stale. Destinations and endpoints are written `address port`. */
export interface StaleFlows {
  /** The endpoints that a destination of UDP may lead to: those that serve, whatever the policy (KEP-1669). */
  readonly serving: ReadonlyMap<string, ReadonlySet<string>>;
  /** Destinations of TCP that are translated from now on: whoever was connecting there is translated only in a new connection. */
  readonly appeared: ReadonlySet<string>;
  /** After a start, also flows to destinations that this plan does not have. */
  readonly orphansOf: L4Plan | undefined;
}

/** The families in which there is something to look for. */
export function familiesOf(
  { serving, appeared, orphansOf }: StaleFlows,
  protocol: FlowPath['protocol'],
): readonly Family[] {
  const destinations = protocol === 'udp' ? [...serving.keys()] : [...appeared];
  const isAsked = (isV6: boolean): boolean =>
    (protocol === 'udp' && orphansOf !== undefined) ||
    destinations.some((destination) => destination.includes(':') === isV6);
  return ([4, 6] as const).filter((family) => isAsked(family === 6));
}

/** To be asked after the rules are in place, or new flows go astray in between (kubernetes#105657). */
export function isStale(flow: FlowPath, { serving, appeared, orphansOf }: StaleFlows): boolean {
  const destination = keyOf(flow.destination, flow.destinationPort);
  const answering = keyOf(flow.replySource, flow.replySourcePort);
  if (flow.protocol === 'tcp') return answering === destination && appeared.has(destination);
  const endpoints = serving.get(destination);
  if (endpoints !== undefined) return !endpoints.has(answering);
  return orphansOf !== undefined && answering !== destination && wasOurs(flow, orphansOf);
}

/**
 * Whether a flow that was translated may have been so by an earlier run: it goes to a ClusterIP, or to a pod. Should another program have
 * done it, as for a host port, that does the same with the next packet.
 */
function wasOurs({ destination, replySource }: FlowPath, { node, hairpins }: L4Plan): boolean {
  const pods = [node.localPods, node.ownPods].flatMap((item) => (item.kind === 'cidrs' ? item.cidrs : []));
  return lies(destination, node.clusterIpRanges) || lies(replySource, pods) || hairpins.has(replySource);
}

function lies(text: string, ranges: readonly Cidr[]): boolean {
  const address = ipAddressOf(text);
  return address !== undefined && ranges.some((range) => cidrHas(range, address));
}

const NOBODY: ReadonlySet<string> = new Set();

function hasUdp(service: ServicePlan | undefined): boolean {
  return service?.ports.some(({ protocol }) => protocol === 'UDP') ?? false;
}

function hasNodePort({ ports }: ServicePlan): boolean {
  return ports.some(
    ({ protocol, frontends }) => protocol === 'UDP' && frontends.some(({ kind }) => kind === 'NodePort'),
  );
}

/** The destinations of UDP that a Service has, and the endpoints of each. */
function servingOf(service: ServicePlan | undefined, node: NodePlan): ReadonlyMap<string, ReadonlySet<string>> {
  const result = new Map<string, ReadonlySet<string>>();
  for (const port of service?.ports ?? []) {
    if (port.protocol !== 'UDP') continue;
    const endpoints = new Set(port.serving.map(({ address, port: number }) => keyOf(address, number)));
    for (const frontend of port.frontends)
      for (const address of addressesOf(frontend, port, node)) result.set(keyOf(address, frontend.port), endpoints);
  }
  return result;
}

function addressesOf({ address }: Frontend, { family }: ServicePortPlan, node: NodePlan): readonly string[] {
  return address === undefined
    ? node.nodePortAddresses.filter((item) => item.includes(':') === (family === 6))
    : [address];
}

/**
 * The destinations of TCP to which a connect may have begun before they were a Service's. Not node ports, at which the node itself refused
 * it, and not addresses to which nothing was let through before.
 */
function connectedTo(
  service: ServicePlan | undefined,
  { clusterIpRanges, ownsClusterIpRanges }: NodePlan,
): readonly string[] {
  return (service?.ports ?? []).flatMap(({ protocol, frontends }) =>
    protocol !== 'TCP'
      ? []
      : frontends.flatMap(({ address, port }) =>
          address === undefined || (ownsClusterIpRanges && lies(address, clusterIpRanges)) ? [] : keyOf(address, port),
        ),
  );
}

function keyOf(address: string, port: number): string {
  return `${address} ${String(port)}`;
}
