import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { cidrOf, type Cidr } from '../../model/cidr.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { keyOf } from '../../model/object.ts';
import { DEFAULT_TRAFFIC, NO_PLACE, type EndpointSlice, type Service } from '../../model/service.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../../model/snapshot.ts';
import { Compiler } from '../compiler.ts';
import type { Plan } from '../plan.ts';
import type { CompileSettings } from '../settings.ts';
import { DEFAULT_L4 } from './l4-settings.ts';

function ip(text: string): IpAddress {
  const address = ipAddressOf(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

function cidr(text: string): Cidr {
  const range = cidrOf(text);
  if (range === undefined) throw new Error(`${text} is no range`);
  return range;
}

const SETTINGS: CompileSettings = {
  mode: 'standalone',
  ingressClass: 'sluice',
  isIngressClassExplicit: false,
  watchIngressWithoutClass: false,
  defaultBackendService: undefined,
  defaultCertificateSecret: undefined,
  sslRedirect: true,
  publishService: undefined,
  publishAddresses: [],
  l4: {
    ...DEFAULT_L4,
    nodeName: 'node-a',
    localDetection: { mode: 'NodeCIDR' },
    externalIps: { kind: 'ranges', cidrs: [cidr('192.0.2.0/24')] },
  },
  // Small enough that Services meet in it.
  allocation: {
    clusterIpRanges: [cidr('10.0.0.0/29'), cidr('fd00::/125')],
    nodePorts: { first: 30_000, last: 30_019 },
  },
};

function meta(name: string, createdMs = 0) {
  return { namespace: 'ns', name, uid: '', createdMs };
}

const service = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    createdMs: fc.constantFrom(0, 1, 2),
    type: fc.constantFrom('ClusterIP' as const, 'NodePort' as const, 'LoadBalancer' as const, 'ExternalName' as const),
    clusterIps: fc.constantFrom([], [ip('10.0.0.1')], [ip('10.0.0.2'), ip('fd00::1')]),
    family: fc.constantFrom('SingleStack' as const, 'PreferDualStack' as const, 'RequireDualStack' as const),
    externalIps: fc.constantFrom([], [ip('192.0.2.1')], [ip('198.51.100.1')]),
    loadBalancerIps: fc.constantFrom([], [ip('192.0.2.1')], [ip('192.0.2.2')]),
    ranges: fc.constantFrom(undefined, [cidr('192.0.2.0/24')]),
    external: fc.constantFrom('Cluster' as const, 'Local' as const),
    internal: fc.constantFrom('Cluster' as const, 'Local' as const),
    affinityTimeoutS: fc.constantFrom(undefined, 60),
    distribution: fc.constantFrom(undefined, 'PreferSameZone' as const, 'PreferSameNode' as const),
    nodePort: fc.constantFrom(undefined, 30_001, 30_002, 31_000),
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
    isHeadless: fc.boolean(),
    proxyName: fc.constantFrom(undefined, 'other'),
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
      proxyName: given.proxyName,
    },
  }));

const slice = fc
  .record({
    name: fc.constantFrom('s1', 's2', 's3', 's4'),
    service: fc.constantFrom('a', 'b', 'c', 'd'),
    last: fc.integer({ min: 1, max: 3 }),
    ready: fc.boolean(),
    terminating: fc.boolean(),
    nodeName: fc.constantFrom(undefined, 'node-a', 'node-b'),
    zone: fc.constantFrom(undefined, 'a', 'b'),
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
    isV6: fc.boolean(),
  })
  .map((given): EndpointSlice => ({
    meta: meta(given.name),
    kind: 'EndpointSlice',
    service: given.service,
    subsets: [
      {
        ports: [{ name: 'http', port: 8080, protocol: given.protocol, appProtocol: undefined }],
        endpoints: [
          {
            address: ip(`${given.isV6 ? 'fd01::' : '10.244.0.'}${String(given.last)}`),
            ready: given.ready,
            serving: true,
            terminating: given.terminating,
            placement: { ...NO_PLACE, nodeName: given.nodeName, zone: given.zone },
          },
        ],
      },
    ],
  }));

