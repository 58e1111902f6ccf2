/**
 * Services and EndpointSlices of the lab, as Kubernetes objects. Unless said otherwise a Service is of both families, has port 80
 * for TCP and for UDP, and its endpoints serve on 8080. Every place of the lab serves on 9090 as well.
 */
import type { Target } from './agent/protocol.ts';
import { addressOf, FAMILIES, isNode, isPod, nodeOf, zoneOf, NODES, podCidr } from './topology.ts';
import type { Family, NodeName, Place } from './topology.ts';

export type Protocol = Target['protocol'] | 'SCTP';

type BgpKind = 'BGPPeer' | 'BGPAdvertisement' | 'BFDProfile' | 'Community';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: 'Service' | 'EndpointSlice' | 'Node' | 'IPAddressPool' | 'Secret' | BgpKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: unknown;
  readonly [field: string]: unknown;
}

/** The desired state, and what is new about it. */
export interface DesiredChange {
  readonly all: readonly KubeObject[];
  readonly changed: readonly KubeObject[];
  readonly removed: readonly KubeObject[];
}

export interface EndpointSpec {
  readonly at: Place;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly hints?: unknown;
}

export interface PortSpec {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly targetPort: number;
  readonly nodePort?: number;
}

export interface ServiceSpec {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly endpoints: readonly (Place | EndpointSpec)[];
  readonly ports: readonly PortSpec[];
  readonly families: readonly Family[];
  readonly labels: Readonly<Record<string, string>>;
  /** Fields of `spec` as they are. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Whether `status.loadBalancer` says that the address is there. Default: for type LoadBalancer. */
  readonly hasLoadBalancer: boolean;
  /** `ipMode` of that address. */
  readonly ipMode?: string;
  readonly isHeadless: boolean;
}

/** A Service, its endpoints, and where to reach it. */
export class ServiceFixture {
  readonly name: string;
  readonly #number: number;
  readonly spec: ServiceSpec;

  /** @param number from 1 to 250, its own in the test file: all addresses and node ports follow from it */
  constructor(number: number, spec: Partial<ServiceSpec> = {}) {
    this.name = `service-${number}`;
    this.#number = number;
    const type = spec.type ?? 'ClusterIP';
    this.spec = {
      endpoints: [],
      families: FAMILIES,
      labels: {},
      fields: {},
      isHeadless: false,
      hasLoadBalancer: type === 'LoadBalancer',
      ...spec,
      type,
      ports: spec.ports ?? this.#defaultPorts(type),
    };
  }

  /** The same Service, with these fields changed. */
  with(changes: Partial<ServiceSpec>): ServiceFixture {
    const { ports, hasLoadBalancer, ...kept } = this.spec;
    const isSameType = changes.type === undefined || changes.type === this.spec.type;
    return new ServiceFixture(this.#number, { ...kept, ...(isSameType && { ports, hasLoadBalancer }), ...changes });
  }

  get nodePort(): number {
    return 30_000 + this.#number;
  }

  get healthCheckNodePort(): number {
    return 31_000 + this.#number;
  }

  clusterIp(family: Family): string {
    return family === 'IPv4' ? `10.96.1.${this.#number}` : `fd96::1:${this.#number.toString(16)}`;
  }

  loadBalancerIp(family: Family): string {
    return family === 'IPv4' ? `203.0.113.${this.#number}` : `2001:db8:113::${this.#number.toString(16)}`;
  }

  externalIp(family: Family): string {
    return family === 'IPv4' ? `198.51.100.${this.#number}` : `2001:db8:51::${this.#number.toString(16)}`;
  }

  /** Where the ClusterIP is, over all families and ports. */
  clusterTargets(): readonly Target[] {
    return this.#targets((family) => this.clusterIp(family));
  }

  loadBalancerTargets(): readonly Target[] {
    return this.#targets((family) => this.loadBalancerIp(family));
  }

  externalTargets(): readonly Target[] {
    return this.#targets((family) => this.externalIp(family));
  }

  nodePortTargets(node: NodeName): readonly Target[] {
    return this.spec.families.flatMap((family) =>
      this.spec.ports.filter(isAskable).map(({ protocol, nodePort = this.nodePort }) => ({
        protocol,
        address: addressOf(node, family),
        port: nodePort,
      })),
    );
  }

  objects(): readonly KubeObject[] {
    return [this.#service(), ...(this.spec.endpoints.length === 0 ? [] : this.#slices())];
  }

  #defaultPorts(type: ServiceSpec['type']): readonly PortSpec[] {
    const hasNodePort = type === 'NodePort' || type === 'LoadBalancer';
    return (['TCP', 'UDP'] as const).map((protocol) => ({
      name: protocol.toLowerCase(),
      protocol,
      port: 80,
      targetPort: 8080,
      ...(hasNodePort && { nodePort: this.nodePort }),
    }));
  }

  #targets(addressFor: (family: Family) => string): readonly Target[] {
    return this.spec.families.flatMap((family) =>
      this.spec.ports.filter(isAskable).map(({ protocol, port }) => ({ protocol, address: addressFor(family), port })),
    );
  }

