import type { AddressAnswer } from '../compile/announce/explain-address.ts';
import { cidrHas, type Cidr } from '../model/cidr.ts';
import { isIpv6Address, type IpAddress } from '../model/grammar.ts';
import type { TransportProtocol } from '../model/service.ts';
import { tellsLocalPods } from '../compile/l4/node-plan.ts';
import type {
  EndpointAddress,
  Frontend,
  L4Plan,
  LocalPods,
  NodePlan,
  ServicePlan,
  ServicePortPlan,
} from '../compile/l4/l4-plan.ts';

/** A first packet of which somebody wants to know what becomes of it. */
export interface PacketQuestion {
  readonly client: IpAddress;
  readonly destination: IpAddress;
  readonly port: number;
  readonly protocol: TransportProtocol;
}

/** What the kernel of this node does with a new connection, and why. */
export interface PacketAnswer {
  /** What the client is to this node. */
  readonly client: string;
  /** `namespace/name:port` and by which of its addresses; empty where no Service is meant. */
  readonly service: string;
  /** Of an address of a pool: from the pool to who answers for it, and why that node; empty for any other. */
  readonly announcement: readonly string[];
  /** The nodes that packets for it arrive at, as far as is known; empty where nobody answers, or nobody has to. */
  readonly arrivesAt: readonly string[];
  readonly outcome: 'endpoints' | 'dropped' | 'refused' | 'untouched';
  /** Each is as likely as the others. */
  readonly endpoints: readonly ExplainedEndpoint[];
  /** The reasons, in the words of the objects. */
  readonly because: readonly string[];
}

export interface ExplainedEndpoint {
  readonly address: IpAddress;
  readonly port: number;
  /** Whether the endpoint sees the node's address instead of the client's. */
  readonly isMasqueraded: boolean;
}

/** `inside`: a pod of another node, as far as can be told. */
type ClientKind = 'node' | 'own-pod' | 'inside' | 'elsewhere';

/** A frontend with all that belongs to it. */
interface Found {
  readonly service: ServicePlan;
  readonly port: ServicePortPlan;
  readonly frontend: Frontend;
}

/**
 * Answers from the plan that the kernel was given, so that the answer is what the rules do; and, with `hasLocalhostNodePorts`, what the
 * listeners of this program on localhost do. Pure.
 */
export function explainPacket(
  plan: L4Plan,
  question: PacketQuestion,
  hasLocalhostNodePorts = false,
  address?: AddressAnswer,
): PacketAnswer {
  const client = clientOf(plan, question.client);
  const found = findFrontend(plan, question);
  const base = {
    client: client.text,
    service: '',
    endpoints: [],
    announcement: address?.steps ?? [],
    arrivesAt: address?.nodes ?? [],
  };
  const listened = found === undefined && hasLocalhostNodePorts ? findListener(plan, question) : undefined;
  if (listened !== undefined)
    return {
      ...base,
      service: `${nameOf(listened)} by its node port on localhost`,
      ...forwarded(listened, client.kind),
    };
  if (found === undefined) return { ...base, ...withoutFrontend(plan, question) };
  const service = `${nameOf(found)} by its ${KIND_NAMES[found.frontend.kind]}`;
  const ranges = found.frontend.sourceRanges;
  const isOwnSource = client.kind === 'node' && found.frontend.ownSources.includes(question.client);
  if (ranges !== undefined && !isOwnSource && !ranges.some((range) => cidrHas(range, question.client))) {
    const because = [`loadBalancerSourceRanges lets in ${rangesText(ranges)} only`];
    return { ...base, service, outcome: 'dropped', because };
  }
  return { ...base, service, ...balanced(plan, question, found, client.kind) };
}

const KIND_NAMES: Readonly<Record<Frontend['kind'], string>> = {
  ClusterIP: 'ClusterIP',
  ExternalIP: 'external IP',
  LoadBalancer: 'load balancer address',
  NodePort: 'node port',
};

function clientOf({ node, hairpins }: L4Plan, client: IpAddress): { readonly kind: ClientKind; readonly text: string } {
  if (isLoopback(client) || node.addresses.includes(client)) return { kind: 'node', text: `this node, ${node.name}` };
  const { localPods, ownPods } = node;
  switch (localPods.kind) {
    case 'unknown':
    case 'cidrs': {
      const [own, inside] = [rangeOf(ownPods, client), rangeOf(localPods, client)];
      if (own !== undefined && own.text === inside?.text) return { kind: 'own-pod', text: `a pod (${own.text})` };
      if (own !== undefined) return { kind: 'own-pod', text: `a pod of this node (${own.text})` };
      if (inside !== undefined) return { kind: 'inside', text: `a pod of another node (${inside.text})` };
      return { kind: 'elsewhere', text: `not this node${whyNoPod(node, client)}` };
    }
    case 'bridge':
    case 'interface-prefix': {
      const how = localPods.kind === 'bridge' ? localPods.interface : `${localPods.prefix}*`;
      if (hairpins.has(client)) return { kind: 'own-pod', text: `a pod of this node, if it comes in by ${how}` };
      return { kind: 'elsewhere', text: `not a pod of this node, unless it comes in by ${how}` };
    }
  }
}

