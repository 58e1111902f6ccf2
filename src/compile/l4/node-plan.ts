import { cidrHas, withoutNested, type Cidr } from '../../model/cidr.ts';
import { isIpv6Address, type IpAddress } from '../../model/grammar.ts';
import type { Node } from '../../model/node.ts';
import type { NodeFacts } from '../settings.ts';
import type { ListenHost, LocalPods, NodePlan } from './l4-plan.ts';
import type { L4Settings, LocalDetection } from './l4-settings.ts';

/** Where ClusterIPs are from. */
export interface ClusterIpRanges {
  readonly cidrs: readonly Cidr[];
  /** Whether nothing else has addresses in them. */
  readonly areOwn: boolean;
}

const NO_CLUSTER_IP_RANGES: ClusterIpRanges = { cidrs: [], areOwn: false };

/** What holds for the node, from its object (if there is one), its interfaces, and what the operator decided. Pure. */
export function nodePlanOf(
  node: Node | undefined,
  facts: NodeFacts,
  settings: L4Settings,
  ranges: ClusterIpRanges = NO_CLUSTER_IP_RANGES,
): NodePlan {
  const answering = nodePortAddresses(node, facts, settings.nodePortAddresses);
  const addresses = [...new Set([...facts.addresses, ...(node?.internalIps ?? [])])].sort();
  const clients = localPods(settings.localDetection, node);
  return {
    name: settings.nodeName,
    addresses,
    primaryAddresses: primaryAddresses(node, facts),
    nodePortAddresses: answering,
    healthCheckAddresses: healthCheckAddresses(answering, settings.nodePortAddresses),
    localPods: clients,
    ownPods: ownPods(clients, node),
    clusterIpRanges: withoutNested(ranges.cidrs),
    misplacedRanges: [],
    ownsClusterIpRanges: ranges.areOwn,
    lacks: lackOf(settings.localDetection, node),
    masqueradesAll: settings.masqueradesAll,
    isEligible: node?.isLeaving !== true,
  };
}

/**
 * Where node ports answer. `primary` is the node's own address of each family, as kube-proxy's
 * nftables mode has it. Ranges choose among the addresses of the interfaces; a family without a range
 * has all of them (kube-proxy, NodePortAddresses), never a loopback address.
 */
function nodePortAddresses(
  node: Node | undefined,
  { addresses }: NodeFacts,
  wanted: L4Settings['nodePortAddresses'],
): readonly IpAddress[] {
  if (wanted === 'primary') return primaryAddresses(node, { addresses });
  return [false, true]
    .flatMap((isV6) => {
      const ranges = wanted.filter((range) => (range.family === 6) === isV6);
      const own = addresses.filter((address) => isIpv6Address(address) === isV6);
      return ranges.length === 0 ? own : own.filter((address) => ranges.some((range) => cidrHas(range, address)));
    })
    .sort();
}

/** By its Node object, or the first of its interfaces. */
function primaryAddresses(node: Node | undefined, { addresses }: NodeFacts): readonly IpAddress[] {
  const known = [...(node?.internalIps ?? []), ...addresses];
  return [false, true].flatMap((isV6) => known.find((address) => isIpv6Address(address) === isV6) ?? []).sort();
}

/**
 * Where every address of a family is meant, the wildcard, as kube-proxy has it: one socket, and an address that comes answers at once.
 * Not of a family without an address, which the kernel may lack.
 */
function healthCheckAddresses(
  answering: readonly IpAddress[],
  wanted: L4Settings['nodePortAddresses'],
): readonly ListenHost[] {
  if (wanted === 'primary') return answering;
  return ([4, 6] as const).flatMap((family): readonly ListenHost[] => {
    const own = answering.filter((address) => isIpv6Address(address) === (family === 6));
    const ranges = wanted.filter((range) => range.family === family);
    const isAll = ranges.length === 0 || ranges.some(({ prefix }) => prefix === 0);
    return own.length > 0 && isAll ? [family === 4 ? '0.0.0.0' : '::'] : own;
  });
}

