import type { Cidr } from './cidr.ts';
import type { IpAddress } from './grammar.ts';
import type { Labels } from './label-selector.ts';
import type { ObjectMeta } from './object.ts';

export type TransportProtocol = 'TCP' | 'UDP' | 'SCTP';

/** One port of a Service. `name` is empty for the only port of a Service with one. */
export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: TransportProtocol;
  /** A number, the name of a container port, or undefined: then it equals `port`. */
  readonly targetPort: number | string | undefined;
  readonly appProtocol: string | undefined;
  /** `nodePort`; undefined where the object has none yet. */
  readonly nodePort: number | undefined;
}

/** An address under which a load balancer publishes a Service. */
export type PublishedAddress = { readonly ip: IpAddress } | { readonly hostname: string };

/** A Service, reduced to what compile reads. */
export interface Service {
  readonly meta: ObjectMeta;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly ports: readonly ServicePort[];
  /** A DNS name or an IP address; only for type ExternalName. */
  readonly externalName: string | undefined;
  /** `spec.externalIPs`, then `status.loadBalancer.ingress`. */
  readonly publishedAddresses: readonly PublishedAddress[];
  readonly traffic: ServiceTraffic;
  /** Only for type LoadBalancer. */
  readonly loadBalancer: LoadBalancerWish | undefined;
}

/** What a Service of type LoadBalancer asks of whoever gives it an address. */
export interface LoadBalancerWish {
  /** `spec.loadBalancerClass`. */
  readonly className: string | undefined;
  readonly request: AddressRequest;
  /** `metallb.io/address-pool`. */
  readonly pool: string | undefined;
  /** `metallb.io/allow-shared-ip`: Services with the same one may have one address, if their ports differ. */
  readonly sharingKey: string | undefined;
  readonly labels: Labels;
  /** `metallb.io/ip-allocated-from-pool`: the pool of the addresses that it has, as the giver of the addresses recorded it. */
  readonly allocatedFrom: string | undefined;
  /** The virtual router that each of its addresses is announced by, as the giver of the addresses recorded it. */
  readonly virtualRouters: readonly RecordedRouter[];
  /** `spec.selector` in one text, equal for equal selectors; empty where there is none. */
  readonly selector: string;
}

/** The annotation of a Service with the name of the pool that its addresses are from, as MetalLB writes it. */
export const ALLOCATED_FROM = 'metallb.io/ip-allocated-from-pool';

/** The annotation of a Service in which that is recorded of its addresses: `ADDRESS=NUMBER,...`. */
export const VIRTUAL_ROUTERS = 'sluice.dev/virtual-routers';

/** Which virtual router (RFC 9568) an address belongs to. */
export interface RecordedRouter {
  readonly address: IpAddress;
  /** 1 to 255. */
  readonly id: number;
}

/** The addresses that a Service asks for by name; `unusable`: it asks, and cannot be understood, so that any other would be wrong. */
export type AddressRequest =
  | { readonly kind: 'any' }
  | { readonly kind: 'addresses'; readonly addresses: readonly IpAddress[]; readonly field: string }
  | { readonly kind: 'unusable' };

/** Whose endpoints take the traffic that a node receives: those of the cluster, or of that node alone. */
export type TrafficPolicy = 'Cluster' | 'Local';

/** A virtual address family as `spec.ipFamilies` names it. */
export type IpFamilyName = 'IPv4' | 'IPv6';

/** What decides how the kernel treats packets to a Service (core/v1 ServiceSpec, resolved to its defaults). */
export interface ServiceTraffic {
  /** `clusterIP: None`, or the label `service.kubernetes.io/headless`: no virtual address at all. */
  readonly isHeadless: boolean;
  /** As written; empty where none has been allocated yet. */
  readonly clusterIps: readonly IpAddress[];
  /** `ipFamilyPolicy` and `ipFamilies`, for whoever allocates. */
  readonly families: FamilyWish;
  readonly externalIps: readonly IpAddress[];
  /** Of `status.loadBalancer.ingress`, those with ipMode VIP (KEP-1860): packets to them end here. */
  readonly loadBalancerIps: readonly IpAddress[];
  /** Undefined: any source may come in by the load balancer's addresses. */
  readonly sourceRanges: readonly Cidr[] | undefined;
  readonly externalPolicy: TrafficPolicy;
  readonly internalPolicy: TrafficPolicy;
  /** How long a client keeps its endpoint after its last new connection, in seconds; undefined without sessionAffinity. */
  readonly affinityTimeoutS: number | undefined;
  readonly distribution: 'PreferSameZone' | 'PreferSameNode' | undefined;
  readonly healthCheckNodePort: number | undefined;
  /** False for `allocateLoadBalancerNodePorts: false`. */
  readonly wantsNodePorts: boolean;
  /** The label `service.kubernetes.io/service-proxy-name`: another proxy's, unless it is our name. */
  readonly proxyName: string | undefined;
}

/** Which families a Service wants addresses of, and whether it can do with fewer. */
export interface FamilyWish {
  readonly policy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  /** In order of preference; empty: the order of the cluster's ranges. */
  readonly families: readonly IpFamilyName[];
}

/** What a Service has that says nothing about its traffic. */
export const DEFAULT_TRAFFIC: ServiceTraffic = {
  isHeadless: false,
  clusterIps: [],
  families: { policy: 'SingleStack', families: [] },
  externalIps: [],
  loadBalancerIps: [],
  sourceRanges: undefined,
  externalPolicy: 'Cluster',
  internalPolicy: 'Cluster',
  affinityTimeoutS: undefined,
  distribution: undefined,
  healthCheckNodePort: undefined,
  wantsNodePorts: true,
  proxyName: undefined,
};

/** One port of an EndpointSlice. Endpoints are matched to a Service port by this name and the protocol. */
export interface EndpointPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: TransportProtocol;
  readonly appProtocol: string | undefined;
}

/**
 * One endpoint. The conditions are resolved as the API says: `ready` absent is true, `serving`
 * absent is `ready`, `terminating` absent is false (discovery.k8s.io/v1 EndpointConditions).
 */
export interface Endpoint {
  readonly address: IpAddress;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly placement: Placement;
}

/** Where an endpoint runs, and whom its hints are meant for (KEP-2433). Endpoints of one place share the object. */
export interface Placement {
  readonly nodeName: string | undefined;
  readonly zone: string | undefined;
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
}

/** The place of an endpoint that does not say. */
export const NO_PLACE: Placement = { nodeName: undefined, zone: undefined, forZones: [], forNodes: [] };

/** Endpoints with the ports that all of them have. */
export interface EndpointSubset {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** An EndpointSlice, which has one subset, or a legacy Endpoints object, which may have several. */
export interface EndpointSlice {
  readonly meta: ObjectMeta;
  readonly kind: 'EndpointSlice' | 'Endpoints';
  /** The Service it belongs to, in its own namespace. */
  readonly service: string;
  /** The label `service.kubernetes.io/headless`: nobody is led here by a virtual address. */
  readonly isHeadless: boolean;
  readonly subsets: readonly EndpointSubset[];
}