function rangeOf(pods: LocalPods, client: IpAddress): Cidr | undefined {
  return pods.kind === 'cidrs' ? pods.cidrs.find((cidr) => cidrHas(cidr, client)) : undefined;
}

function whyNoPod(node: NodePlan, client: IpAddress): string {
  const { localPods } = node;
  if (localPods.kind !== 'cidrs') return `; its pods cannot be told from others (${howToTell(node)})`;
  if (!tellsLocalPods(localPods, isIpv6Address(client) ? 6 : 4))
    return '; no --cluster-cidr or podCIDR tells pods of this family';
  return `, and no pod (${rangesText(localPods.cidrs)})`;
}

function howToTell({ name, lacks }: NodePlan): string {
  switch (lacks) {
    case 'node-that-tells-pods':
      return `there is no Node ${name}, see --node-name`;
    case 'pod-cidrs':
      return `the Node ${name} has no podCIDRs`;
    case 'node':
    case undefined:
      return 'see --cluster-cidr';
  }
}

function findFrontend(plan: L4Plan, { destination, port, protocol }: PacketQuestion): Found | undefined {
  const family = isIpv6Address(destination) ? 6 : 4;
  const isNodePortAddress = plan.node.nodePortAddresses.includes(destination);
  let nodePort: Found | undefined;
  for (const service of plan.services.values()) {
    for (const item of service.ports) {
      if (item.protocol !== protocol || item.family !== family) continue;
      const frontend = item.frontends.find(
        ({ address, port: number }) => number === port && (address === destination || address === undefined),
      );
      if (frontend === undefined) continue;
      // An address of its own goes before a node port of the same number.
      if (frontend.address !== undefined) return { service, port: item, frontend };
      if (isNodePortAddress) nodePort = { service, port: item, frontend };
    }
  }
  return nodePort;
}

/** Whose node port a listener on localhost forwards (LocalhostNodePorts). */
function findListener(plan: L4Plan, { destination, port, protocol }: PacketQuestion): Found | undefined {
  if (protocol !== 'TCP' || (destination !== '127.0.0.1' && destination !== '::1')) return undefined;
  const family = isIpv6Address(destination) ? 6 : 4;
  for (const service of plan.services.values()) {
    for (const item of service.ports) {
      if (item.protocol !== protocol || item.family !== family) continue;
      const frontend = item.frontends.find(({ kind, port: number }) => kind === 'NodePort' && number === port);
      if (frontend !== undefined) return { service, port: item, frontend };
    }
  }
  return undefined;
}

function forwarded(found: Found, kind: ClientKind): Pick<PacketAnswer, 'outcome' | 'endpoints' | 'because'> {
  if (kind !== 'node')
    return { outcome: 'dropped', endpoints: [], because: ['only the node itself reaches its loopback addresses'] };
  const because = [
    '--localhost-nodeports: a listener of this program takes the connection and makes one to an endpoint',
  ];
  const endpoints = found.port.cluster.map((endpoint) => ({ ...endpoint, isMasqueraded: false }));
  if (endpoints.length > 0) return { outcome: 'endpoints', endpoints, because };
  return { outcome: 'refused', endpoints, because: [...because, `no endpoint of ${nameOf(found)} is usable`] };
}

function withoutFrontend(
  plan: L4Plan,
  { destination, port, protocol }: PacketQuestion,
): Pick<PacketAnswer, 'outcome' | 'because'> {
  const owner = [...plan.services.values()].find((service) => service.clusterIps.includes(destination));
  if (owner !== undefined) {
    const ports = owner.ports.flatMap((item) =>
      item.frontends
        .filter(({ address }) => address === destination)
        .map((frontend) => `${String(frontend.port)}/${item.protocol}`),
    );
    const because = [
      `${destination} is a ClusterIP of ${owner.namespace}/${owner.name}, which has no port ${String(port)}/${protocol}`,
      `it has ${ports.length === 0 ? 'none' : ports.join(', ')}`,
    ];
    return { outcome: 'refused', because };
  }
  const range = plan.node.clusterIpRanges.find((cidr) => cidrHas(cidr, destination));
  if (range !== undefined && plan.node.ownsClusterIpRanges && !plan.node.addresses.includes(destination))
    return {
      outcome: 'dropped',
      because: [`no Service has ${destination}, which is in the range of ClusterIPs, ${range.text}`],
    };
  return {
    outcome: 'untouched',
    because: [
      `no Service of this node has ${destination} port ${String(port)}/${protocol}`,
      ...(plan.balancerIps.has(destination)
        ? [
            `${destination} is an address of a load balancer: refused where it would go back to the interface that it came in by`,
          ]
        : []),
      ...(plan.announcedIps.has(destination)
        ? ['where this node answers for it, it is refused: no program of the node is reached by it']
        : []),
      ...nodePortHint(plan, port),
    ],
  };
}