  #service(): KubeObject {
    const { type, families, fields, labels, ports, hasLoadBalancer, isHeadless } = this.spec;
    const isNamed = type === 'ExternalName';
    const addresses = isHeadless ? ['None'] : families.map((family) => this.clusterIp(family));
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: this.name, namespace: 'default', labels },
      spec: {
        type,
        ports,
        ...(isNamed
          ? { externalName: 'elsewhere.example' }
          : {
              clusterIP: addresses[0],
              clusterIPs: addresses,
              ipFamilies: families,
              ipFamilyPolicy: families.length > 1 ? 'RequireDualStack' : 'SingleStack',
            }),
        ...fields,
      },
      ...(hasLoadBalancer && { status: { loadBalancer: { ingress: this.#loadBalancerStatus() } } }),
    };
  }

  #loadBalancerStatus(): readonly unknown[] {
    const { families, ipMode } = this.spec;
    return families.map((family) => ({ ip: this.loadBalancerIp(family), ...(ipMode !== undefined && { ipMode }) }));
  }

  #slices(): readonly KubeObject[] {
    const { families, endpoints, ports } = this.spec;
    return families.map((family) => {
      const made = slice(this.name, family, endpoints, ports);
      // As the EndpointSlice controller does it.
      return { ...made, metadata: { ...made.metadata, labels: { ...this.spec.labels, ...made.metadata.labels } } };
    });
  }
}

/** The agents have no SCTP sockets. */
function isAskable(port: PortSpec): port is PortSpec & { readonly protocol: Target['protocol'] } {
  return port.protocol !== 'SCTP';
}

/** One EndpointSlice of one family. */
export function slice(
  service: string,
  family: Family,
  endpoints: readonly (Place | EndpointSpec)[],
  ports: readonly PortSpec[],
  suffix = '',
): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-${family.toLowerCase()}${suffix}`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: family,
    ports: ports.map(({ name, protocol, targetPort }) => ({ name, protocol, port: targetPort })),
    endpoints: endpoints.map((endpoint) =>
      endpointOf(family, typeof endpoint === 'string' ? { at: endpoint } : endpoint),
    ),
  };
}

function endpointOf(family: Family, { at, hints, terminating = false, ...conditions }: EndpointSpec): unknown {
  const { ready = !terminating, serving = conditions.ready ?? true } = conditions;
  const node = isPod(at) ? nodeOf(at) : isNode(at) ? at : undefined;
  return {
    addresses: [addressOf(at, family)],
    conditions: { ready, serving, terminating },
    ...(node !== undefined && { nodeName: node, zone: zoneOf(node) }),
    ...(hints !== undefined && { hints }),
  };
}

export function nodeObjects(): readonly KubeObject[] {
  return NODES.map((node) => nodeObject(node));
}

/** The Node, in its own zone unless told otherwise. */
export function nodeObject(node: NodeName, zone = zoneOf(node)): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node,
      labels: { 'kubernetes.io/hostname': node, 'topology.kubernetes.io/zone': zone },
    },
    spec: { podCIDR: podCidr(node, 'IPv4'), podCIDRs: FAMILIES.map((family) => podCidr(node, family)) },
    status: { addresses: FAMILIES.map((family) => ({ type: 'InternalIP', address: addressOf(node, family) })) },
  };
}
