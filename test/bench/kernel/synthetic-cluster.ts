/** The synthetic cluster of the kernel benchmark: Services of ten endpoints each, as an API server would give them. */

export const ENDPOINTS = 10;
export const NODE_NAME = 'node-0';
export const SERVICE_PORT = 80;
export const ENDPOINT_PORT = 8080;
const NAMESPACE = 'bench';

/** Endpoints stand on so many nodes, one of which is ours. */
const NODES = 100;

/** An IPv4 address as a number. */
type AddressNumber = number;

/** Where the addresses of one lane are; no two lanes share any. */
export interface AddressSpace {
  readonly services: AddressNumber;
  readonly endpoints: AddressNumber;
}

/** Lanes 0 to 9: a /12 for endpoints, a /16 for ClusterIPs. */
export function addressSpace(lane: number): AddressSpace {
  return { services: (10 << 24) | ((240 - 16 + lane) << 16), endpoints: (10 << 24) | ((64 + 16 * lane) << 16) };
}

export function addressText(address: AddressNumber): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** The first of the addresses that a client may choose from: those of Services, or of their endpoints. */
export function firstService({ services }: AddressSpace): AddressNumber {
  return services + 1;
}

export function firstEndpoint({ endpoints }: AddressSpace): AddressNumber {
  return endpoints + 1;
}

type Json = Readonly<Record<string, unknown>>;

export function serviceObject(space: AddressSpace, n: number): Json {
  const clusterIP = addressText(firstService(space) + n);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: NAMESPACE, name: `s${String(n)}` },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      selector: { app: `s${String(n)}` },
      ports: [{ name: 'web', port: SERVICE_PORT, protocol: 'TCP', targetPort: ENDPOINT_PORT }],
    },
    status: { loadBalancer: {} },
  };
}

/** `version` above 0 gives one endpoint an address that no other version has. */
export function sliceObject(space: AddressSpace, n: number, version: number): Json {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => {
    const isReplaced = version > 0 && index === 0;
    const address = isReplaced ? space.endpoints + (1 << 19) + version : firstEndpoint(space) + n * ENDPOINTS + index;
    return {
      addresses: [addressText(address)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${String((n + index) % NODES)}`,
      targetRef: { kind: 'Pod', namespace: NAMESPACE, name: `s${String(n)}-${String(index)}` },
    };
  });
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: NAMESPACE,
      name: `s${String(n)}-1`,
      labels: { 'kubernetes.io/service-name': `s${String(n)}` },
    },
    addressType: 'IPv4',
    ports: [{ name: 'web', port: ENDPOINT_PORT, protocol: 'TCP' }],
    endpoints,
  };
}

export function nodeObject(): Json {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE_NAME, labels: { 'kubernetes.io/hostname': NODE_NAME } },
    spec: { podCIDR: '10.0.0.0/8', podCIDRs: ['10.0.0.0/8'] },
    status: { addresses: [{ type: 'InternalIP', address: '10.3.0.1' }] },
  };
}

/** Where the ClusterIPs of a lane come from. */
export function serviceCidrObject({ services }: AddressSpace): Json {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [`${addressText(services)}/16`] },
  };
}

/** The Service that the change `n` is about: far from the one before. */
export function serviceOfChange(change: number, services: number): number {
  return (change * 7919) % services;
}
