import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { Cidr } from '../../model/cidr.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { TransportProtocol } from '../../model/service.ts';

/** Service traffic in the kernel of one node: what kube-proxy would program. */
export interface L4Plan {
  /** By `namespace/name`; Services without a virtual address here are not in it. */
  readonly services: PersistentMap<ServicePlan>;
  /** Addresses of endpoints that may run on this node: one that reaches itself by a Service must see another source. */
  readonly hairpins: PersistentMap<true>;
  /** Addresses of load balancers: what comes in for a port of them that no Service has must not go back to where it came from. */
  readonly balancerIps: PersistentMap<true>;
  /** Addresses that this machine may have at any time for Services: no program of its own is reached by one. */
  readonly announcedIps: PersistentMap<true>;
  readonly node: NodePlan;
}

/** What holds for the node as a whole. */
export interface NodePlan {
  readonly name: string;
  /** Its own addresses, sorted; those that clients on the node itself have. */
  readonly addresses: readonly IpAddress[];
  /** The one of each family that the node is known by, sorted. */
  readonly primaryAddresses: readonly IpAddress[];
  /** Addresses on which NodePorts answer, sorted. */
  readonly nodePortAddresses: readonly IpAddress[];
  /** Where healthCheckNodePorts answer: there too, or on the wildcard of a family whose addresses all are among them. */
  readonly healthCheckAddresses: readonly ListenHost[];
  /** How clients inside of the cluster are recognised, as the operator decided: at ClusterIPs all others get the node's address as their source. */
  readonly localPods: LocalPods;
  /** How pods of this very node are recognised, whom policy Local leaves the endpoints elsewhere. */
  readonly ownPods: LocalPods;
  /** Where ClusterIPs are taken from, as far as it is known, none nested in another. */
  readonly clusterIpRanges: readonly Cidr[];
  /** Ranges that are said to be so, and cannot: the node has an address there that is no ClusterIP. To believe them would cut it off. */
  readonly misplacedRanges: readonly Cidr[];
  /** Whether these ranges are nobody else's: what goes to an address in them that no Service has is dropped. */
  readonly ownsClusterIpRanges: boolean;
  /** What is not there of this node's object: all of it (and pods would be recognised by it, or not), or the podCIDRs that pods are recognised by. */
  readonly lacks: 'node' | 'node-that-tells-pods' | 'pod-cidrs' | undefined;
  /** Masquerade whatever comes in by a ClusterIP. */
  readonly masqueradesAll: boolean;
  /** Whether balancers outside may send new connections here, for `/healthz`. */
  readonly isEligible: boolean;
}

/** An address to listen on, or the wildcard of a family. */
export type ListenHost = IpAddress | '0.0.0.0' | '::';

/** How pods are distinguished from everything else. */
export type LocalPods =
  /** No way is known: nothing is masqueraded for being foreign, and nothing short-circuited for being local. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'cidrs'; readonly cidrs: readonly Cidr[] }
  | { readonly kind: 'bridge'; readonly interface: string }
  | { readonly kind: 'interface-prefix'; readonly prefix: string };

/** One Service as this node serves it. */
export interface ServicePlan {
  readonly namespace: string;
  readonly name: string;
  /** The ClusterIPs that are its own: their other ports are refused. */
  readonly clusterIps: readonly IpAddress[];
  readonly ports: readonly ServicePortPlan[];
  readonly healthCheck: HealthCheckPlan | undefined;
}

/** One port of a Service in one address family. */
export interface ServicePortPlan {
  readonly name: string;
  readonly protocol: TransportProtocol;
  readonly family: 4 | 6;
  readonly frontends: readonly Frontend[];
  /** Endpoints that may take traffic from anywhere (policy Cluster), sorted. */
  readonly cluster: readonly EndpointAddress[];
  /** Endpoints on this node (policy Local), sorted. */
  readonly local: readonly EndpointAddress[];
  /** For UDP all endpoints that serve, whatever the policy: flows to any other are forgotten (KEP-1669). Else empty. */
  readonly serving: readonly EndpointAddress[];
  /** Seconds; undefined without session affinity. */
  readonly affinityTimeoutS: number | undefined;
}

/** How many endpoints a list of a Service port holds at most: the planes number them. */
export const MOST_ENDPOINTS = 32_768;

/** A real address and port behind a Service port. */
export interface EndpointAddress {
  readonly address: IpAddress;
  readonly port: number;
}

/** An address and port that clients of a Service use. */
export interface Frontend {
  readonly kind: 'ClusterIP' | 'ExternalIP' | 'LoadBalancer' | 'NodePort';
  /** Undefined for a NodePort: it answers on all of {@link NodePlan.nodePortAddresses}. */
  readonly address: IpAddress | undefined;
  readonly port: number;
  readonly action: FrontendAction;
  /** Sources that may use it, none nested in another; undefined: all. */
  readonly sourceRanges: readonly Cidr[] | undefined;
  /**
   * Sources outside of these ranges that the node itself may use it from: the balancer's addresses, which a node that holds one of them
   * sends from. None where no range holds the node.
   */
  readonly ownSources: readonly IpAddress[];
}

/** What happens to a new connection. */
export type FrontendAction =
  | {
      readonly kind: 'balance';
      readonly list: 'cluster' | 'local';
      readonly masquerade: Masquerade;
      /** Pods of this node and the node itself use the cluster list all the same (externalTrafficPolicy Local). */
      readonly hasShortCircuit: boolean;
    }
  /** Policy Local, and no endpoint here: whoever sent it ought to try another node. */
  | { readonly kind: 'drop'; readonly hasShortCircuit: boolean }
  /** No endpoint anywhere. */
  | { readonly kind: 'reject' };

/** Whose source address is replaced by the node's. Connections of the node itself always are (see planes/l4). */
export type Masquerade = 'nobody' | 'all-but-local-pods' | 'everybody';

/** The HTTP server that tells a balancer outside whether this node has ready endpoints. */
export interface HealthCheckPlan {
  readonly port: number;
  /** Distinct addresses of ready endpoints on this node; terminating ones do not count (KEP-1669). */
  readonly readyEndpoints: number;
}