function nodePortHint(plan: L4Plan, port: number): readonly string[] {
  for (const service of plan.services.values()) {
    if (service.ports.some(({ frontends }) => frontends.some((item) => item.kind === 'NodePort' && item.port === port)))
      return [
        `${String(port)} is a node port of ${service.namespace}/${service.name}, which answers on ${plan.node.nodePortAddresses.join(', ')}`,
      ];
  }
  return [];
}

function balanced(
  plan: L4Plan,
  { client }: PacketQuestion,
  found: Found,
  kind: ClientKind,
): Pick<PacketAnswer, 'outcome' | 'endpoints' | 'because'> {
  const { frontend, port } = found;
  const { action } = frontend;
  const policy = frontend.kind === 'ClusterIP' ? 'internalTrafficPolicy' : 'externalTrafficPolicy';
  if (action.kind === 'reject') {
    return {
      outcome: 'refused',
      endpoints: [],
      because: [`no endpoint of ${nameOf(found)} is ready, or serving while it terminates`],
    };
  }
  const isShortCut = action.hasShortCircuit && (kind === 'node' || kind === 'own-pod');
  if (action.kind === 'drop' && !isShortCut) {
    const because = [
      `${policy} is Local, and no endpoint of ${nameOf(found)} is usable on this node, ${plan.node.name}`,
    ];
    return { outcome: 'dropped', endpoints: [], because };
  }
  const list = isShortCut || action.kind === 'drop' ? 'cluster' : action.list;
  const endpoints = port[list].map((endpoint) => ({
    ...endpoint,
    isMasqueraded: isMasqueraded(plan, found, endpoint, client, kind),
  }));
  const why = isShortCut
    ? `${policy} is Local, but the client is on this node, so that all usable endpoints count`
    : `${policy} is ${list === 'local' ? 'Local: the usable endpoints on this node' : 'Cluster: the usable endpoints, narrowed by their hints'}`;
  const affinity =
    port.affinityTimeoutS === undefined
      ? []
      : [`sessionAffinity ClientIP: the client keeps its endpoint for ${String(port.affinityTimeoutS)} s`];
  const stranded = kind === 'node' ? [] : endpoints.filter(({ address }) => isLoopback(address));
  const martian = [...new Set(stranded.map(({ address }) => address))].map(
    (address) => `${address} is a loopback address: the kernel drops what comes to it from elsewhere than this node`,
  );
  if (endpoints.length > 0 && stranded.length === endpoints.length)
    return { outcome: 'dropped', endpoints: [], because: [why, ...martian] };
  return { outcome: 'endpoints', endpoints, because: [why, ...sourceReason(endpoints), ...martian, ...affinity] };
}

function isLoopback(address: IpAddress): boolean {
  return address.startsWith('127.') || address === '::1';
}

function isMasqueraded(
  { node, hairpins }: L4Plan,
  { frontend }: Found,
  endpoint: EndpointAddress,
  client: IpAddress,
  kind: ClientKind,
): boolean {
  // What ends on the node itself never leaves it, and leaving is where sources are replaced.
  if (node.addresses.includes(endpoint.address) || isLoopback(endpoint.address)) return false;
  if (endpoint.address === client && hairpins.has(client)) return true;
  const { action } = frontend;
  if (action.kind === 'reject') return false;
  if (action.hasShortCircuit) return kind === 'node';
  if (action.kind === 'drop') return false;
  return (
    action.masquerade === 'everybody' || (action.masquerade === 'all-but-local-pods' && !isInside(node, client, kind))
  );
}

/** Whether a ClusterIP leaves the client its address. One of this node's pods need not be in the ranges of the cluster, where those are wrong. */
function isInside({ localPods }: NodePlan, client: IpAddress, kind: ClientKind): boolean {
  return localPods.kind === 'cidrs' ? rangeOf(localPods, client) !== undefined : kind === 'own-pod';
}

function sourceReason(endpoints: readonly ExplainedEndpoint[]): readonly string[] {
  if (endpoints.every(({ isMasqueraded: is }) => !is)) return ['the endpoint sees the address of the client'];
  if (endpoints.every(({ isMasqueraded: is }) => is))
    return ['the endpoint sees the address of this node, so that its answers come back this way'];
  return ['whether the endpoint sees the address of the client or of this node depends on the endpoint'];
}

function nameOf({ service, port }: Found): string {
  return `${service.namespace}/${service.name}${port.name === '' ? '' : `:${port.name}`}`;
}

function rangesText(ranges: readonly Cidr[]): string {
  return ranges.map(({ text }) => text).join(', ');
}
