import { cidrHas } from '../../model/cidr.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { isIpv6Address, type IpAddress } from '../../model/grammar.ts';
import { nameOf, type ObjectRef } from '../../model/object.ts';
import type { EndpointSlice, Service, ServicePort } from '../../model/service.ts';
import { endpointsOf, type ServiceEndpoint } from '../endpoints.ts';
import { chooseEndpoints, type Chooser } from './endpoint-choice.ts';
import {
  clusterIpClaim,
  healthCheckClaim,
  refOf,
  type Claim,
  type FrontendWish,
  type ServiceWish,
} from './frontends.ts';
import {
  MOST_ENDPOINTS,
  type EndpointAddress,
  type Frontend,
  type FrontendAction,
  type Masquerade,
  type ServicePlan,
  type ServicePortPlan,
} from './l4-plan.ts';

/** What surrounds a Service on the node it is served on. */
export interface ServiceSurroundings {
  readonly chooser: Chooser;
  readonly masqueradesAll: boolean;
  /** {@link NodePlan.primaryAddresses} of the node. */
  readonly primaryAddresses: readonly IpAddress[];
  /** Whether pods of this node can be told from other sources in a family. */
  readonly tellsLocalPods: (family: 4 | 6) => boolean;
  /** Who else holds a claim with an older right to it; undefined: nobody. */
  readonly holderOf: (claim: Claim) => ObjectRef | undefined;
}

/** A Service as this node serves it, and what is wrong with it. */
export interface CompiledService {
  readonly plan: ServicePlan;
  /** Addresses of endpoints that run on this node, or may for all that is known. */
  readonly hairpins: readonly IpAddress[];
  /** Addresses of endpoints that are certain to run on this node. */
  readonly ownEndpoints: readonly IpAddress[];
  /** The addresses of its balancer that are its own to serve, or shared. */
  readonly balancerIps: readonly IpAddress[];
  readonly findings: readonly Finding[];
}

/** Compiles one Service. Pure. */
export function compileService(
  service: Service,
  wish: ServiceWish,
  slices: readonly EndpointSlice[],
  surroundings: ServiceSurroundings,
): CompiledService {
  const { holderOf, chooser } = surroundings;
  const findings: Finding[] = [...wish.findings];
  const frontends = granted(service, wish, holderOf, findings);
  const hairpins = new Set<IpAddress>();
  const ownEndpoints = new Set<IpAddress>();
  const localReady = { IPv4: new Set<IpAddress>(), IPv6: new Set<IpAddress>() };
  const ports = service.ports.flatMap((port) => {
    const endpoints = endpointsOf(port, slices, chooser.nodeName);
    for (const { address, ready, placement } of endpoints) {
      if (placement.nodeName === chooser.nodeName && ready)
        localReady[isIpv6Address(address) ? 'IPv6' : 'IPv4'].add(address);
      if ((placement.nodeName ?? chooser.nodeName) === chooser.nodeName) hairpins.add(address);
      if (placement.nodeName === chooser.nodeName) ownEndpoints.add(address);
    }
    const wishes = frontends.filter((item) => item.servicePort === port);
    findings.push(...tooMany(service, port, endpoints));
    return ([4, 6] as const).flatMap((family) => portPlan(service, port, family, endpoints, wishes, surroundings));
  });
  const { namespace, name } = service.meta;
  const clusterIps = wish.clusterIps.filter((address) => holderOf(clusterIpClaim(address)) === undefined);
  const { healthCheckPort } = wish;
  const isHealthCheckOurs =
    healthCheckPort !== undefined && isGrantedHealthCheck(service, healthCheckPort, holderOf, findings);
  // A pod of two families has an address in each, and is one endpoint.
  const readyEndpoints = Math.max(localReady.IPv4.size, localReady.IPv6.size);
  const healthCheck = isHealthCheckOurs ? { port: healthCheckPort, readyEndpoints } : undefined;
  const balancerIps = frontends.flatMap(({ kind, address }) =>
    kind === 'LoadBalancer' && address !== undefined ? [address] : [],
  );
  return {
    plan: { namespace, name, clusterIps, ports, healthCheck },
    hairpins: [...hairpins].sort(),
    ownEndpoints: [...ownEndpoints].sort(),
    balancerIps: [...new Set(balancerIps)].sort(),
    findings,
  };
}

/** The frontends that no older Service has; each claim once, since a load balancer's address may be an external IP too. */
function granted(
  service: Service,
  wish: ServiceWish,
  holderOf: ServiceSurroundings['holderOf'],
  findings: Finding[],
): readonly FrontendWish[] {
  const seen = new Set<Claim>();
  const refused = new Set<string>();
  return wish.frontends.filter((frontend) => {
    const identity = `${frontend.claim} ${String(frontend.family)}`;
    if (seen.has(identity)) return false;
    seen.add(identity);
    const clusterIp = frontend.kind === 'ClusterIP' && frontend.address !== undefined ? frontend.address : undefined;
    const holder =
      (clusterIp === undefined ? undefined : holderOf(clusterIpClaim(clusterIp))) ?? holderOf(frontend.claim);
    if (holder === undefined) return true;
    const problem = conflict(service, frontend, holder);
    // One address is one conflict, however many ports the Service has.
    if (!refused.has(problem.message)) findings.push(problem);
    refused.add(problem.message);
    return false;
  });
}

