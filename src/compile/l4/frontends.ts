import { cidrHas, withoutNested, type Cidr } from '../../model/cidr.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { isIpv6Address, type IpAddress } from '../../model/grammar.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import { HEALTH_CHECK, NOTHING_ALLOCATED, nodePortKey, type Allocation } from './allocation.ts';
import type { Frontend } from './l4-plan.ts';
import type { AllocationSettings, ExternalIpPolicy, L4Settings } from './l4-settings.ts';

/** A {@link Frontend} before it is known what its endpoints are, with what it lays claim to. */
export interface FrontendWish {
  readonly kind: Frontend['kind'];
  readonly address: IpAddress | undefined;
  readonly port: number;
  readonly family: 4 | 6;
  readonly servicePort: ServicePort;
  readonly sourceRanges: readonly Cidr[] | undefined;
  /** The balancer's addresses of this family, where there are ranges. */
  readonly balancerIps: readonly IpAddress[];
  readonly claim: Claim;
  /** JSON path in the Service, for the Finding of whoever comes too late. */
  readonly field: string;
}

/** What only one Service can have: an address with a port and protocol, or a node port. */
export type Claim = string;

/** The claim to an address and port. */
function addressClaim(address: IpAddress, port: ServicePort): Claim {
  return `${address} ${port.protocol} ${String(port.port)}`;
}

/** The claim to a whole ClusterIP, whose unused ports are refused. */
export function clusterIpClaim(address: IpAddress): Claim {
  return `cluster-ip ${address}`;
}

function nodePortClaim(protocol: string, port: number): Claim {
  return `node-port ${protocol} ${String(port)}`;
}

/** Everything that a Service wants to be reached under on this node, in one order. */
export interface ServiceWish {
  readonly clusterIps: readonly IpAddress[];
  readonly frontends: readonly FrontendWish[];
  readonly healthCheckPort: number | undefined;
  readonly claims: readonly Claim[];
  readonly findings: readonly Finding[];
}

/** What a node port's claim is when it is the health check's. */
export function healthCheckClaim(port: number): Claim {
  return nodePortClaim('TCP', port);
}

/**
 * Whether a Service is this program's to serve: not ExternalName, not headless, and not handed to
 * another proxy by label (core/v1, `service.kubernetes.io/service-proxy-name`).
 */
export function isServed(service: Service, settings: L4Settings): boolean {
  return (
    service.type !== 'ExternalName' && !service.traffic.isHeadless && service.traffic.proxyName === settings.proxyName
  );
}

/** What a Service asks for, with what it was given where it did not say. Pure. */
export function wishOf(
  service: Service,
  allocation: Allocation = NOTHING_ALLOCATED,
  settings: L4Settings,
  allocating: AllocationSettings | undefined,
): ServiceWish {
  const { traffic } = service;
  const findings: Finding[] = [];
  const written = admittedClusterIps(service, allocating, findings);
  const clusterIps = traffic.clusterIps.length > 0 ? written : allocation.clusterIps;
  const balancerIps = [...new Set([...traffic.loadBalancerIps, ...allocation.loadBalancerIps])];
  const externalIps = admittedExternalIps(service, settings.externalIps, findings);
  const frontends = service.ports.flatMap((port, index) => [
    ...clusterIps.map((address) => wish('ClusterIP', address, port, 'spec.clusterIP')),
    ...balancerIps.map((address) => ({
      ...wish('LoadBalancer', address, port, 'status.loadBalancer.ingress'),
      ...restrictionOf(address, traffic, balancerIps),
    })),
    ...externalIps.map((address) => wish('ExternalIP', address, port, 'spec.externalIPs')),
    ...nodePortWishes(service, port, index, allocation, allocating, findings),
  ]);
  const healthCheckPort = healthCheckPortOf(service, allocation, allocating, findings);
  const claims = new Set([...clusterIps.map(clusterIpClaim), ...frontends.map(({ claim }) => claim)]);
  if (healthCheckPort !== undefined) claims.add(healthCheckClaim(healthCheckPort));
  return { clusterIps, frontends, healthCheckPort, claims: [...claims], findings };
}

function wish(kind: Frontend['kind'], address: IpAddress, servicePort: ServicePort, field: string): FrontendWish {
  const family = isIpv6Address(address) ? 6 : 4;
  const claim = addressClaim(address, servicePort);
  return { kind, address, port: servicePort.port, family, servicePort, ...UNRESTRICTED, claim, field };
}

const UNRESTRICTED: Pick<FrontendWish, 'sourceRanges' | 'balancerIps'> = { sourceRanges: undefined, balancerIps: [] };

