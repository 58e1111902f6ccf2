/** Behaviours 61 to 64: everybody to everything, zones, address families, and many Services at once. */
import { describe, expect, test } from 'vitest';
import { chosenDriver } from '../driver.ts';
import { nodeObject, type EndpointSpec } from '../objects.ts';
import { addressOf, nodeOf, NODES, zoneOf, type Family, type NodeName, type Place, type PodName } from '../topology.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

const CLIENTS = ['a1', 'a2', 'b2', 'c1', 'node-a', 'node-b', 'node-c', 'ext'] as const;

test('61 everybody reaches ClusterIP and NodePorts, through updates of endpoints and of the node port', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1', 'c1'] });
  const everywhere = [...web.clusterTargets(), ...NODES.flatMap((node) => web.nodePortTargets(node))];
  await lab.expectFrom(CLIENTS, everywhere, ['a1', 'b1', 'c1']);
  await lab.apply(web.with({ endpoints: ['a1', 'b2'] }));
  await lab.expectFrom(CLIENTS, everywhere, ['a1', 'b2']);
  const moved = web.with({ ports: web.spec.ports.map((port) => ({ ...port, nodePort: 32_100 })) });
  await lab.apply(moved);
  await lab.expectFrom(['a1', 'node-b', 'ext'], moved.nodePortTargets('node-c'), ['a1', 'b1', 'c1']);
  await lab.expectFrom(['b1', 'node-b', 'ext'], web.nodePortTargets('node-c'), 'refused');
});

test('61 endpoints on the host network', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: ['node-a', 'node-b'] });
  const targets = [...web.clusterTargets(), ...NODES.flatMap((node) => web.nodePortTargets(node))];
  await file.lab.expectFrom(CLIENTS, targets, ['node-a', 'node-b']);
});

test('61 large requests', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1'] });
  const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-c')].filter(
    ({ protocol }) => protocol === 'TCP',
  );
  await file.lab.expectFrom(['a2', 'b2', 'node-c', 'ext'], targets, ['a1', 'b1'], { payloadBytes: 100_000 });
});

test('61 several Services with the same endpoints', async () => {
  const { lab } = file;
  const [one, two] = [file.service({ endpoints: ['a1', 'b1'] }), file.service({ endpoints: ['a1', 'b1'] })];
  await lab.apply(one, two);
  await lab.expectFrom(['a2', 'node-c'], [...one.clusterTargets(), ...two.clusterTargets()], ['a1', 'b1']);
  await lab.remove(one);
  await lab.expectFrom(['a2', 'node-c'], two.clusterTargets(), ['a1', 'b1']);
});

function inZones(...zones: readonly NodeName[]): (at: PodName) => EndpointSpec {
  return (at) => ({ at, hints: { forZones: zones.map((node) => ({ name: zoneOf(node) })) } });
}

test('62 traffic stays in the zone where the hints say so', async () => {
  const { lab } = file;
  const own = (at: PodName): EndpointSpec => inZones(nodeOf(at))(at);
  const web = await file.served({ endpoints: [own('a1'), own('a2'), own('b1')] });
  await lab.expectFrom(['a3', 'node-a'], web.clusterTargets(), ['a1', 'a2']);
  await lab.expectFrom(['b2', 'node-b'], web.clusterTargets(), ['b1'], { count: 20 });
  // There is no endpoint for zone c, so everything is.
  await lab.expectFrom(['c1', 'node-c'], web.clusterTargets(), ['a1', 'a2', 'b1']);
});

test('62 one endpoint without a hint, and no hint counts', async () => {
  const web = await file.served({ endpoints: [inZones('node-a')('a1'), inZones('node-b')('b1'), 'c1'] });
  await file.lab.expectFrom(['a3', 'b2'], web.clusterTargets(), ['a1', 'b1', 'c1']);
});

test('62 traffic stays on the node where the hints say so', async () => {
  const { lab } = file;
  const own = (at: PodName): EndpointSpec => ({
    at,
    hints: { forNodes: [{ name: nodeOf(at) }], forZones: [{ name: zoneOf(nodeOf(at)) }] },
  });
  const web = await file.served({ endpoints: [own('a1'), own('b1')] });
  await lab.expectFrom(['a3', 'node-a'], web.clusterTargets(), ['a1'], { count: 20 });
  await lab.expectFrom(['b2', 'node-b'], web.clusterTargets(), ['b1'], { count: 20 });
  await lab.expectFrom(['c1', 'node-c'], web.clusterTargets(), ['a1', 'b1']);
});