function conflict(service: Service, frontend: FrontendWish, holder: ObjectRef): Finding {
  const { kind, address, port, field, servicePort } = frontend;
  if (kind === 'NodePort' || address === undefined) {
    const message = `${servicePort.protocol} node port ${String(port)} is already allocated to ${nameOf(holder)}`;
    return finding('NodePortConflict', refOf(service), field, message);
  }
  const text = kind === 'ClusterIP' ? address : `${address} port ${String(port)}/${servicePort.protocol}`;
  return finding('VirtualAddressConflict', refOf(service), field, `${text} already belongs to ${nameOf(holder)}`);
}

function isGrantedHealthCheck(
  service: Service,
  port: number,
  holderOf: ServiceSurroundings['holderOf'],
  findings: Finding[],
): boolean {
  const holder = holderOf(healthCheckClaim(port));
  if (holder === undefined) return true;
  const message = `health check node port ${String(port)} is already allocated to ${nameOf(holder)}`;
  findings.push(finding('NodePortConflict', refOf(service), 'spec.healthCheckNodePort', message));
  return false;
}

function portPlan(
  service: Service,
  port: ServicePort,
  family: 4 | 6,
  endpoints: readonly ServiceEndpoint[],
  wishes: readonly FrontendWish[],
  surroundings: ServiceSurroundings,
): readonly ServicePortPlan[] {
  const ours = wishes.filter((item) => item.family === family);
  if (ours.length === 0) return [];
  const inFamily = endpoints.filter(({ address }) => isIpv6Address(address) === (family === 6));
  const chosen = chooseEndpoints(inFamily, service.traffic.distribution, surroundings.chooser);
  const cluster = chosen.cluster.slice(0, MOST_ENDPOINTS).map(addressOf);
  const local = chosen.local.slice(0, MOST_ENDPOINTS).map(addressOf);
  const frontends = ours.map((item): Frontend => {
    const { kind, address, port: number, sourceRanges } = item;
    const ownSources = ownSourcesOf(item, surroundings.primaryAddresses);
    const action = actionOf(service, item, { cluster: cluster.length, local: local.length }, surroundings);
    return { kind, address, port: number, action, sourceRanges, ownSources };
  });
  const serving = port.protocol === 'UDP' ? inFamily.filter((item) => item.ready || item.serving).map(addressOf) : [];
  const { affinityTimeoutS } = service.traffic;
  return [{ name: port.name, protocol: port.protocol, family, frontends, cluster, local, serving, affinityTimeoutS }];
}

/** As kube-proxy has it, where a range holds the node; but of the node itself alone, since anybody could send from that address. */
function ownSourcesOf({ sourceRanges, balancerIps }: FrontendWish, node: readonly IpAddress[]): readonly IpAddress[] {
  const isNodeLetIn = sourceRanges?.some((range) => node.some((address) => cidrHas(range, address))) ?? false;
  return isNodeLetIn ? balancerIps : [];
}

function tooMany(service: Service, port: ServicePort, endpoints: readonly ServiceEndpoint[]): readonly Finding[] {
  const counts = [false, true].map((isV6) => endpoints.filter(({ address }) => isIpv6Address(address) === isV6).length);
  const most = Math.max(...counts);
  if (most <= MOST_ENDPOINTS) return [];
  const message = `port ${String(port.port)}/${port.protocol} has ${String(most)} endpoints`;
  return [finding('EndpointsTooMany', refOf(service), 'spec.ports', message)];
}

function addressOf({ address, port }: ServiceEndpoint): EndpointAddress {
  return { address, port };
}

/**
 * What happens to a new connection, by the policy that its frontend stands under (KEP-2086 for the
 * inside, core/v1 externalTrafficPolicy for the outside).
 */
function actionOf(
  service: Service,
  { kind, family }: FrontendWish,
  counts: { readonly cluster: number; readonly local: number },
  { masqueradesAll, tellsLocalPods }: ServiceSurroundings,
): FrontendAction {
  if (counts.cluster === 0 && counts.local === 0) return { kind: 'reject' };
  const isInternal = kind === 'ClusterIP';
  const { internalPolicy, externalPolicy } = service.traffic;
  const isLocal = (isInternal ? internalPolicy : externalPolicy) === 'Local';
  const hasShortCircuit = isLocal && !isInternal;
  if (isLocal && counts.local === 0) return { kind: 'drop', hasShortCircuit };
  if (!isLocal && counts.cluster === 0) return { kind: 'reject' };
  const internal: Masquerade = masqueradesAll ? 'everybody' : tellsLocalPods(family) ? 'all-but-local-pods' : 'nobody';
  // With policy Local the endpoint must see its client; with Cluster it may be on another node, whose answers must come back here.
  const masquerade = isInternal ? internal : isLocal ? 'nobody' : 'everybody';
  return { kind: 'balance', list: isLocal ? 'local' : 'cluster', masquerade, hasShortCircuit };
}