function localPods(detection: LocalDetection, node: Node | undefined): LocalPods {
  switch (detection.mode) {
    case 'ClusterCIDR':
      return fromCidrs(detection.cidrs);
    case 'NodeCIDR':
      return fromCidrs(node?.podCidrs ?? []);
    case 'BridgeInterface':
      return { kind: 'bridge', interface: detection.interface };
    case 'InterfaceNamePrefix':
      return { kind: 'interface-prefix', prefix: detection.prefix };
  }
}

/**
 * Where clients are told by the ranges of a whole cluster, pods of this node by its podCIDRs, in each family that has one. A pod of another
 * node that was taken for one of this node's would be led to endpoints elsewhere, whose answers do not come by here.
 */
function ownPods(clients: LocalPods, node: Node | undefined): LocalPods {
  if (clients.kind === 'bridge' || clients.kind === 'interface-prefix') return clients;
  const known = node?.podCidrs ?? [];
  const others = clients.kind === 'cidrs' ? clients.cidrs : [];
  return fromCidrs([...known, ...others.filter(({ family }) => !known.some((cidr) => cidr.family === family))]);
}

function lackOf({ mode }: LocalDetection, node: Node | undefined): NodePlan['lacks'] {
  if (mode !== 'NodeCIDR') return node === undefined ? 'node' : undefined;
  if (node === undefined) return 'node-that-tells-pods';
  return node.podCidrs.length === 0 ? 'pod-cidrs' : undefined;
}

/** What does not work for want of the Node or its podCIDRs, and what helps. Without an API server a Node is only needed to tell pods. */
export function whatNodeLacks(
  { name, lacks }: NodePlan,
  hasApiServer: boolean,
): { readonly message: string; readonly remedy: string } | undefined {
  const untold = 'its pods cannot be told from other clients (--detect-local-mode NodeCIDR)';
  const remedy = 'run with --node-name and the name of the Node that this machine is';
  switch (lacks) {
    case 'node-that-tells-pods':
      return { message: `there is no Node ${name}: ${untold}`, remedy };
    case 'node':
      if (!hasApiServer) return undefined;
      return { message: `there is no Node ${name}: its zone, addresses and taints are not known`, remedy };
    case 'pod-cidrs':
      return {
        message: `the Node ${name} has no spec.podCIDRs: ${untold}`,
        remedy: 'have podCIDRs given to it (kube-controller-manager --allocate-node-cidrs), or choose another mode',
      };
    case undefined:
      return undefined;
  }
}

/** Ranges of ClusterIPs that cannot be right, and what helps; undefined where all may be. */
export function whatIsMisplaced({
  name,
  misplacedRanges,
}: NodePlan): { readonly message: string; readonly remedy: string } | undefined {
  if (misplacedRanges.length === 0) return undefined;
  const ranges = misplacedRanges.map(({ text }) => text).join(', ');
  return {
    message: `the node ${name} has an address in ${ranges}, where ClusterIPs are said to come from: what goes to unused ones is not dropped`,
    remedy: 'correct --service-cluster-ip-range or the ServiceCIDR, or give the node another address',
  };
}

function fromCidrs(cidrs: readonly Cidr[]): LocalPods {
  return cidrs.length === 0 ? { kind: 'unknown' } : { kind: 'cidrs', cidrs: withoutNested(cidrs) };
}

/** Whether pods of this node can be told from other sources in a family: ranges of the other one say nothing about it. */
export function tellsLocalPods(pods: LocalPods, family: 4 | 6): boolean {
  return pods.kind === 'cidrs' ? pods.cidrs.some((cidr) => cidr.family === family) : pods.kind !== 'unknown';
}

/** Whether two ways of telling pods work in the same families. */
export function tellSameFamilies(a: LocalPods, b: LocalPods): boolean {
  return ([4, 6] as const).every((family) => tellsLocalPods(a, family) === tellsLocalPods(b, family));
}

/** Whether two node plans say the same. */
export function sameNodePlan(a: NodePlan, b: NodePlan): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
