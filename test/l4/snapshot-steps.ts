import fc from 'fast-check';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import type { L4Settings, LocalDetection } from '../../src/compile/l4/l4-settings.ts';
import type { CompileSettings } from '../../src/compile/settings.ts';
import { cidrOf, type Cidr } from '../../src/model/cidr.ts';
import { ipAddressOf, type IpAddress } from '../../src/model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../src/model/object.ts';
import type { Node } from '../../src/model/node.ts';
import {
  DEFAULT_TRAFFIC,
  NO_PLACE,
  type Endpoint,
  type EndpointSlice,
  type Service,
  type TransportProtocol,
} from '../../src/model/service.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';

export function ip(text: string): IpAddress {
  const address = ipAddressOf(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

export function cidr(text: string): Cidr {
  const range = cidrOf(text);
  if (range === undefined) throw new Error(`${text} is no range`);
  return range;
}

export const BASE_L4: L4Settings = {
  nodeName: 'node-a',
  zone: undefined,
  localDetection: { mode: 'NodeCIDR' },
  masqueradesAll: false,
  nodePortAddresses: 'primary',
  externalIps: { kind: 'ranges', cidrs: [cidr('192.0.2.0/24')] },
  clusterIpRanges: [],
  proxyName: undefined,
};

export const SETTINGS: CompileSettings = {
  ...STANDALONE_SETTINGS,
  l4: BASE_L4,
  // Small enough that Services meet in it.
  allocation: {
    clusterIpRanges: [cidr('10.0.0.0/29'), cidr('fd00::/125')],
    nodePorts: { first: 30_000, last: 30_019 },
  },
};

/** Settings that differ in what the rules say; a run keeps its own. */
export const settings: fc.Arbitrary<CompileSettings> = fc
  .record({
    localDetection: fc.constantFrom<LocalDetection>(
      // Twice, since it alone changes while a process runs.
      { mode: 'NodeCIDR' },
      { mode: 'NodeCIDR' },
      { mode: 'ClusterCIDR', cidrs: [] },
      { mode: 'ClusterCIDR', cidrs: [cidr('10.244.0.0/16')] },
      { mode: 'ClusterCIDR', cidrs: [cidr('10.244.0.0/16'), cidr('fd01::/48')] },
      // Neighbours, which no kernel may take for one.
      { mode: 'ClusterCIDR', cidrs: [cidr('10.244.0.0/30'), cidr('10.244.0.4/30'), cidr('0.0.0.0/5')] },
      { mode: 'BridgeInterface', interface: 'cni0' },
      { mode: 'InterfaceNamePrefix', prefix: 'cn' },
    ),
    masqueradesAll: fc.boolean(),
    clusterIpRanges: fc.constantFrom([], [cidr('10.0.0.0/29'), cidr('fd00::/125')]),
    nodePortAddresses: fc.constantFrom('primary' as const, [cidr('198.51.100.0/24')]),
  })
  .map((l4) => ({ ...SETTINGS, l4: { ...BASE_L4, ...l4 } }));

export function meta(name: string, createdMs = 0): ObjectMeta {
  return { namespace: 'ns', name, uid: '', createdMs };
}

const seldom = fc.nat(9).map((value) => value === 0);

/** Mostly one, so that Services and slices meet. */
const protocol: fc.Arbitrary<TransportProtocol> = fc.oneof(
  { weight: 6, arbitrary: fc.constant('TCP' as const) },
  { weight: 1, arbitrary: fc.constantFrom('UDP' as const, 'SCTP' as const) },
);

const service = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    createdMs: fc.constantFrom(0, 1, 2),
    type: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('ClusterIP' as const, 'NodePort' as const, 'LoadBalancer' as const) },
      { weight: 1, arbitrary: fc.constant('ExternalName' as const) },
    ),
    clusterIps: fc.constantFrom([], [ip('10.0.0.1')], [ip('10.0.0.2'), ip('fd00::1')]),
    family: fc.constantFrom('SingleStack' as const, 'PreferDualStack' as const, 'RequireDualStack' as const),
    externalIps: fc.constantFrom([], [ip('192.0.2.1')], [ip('198.51.100.1')]),
    loadBalancerIps: fc.constantFrom([], [ip('192.0.2.1')], [ip('192.0.2.2'), ip('2001:db8::2')]),
    ranges: fc.constantFrom(
      undefined,
      [cidr('192.0.2.0/24')],
      [cidr('0.0.0.0/0'), cidr('192.0.2.77/32')],
      [cidr('2001:db8::/32')],
    ),
    external: fc.constantFrom('Cluster' as const, 'Local' as const),
    internal: fc.constantFrom('Cluster' as const, 'Local' as const),
    affinityTimeoutS: fc.constantFrom(undefined, 60, 120),
    distribution: fc.constantFrom(undefined, 'PreferSameZone' as const, 'PreferSameNode' as const),
    nodePort: fc.constantFrom(undefined, 30_001, 30_002, 31_000),
    protocol,
    isHeadless: seldom,
    isForeign: seldom,
  })
  .map((given): Service => ({
    meta: meta(given.name, given.createdMs),
    type: given.type,
    ports: [
      {
        name: 'http',
        port: 80,
        protocol: given.protocol,
        targetPort: undefined,
        appProtocol: undefined,
        nodePort: given.nodePort,
      },
    ],
    externalName: given.type === 'ExternalName' ? 'x.test' : undefined,
    publishedAddresses: [],
    loadBalancer: undefined,
    traffic: {
      ...DEFAULT_TRAFFIC,
      isHeadless: given.isHeadless,
      clusterIps: given.isHeadless ? [] : given.clusterIps,
      families: { policy: given.family, families: [] },
      externalIps: given.externalIps,
      loadBalancerIps: given.type === 'LoadBalancer' ? given.loadBalancerIps : [],
      sourceRanges: given.ranges,
      externalPolicy: given.external,
      internalPolicy: given.internal,
      affinityTimeoutS: given.affinityTimeoutS,
      distribution: given.distribution,
      proxyName: given.isForeign ? 'other' : undefined,
    },
  }));

