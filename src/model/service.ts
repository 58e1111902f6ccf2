import type { IpAddress } from './grammar.ts';
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
}

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
}

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
  readonly subsets: readonly EndpointSubset[];
}