const node = fc
  .record({ zone: fc.constantFrom(undefined, 'a', 'b'), cidrs: fc.constantFrom([], [cidr('10.244.0.0/24')]) })
  .map(({ zone, cidrs }) => ({
    meta: meta('node-a'),
    internalIps: [ip('192.0.2.10')],
    externalIps: [],
    podCidrs: cidrs,
    zone,
    isLeaving: false,
  }));

type Step = (snapshot: Snapshot) => Snapshot;

const step: fc.Arbitrary<Step> = fc.oneof(
  service.map((value): Step => (snapshot) => ({
    ...snapshot,
    services: snapshot.services.set(keyOf(value.meta), value),
  })),
  service.map((value): Step => (snapshot) => ({ ...snapshot, services: snapshot.services.delete(keyOf(value.meta)) })),
  slice.map((value): Step => (snapshot) => ({
    ...snapshot,
    endpointSlices: snapshot.endpointSlices.set(keyOf(value.meta), value),
  })),
  slice.map((value): Step => (snapshot) => ({
    ...snapshot,
    endpointSlices: snapshot.endpointSlices.delete(keyOf(value.meta)),
  })),
  node.map((value): Step => (snapshot) => ({ ...snapshot, nodes: snapshot.nodes.set('node-a', value) })),
);

const facts = fc
  .constantFrom([], ['192.0.2.10'], ['192.0.2.10', '198.51.100.7'])
  .map((addresses) => ({ nowMs: 0, node: { addresses: addresses.map(ip) } }));

function printed(plan: Plan): unknown {
  return {
    services: plan.l4?.services.sorted(),
    hairpins: plan.l4?.hairpins.sorted(),
    node: plan.l4?.node,
    allocations: plan.allocations.sorted(),
    findings: plan.findings.sorted(),
  };
}

/** Every address and port that some Service is reached under, as often as it is. */
function claims(plan: Plan): readonly string[] {
  const services = plan.l4?.services ?? PersistentMap.empty();
  return [...services.values()].flatMap((item) =>
    item.ports.flatMap((port) =>
      port.frontends.map(
        (frontend) => `${frontend.address ?? `node v${String(port.family)}`} ${port.protocol} ${String(frontend.port)}`,
      ),
    ),
  );
}

describe('kernel traffic, compiled', () => {
  it('is the same as compiled from nothing with what was allocated before, after any sequence of changes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(step, { minLength: 1, maxLength: 4 }), facts), { maxLength: 12 }),
        (batches) => {
          const compiler = new Compiler(SETTINGS);
          let snapshot = EMPTY_SNAPSHOT;
          for (const [steps, seen] of batches) {
            snapshot = steps.reduce((current, apply) => apply(current), snapshot);
            const plan = compiler.compile(snapshot, seen);
            const fresh = new Compiler(SETTINGS, plan.allocations).compile(snapshot, seen);
            expect(printed(plan)).toEqual(printed(fresh));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('never gives two Services one address and port', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), facts, (steps, seen) => {
        const compiler = new Compiler(SETTINGS);
        let snapshot = EMPTY_SNAPSHOT;
        for (const apply of steps) {
          snapshot = apply(snapshot);
          const found = claims(compiler.compile(snapshot, seen));
          expect(new Set(found).size).toBe(found.length);
        }
      }),
    );
  });

  it('shares what has not changed, the plan itself included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), facts, (steps, seen) => {
        const snapshot = steps.reduce((current, apply) => apply(current), EMPTY_SNAPSHOT);
        const compiler = new Compiler(SETTINGS);
        const first = compiler.compile(snapshot, seen);
        expect(compiler.compile({ ...snapshot }, { ...seen }).l4).toBe(first.l4);
      }),
    );
  });
});