function own(isV6: boolean): IpAddress {
  return ip(isV6 ? '2001:db8::10' : '192.0.2.10');
}

const endpoint = fc
  .record({
    last: fc.integer({ min: 0, max: 4 }),
    isNotReady: seldom,
    terminating: fc.boolean(),
    nodeName: fc.constantFrom(undefined, 'node-a', 'node-b'),
    zone: fc.constantFrom(undefined, 'a', 'b'),
    isV6: fc.nat(3).map((value) => value === 0),
  })
  .map(({ last, isNotReady, terminating, nodeName, zone, isV6 }): Endpoint => ({
    // The node's own address stands for a pod in its network.
    address: last === 0 ? own(isV6) : ip(`${isV6 ? 'fd01::' : '10.244.0.'}${String(last)}`),
    ready: !isNotReady,
    serving: true,
    terminating,
    placement: { ...NO_PLACE, nodeName, zone },
  }));

const slice = fc
  .record({
    name: fc.constantFrom('s1', 's2', 's3', 's4', 's5', 's6'),
    service: fc.constantFrom('a', 'b', 'c', 'd'),
    protocol,
    endpoints: fc.array(endpoint, { minLength: 1, maxLength: 4 }),
  })
  .map((given): EndpointSlice => ({
    meta: meta(given.name),
    kind: 'EndpointSlice',
    isHeadless: false,
    service: given.service,
    subsets: [
      {
        ports: [{ name: 'http', port: 8080, protocol: given.protocol, appProtocol: undefined }],
        endpoints: given.endpoints,
      },
    ],
  }));

const node = fc
  .record({
    name: fc.constantFrom('node-a', 'node-a', 'node-b'),
    zone: fc.constantFrom(undefined, 'a', 'b'),
    cidrs: fc.constantFrom([], [cidr('10.244.0.0/24')], [cidr('10.244.0.0/30'), cidr('fd01::/64')]),
  })
  .map(({ name, zone, cidrs }): Node => ({
    meta: meta(name),
    internalIps: [own(false), own(true)],
    externalIps: [],
    podCidrs: cidrs,
    zone,
    labels: {},
    isReady: true,
    isNetworkUnavailable: false,
    isLeaving: false,
  }));

/** One change of the Snapshot. */
export type Step = (snapshot: Snapshot) => Snapshot;

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: service.map(addService) },
  { weight: 1, arbitrary: service.map(removeService) },
  { weight: 10, arbitrary: slice.map(addSlice) },
  { weight: 2, arbitrary: slice.map(removeSlice) },
  { weight: 3, arbitrary: node.map(setNode) },
);

function addService(value: Service): Step {
  return (snapshot) => ({ ...snapshot, services: snapshot.services.set(keyOf(value.meta), value) });
}

function removeService({ meta: gone }: Service): Step {
  return (snapshot) => ({ ...snapshot, services: snapshot.services.delete(keyOf(gone)) });
}

function addSlice(value: EndpointSlice): Step {
  return (snapshot) => ({ ...snapshot, endpointSlices: snapshot.endpointSlices.set(keyOf(value.meta), value) });
}

function removeSlice({ meta: gone }: EndpointSlice): Step {
  return (snapshot) => ({ ...snapshot, endpointSlices: snapshot.endpointSlices.delete(keyOf(gone)) });
}

function setNode(value: Node): Step {
  return (snapshot) => ({ ...snapshot, nodes: snapshot.nodes.set(value.meta.name, value) });
}

export const facts = fc
  .constantFrom([], ['192.0.2.10'], ['192.0.2.10', '198.51.100.7', '2001:db8::10'])
  .map((addresses) => ({ nowMs: 0, node: { addresses: addresses.map(ip) } }));

/** Some steps, and what is seen of the machine after them. */
export const batches = fc.array(fc.tuple(fc.array(step, { minLength: 4, maxLength: 12 }), facts), {
  minLength: 1,
  maxLength: 6,
});