describe.skipIf(chosenDriver() === 'kube-proxy')('62 without a cluster, whose controller writes hints', () => {
  test.each(['PreferSameZone', 'PreferClose'])('%s keeps traffic in the zone that endpoints are in', async (wish) => {
    const { lab } = file;
    const fields = { trafficDistribution: wish };
    const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'a2', 'b1'], fields });
    await lab.expectFrom(['a3', 'node-a'], web.clusterTargets(), ['a1', 'a2']);
    await lab.expectFrom(['b2', 'node-b'], web.clusterTargets(), ['b1'], { count: 20 });
    // Of the node that a client came to, not of the client.
    await lab.expectFrom(['ext', 'a3'], web.nodePortTargets('node-b'), ['b1'], { count: 20 });
    await lab.expectFrom(['c1', 'node-c'], web.clusterTargets(), ['a1', 'a2', 'b1']);

    await lab.apply(web.with({ endpoints: [{ at: 'a1', ready: false }, 'b1', 'c1'] }));
    await lab.expectFrom(['a3', 'node-a'], web.clusterTargets(), ['b1', 'c1']);
    await lab.expectFrom(['b2', 'node-b'], web.clusterTargets(), ['b1'], { count: 20 });
    await lab.apply(web.with({ endpoints: ['a1', 'b1'], fields: {} }));
    await lab.expectFrom(['a3', 'b2'], web.clusterTargets(), ['a1', 'b1']);
  });

  test('PreferSameNode keeps traffic on the node, else in the zone that its Node says, else goes anywhere', async () => {
    const { lab } = file;
    const fields = { trafficDistribution: 'PreferSameNode' };
    const web = await file.served({ endpoints: ['a1', 'b1'], fields });
    await lab.expectFrom(['a3', 'node-a'], web.clusterTargets(), ['a1'], { count: 20 });
    await lab.expectFrom(['b2', 'node-b'], web.clusterTargets(), ['b1'], { count: 20 });
    await lab.expectFrom(['c1', 'node-c'], web.clusterTargets(), ['a1', 'b1']);
    try {
      await lab.applyObjects(nodeObject('node-c', zoneOf('node-a')));
      await lab.expectFrom(['c1', 'node-c'], web.clusterTargets(), ['a1'], { count: 20 });
      await lab.apply(web.with({ endpoints: ['a1', 'b1', 'c1'] }));
      await lab.expectFrom(['c1', 'node-c'], web.clusterTargets(), ['c1'], { count: 20 });
      await lab.apply(web.with({ endpoints: ['b1'] }));
      await lab.expectFrom(['a3', 'c1', 'node-c'], web.clusterTargets(), ['b1']);
    } finally {
      await lab.applyObjects(nodeObject('node-c'));
    }
  });
});

for (const families of [['IPv4'], ['IPv6'], ['IPv4', 'IPv6'], ['IPv6', 'IPv4']] as const) {
  test(`63 a Service of ${families.join(' and ')}`, async () => {
    const { lab } = file;
    const web = await file.served({ type: 'NodePort', families, endpoints: ['a1', 'b1'] });
    const clients = ['a2', 'c1', 'node-a', 'node-c', 'ext'] as const;
    await lab.expectFrom(clients, [...web.clusterTargets(), ...web.nodePortTargets('node-b')], ['a1', 'b1']);
    if (families.length > 1) return;
    const other: Family = families[0] === 'IPv4' ? 'IPv6' : 'IPv4';
    const absent = web.with({ families: [other] });
    await lab.expectFrom('a2', absent.clusterTargets(), 'silent');
    await lab.expectFrom(['a2', 'ext'], absent.nodePortTargets('node-b'), 'refused');
  });
}

test('64 two hundred Services at once', async () => {
  const { lab } = file;
  const services = Array.from({ length: 200 }, (_, index) =>
    file.service({ endpoints: [(['a1', 'b1', 'c1'] as const)[index % 3] ?? 'a1'] }),
  );
  await lab.apply(...services);
  const asked = services.map(async (service) => {
    const [expected] = service.spec.endpoints;
    await lab.expectFrom('a2', service.clusterTargets(), [expected as PodName], { count: 1 });
  });
  await Promise.all(asked);
});

test('63 (beyond) nodes are nodes: the lab itself answers for itself', async () => {
  // Without any Service. What fails here is the lab's fault and nobody else's.
  const places: readonly Place[] = ['a1', 'b1', 'node-b', 'ext'];
  for (const place of places) {
    const targets = (['IPv4', 'IPv6'] as const).flatMap((family) =>
      (['TCP', 'UDP'] as const).map((protocol) => ({ protocol, address: addressOf(place, family), port: 8080 })),
    );
    await file.lab.expectFrom(['a2', 'c1', 'node-a'], targets, [place]);
  }
  expect(places).toHaveLength(4);
});
