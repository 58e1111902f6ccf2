import type { ServiceEndpoint } from '../../src/compile/endpoints.ts';
import type {
  EndpointAddress,
  Frontend,
  FrontendAction,
  NodePlan,
  ServicePlan,
  ServicePortPlan,
} from '../../src/compile/l4/l4-plan.ts';
import type { Node } from '../../src/model/node.ts';
import {
  DEFAULT_TRAFFIC,
  NO_PLACE,
  type EndpointSlice,
  type Service,
  type ServicePort,
  type ServiceTraffic,
} from '../../src/model/service.ts';
import { ip, meta } from './snapshot-steps.ts';

/** A Service of namespace `ns` with one TCP port 80, unless it says otherwise. */
export function serviceOf(name: string, given: Partial<Service> = {}, traffic: Partial<ServiceTraffic> = {}): Service {
  return {
    meta: meta(name),
    type: 'ClusterIP',
    ports: [portOf()],
    externalName: undefined,
    publishedAddresses: [],
    loadBalancer: undefined,
    traffic: { ...DEFAULT_TRAFFIC, ...traffic },
    ...given,
  };
}

export function portOf(given: Partial<ServicePort> = {}): ServicePort {
  return {
    name: '',
    port: 80,
    protocol: 'TCP',
    targetPort: undefined,
    appProtocol: undefined,
    nodePort: undefined,
    ...given,
  };
}

/** A ready endpoint on port 8080, unless it says otherwise. */
export function endpointOf(
  address: string,
  given: Partial<Omit<ServiceEndpoint, 'address' | 'placement'>> & Partial<ServiceEndpoint['placement']> = {},
): ServiceEndpoint {
  const { nodeName, zone, forZones = [], forNodes = [], ...rest } = given;
  const placement = { ...NO_PLACE, nodeName, zone, forZones, forNodes };
  return { address: ip(address), port: 8080, ready: true, serving: true, terminating: false, ...rest, placement };
}

/** A slice of Service `service` with these endpoints behind its unnamed TCP port. */
export function sliceOf(service: string, endpoints: readonly ServiceEndpoint[]): EndpointSlice {
  return {
    meta: meta(`${service}-slice`),
    kind: 'EndpointSlice',
    isHeadless: false,
    service,
    subsets: [{ ports: [{ name: '', port: 8080, protocol: 'TCP', appProtocol: undefined }], endpoints }],
  };
}

export function nodeOf(given: Partial<Node> = {}): Node {
  return {
    meta: meta('node-a'),
    internalIps: [],
    externalIps: [],
    podCidrs: [],
    zone: undefined,
    labels: {},
    isReady: true,
    isNetworkUnavailable: false,
    isLeaving: false,
    ...given,
  };
}

export const NODE_PLAN: NodePlan = {
  name: 'node-a',
  addresses: [ip('192.0.2.10')],
  primaryAddresses: [ip('192.0.2.10')],
  nodePortAddresses: [ip('192.0.2.10')],
  healthCheckAddresses: [ip('192.0.2.10')],
  localPods: { kind: 'unknown' },
  ownPods: { kind: 'unknown' },
  clusterIpRanges: [],
  misplacedRanges: [],
  ownsClusterIpRanges: false,
  masqueradesAll: false,
  lacks: undefined,
  isEligible: true,
};

/** `10.244.0.1:8080` as an endpoint of a plan. */
export function target(text: string): EndpointAddress {
  const [address = '', port] = text.split(':');
  return { address: ip(address), port: Number(port) };
}

/** A ClusterIP with policy Cluster, unless it says otherwise. */
export function frontendOf(given: Partial<Frontend> = {}): Frontend {
  return {
    kind: 'ClusterIP',
    address: ip('10.0.0.1'),
    port: 80,
    action: BALANCE,
    sourceRanges: undefined,
    ownSources: [],
    ...given,
  };
}

export const BALANCE = {
  kind: 'balance',
  list: 'cluster',
  masquerade: 'nobody',
  hasShortCircuit: false,
} as const satisfies FrontendAction;

/** Service `ns/web` with one port in IPv4. */
export function planOf(port: Partial<ServicePortPlan>): ServicePlan {
  const whole: ServicePortPlan = {
    name: '',
    protocol: 'TCP',
    family: 4,
    frontends: [frontendOf()],
    cluster: [],
    local: [],
    serving: [],
    affinityTimeoutS: undefined,
    ...port,
  };
  return { namespace: 'ns', name: 'web', clusterIps: [], ports: [whole], healthCheck: undefined };
}