function healthCheckPortOf(
  service: Service,
  allocation: Allocation,
  allocating: AllocationSettings | undefined,
  findings: Finding[],
): number | undefined {
  if (service.type !== 'LoadBalancer' || service.traffic.externalPolicy !== 'Local') return undefined;
  const port = service.traffic.healthCheckNodePort ?? allocation.nodePorts[HEALTH_CHECK];
  return port !== undefined && isInRange(service, port, 'spec.healthCheckNodePort', allocating, findings)
    ? port
    : undefined;
}

/** Where an API server allocates, it has looked already. */
function isInRange(
  service: Service,
  port: number,
  field: string,
  allocating: AllocationSettings | undefined,
  findings: Finding[],
): boolean {
  if (allocating === undefined) return true;
  const { first, last } = allocating.nodePorts;
  if (port >= first && port <= last) return true;
  const message = `${String(port)} is not in the valid range ${String(first)}-${String(last)}`;
  findings.push(finding('NodePortOutOfRange', refOf(service), field, message));
  return false;
}

/** A node port answers in every family in which the Service has a ClusterIP. */
function nodePortWishes(
  service: Service,
  servicePort: ServicePort,
  index: number,
  allocation: Allocation,
  allocating: AllocationSettings | undefined,
  findings: Finding[],
): readonly FrontendWish[] {
  if (service.type !== 'NodePort' && service.type !== 'LoadBalancer') return [];
  const port = servicePort.nodePort ?? allocation.nodePorts[nodePortKey(servicePort)];
  if (port === undefined) return [];
  const field = `spec.ports[${String(index)}].nodePort`;
  if (!isInRange(service, port, field, allocating, findings)) return [];
  const addresses = service.traffic.clusterIps.length > 0 ? service.traffic.clusterIps : allocation.clusterIps;
  const families = new Set(addresses.map((address) => (isIpv6Address(address) ? 6 : 4)));
  const claim = nodePortClaim(servicePort.protocol, port);
  return [...families].map((family) => ({
    kind: 'NodePort',
    address: undefined,
    port,
    family,
    servicePort,
    ...UNRESTRICTED,
    claim,
    field,
  }));
}

/** The ranges of the address' family; without any there is no filter (core/v1 loadBalancerSourceRanges). */
function restrictionOf(
  address: IpAddress,
  traffic: Service['traffic'],
  addresses: readonly IpAddress[],
): Pick<FrontendWish, 'sourceRanges' | 'balancerIps'> {
  const isV6 = isIpv6Address(address);
  const ranges = traffic.sourceRanges?.filter(({ family }) => (family === 6) === isV6) ?? [];
  if (ranges.length === 0) return UNRESTRICTED;
  const balancerIps = addresses.filter((ip) => isIpv6Address(ip) === isV6);
  return { sourceRanges: withoutNested(ranges), balancerIps };
}

/**
 * Where no API server does, somebody has to look: every unused port of a ClusterIP is refused, so that one which is an address of the
 * node, or a loopback address, would cut the node off.
 */
function admittedClusterIps(
  service: Service,
  allocating: AllocationSettings | undefined,
  findings: Finding[],
): readonly IpAddress[] {
  const { clusterIps } = service.traffic;
  if (allocating === undefined) return clusterIps;
  const { clusterIpRanges } = allocating;
  return clusterIps.filter((address) => {
    if (clusterIpRanges.some((range) => cidrHas(range, address))) return true;
    const message = `${address} is not in the valid range ${clusterIpRanges.map(({ text }) => text).join(', ')}`;
    findings.push(finding('ClusterIpOutOfRange', refOf(service), 'spec.clusterIP', message));
    return false;
  });
}

function admittedExternalIps(service: Service, policy: ExternalIpPolicy, findings: Finding[]): readonly IpAddress[] {
  const isAllowed = (address: IpAddress): boolean =>
    policy.kind === 'allow' || (policy.kind === 'ranges' && policy.cidrs.some((cidr) => cidrHas(cidr, address)));
  const { externalIps } = service.traffic;
  for (const [index, address] of externalIps.entries()) {
    if (isAllowed(address)) continue;
    const message = `${address} is not among the addresses that --external-ips allows`;
    findings.push(finding('ExternalIpDenied', refOf(service), `spec.externalIPs[${String(index)}]`, message));
  }
  return externalIps.filter(isAllowed);
}

/** The Service itself, as Findings name it. */
export function refOf(service: Service): ObjectRef {
  return { kind: 'Service', namespace: service.meta.namespace, name: service.meta.name };
}
