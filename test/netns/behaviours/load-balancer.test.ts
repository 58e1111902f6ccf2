/** Behaviours 50, 51 and 55 to 60: LoadBalancer addresses, source ranges, client addresses and health checks. */
import { expect, test } from 'vitest';
import { chosenDriver } from '../driver.ts';
import type { ServiceFixture } from '../objects.ts';
import { addressOf, FAMILIES, masqueradesOf, type NodeName, type Place } from '../topology.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

/** The status of the health check node port; 0 when nobody listens there. */
async function healthOf(web: ServiceFixture, node: NodeName): Promise<number> {
  const { status } = await file.lab.http('ext', `http://${addressOf(node, 'IPv4')}:${web.healthCheckNodePort}/`);
  return status;
}

async function expectHealth(web: ServiceFixture, wanted: Readonly<Partial<Record<NodeName, number>>>): Promise<void> {
  for (const [node, status] of Object.entries(wanted))
    await file.lab.until(`${status} from ${node}`, async () => (await healthOf(web, node as NodeName)) === status);
}

function addressesOfFamilies(place: Place): readonly string[] {
  return FAMILIES.map((family) => addressOf(place, family)).sort();
}

function local(web: ServiceFixture): Readonly<Record<string, unknown>> {
  return { externalTrafficPolicy: 'Local', healthCheckNodePort: web.healthCheckNodePort };
}

test('50 keeps and closes the right ports as type and ports change', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1', 'b1'] });
  await lab.expectFrom('ext', web.clusterTargets(), ['a1', 'b1']);

  const nodePort = web.with({ type: 'NodePort' });
  await lab.apply(nodePort);
  await lab.expectFrom('ext', [...nodePort.clusterTargets(), ...nodePort.nodePortTargets('node-b')], ['a1', 'b1']);

  const balanced = web.with({ type: 'LoadBalancer' });
  await lab.expectFrom('ext', balanced.loadBalancerTargets(), 'silent');
  await lab.apply(balanced);
  await lab.expectFrom(
    ['ext', 'lbc', 'c1'],
    [...balanced.nodePortTargets('node-b'), ...balanced.loadBalancerTargets()],
    ['a1', 'b1'],
  );

  const otherNodePort = balanced.with({ ports: balanced.spec.ports.map((port) => ({ ...port, nodePort: 32_000 })) });
  await lab.apply(otherNodePort);
  await lab.expectFrom('ext', balanced.nodePortTargets('node-b'), 'refused');
  await lab.expectFrom('ext', otherNodePort.nodePortTargets('node-b'), ['a1', 'b1']);

  const otherPort = balanced.with({ ports: balanced.spec.ports.map((port) => ({ ...port, port: 81 })) });
  await lab.apply(otherPort);
  await lab.expectFrom(
    'ext',
    [...otherPort.nodePortTargets('node-b'), ...otherPort.loadBalancerTargets()],
    ['a1', 'b1'],
  );
  await lab.expectFrom('ext', balanced.clusterTargets(), 'refused');

  await lab.apply(web);
  await lab.expectFrom('ext', web.clusterTargets(), ['a1', 'b1']);
  await lab.expectFrom('ext', balanced.nodePortTargets('node-b'), 'refused');
  await lab.expectFrom('ext', balanced.loadBalancerTargets(), 'silent');
});

test('51 only allows access from the load balancer source ranges', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1'] });
  const rangesOf = (place: Place): Readonly<Record<string, unknown>> => ({
    loadBalancerSourceRanges: FAMILIES.map(
      (family) => `${addressOf(place, family)}/${family === 'IPv4' ? '32' : '128'}`,
    ),
  });
  for (const [allowed, denied] of [
    ['b1', 'b2'],
    ['b2', 'b1'],
    ['ext', 'lbc'],
  ] as const) {
    await lab.apply(web.with({ fields: rangesOf(allowed) }));
    await lab.expectFrom(allowed, web.loadBalancerTargets(), ['a1']);
    await lab.expectFrom(denied, web.loadBalancerTargets(), 'silent');
    // The ranges are for the address alone.
    await lab.expectFrom(denied, web.nodePortTargets('node-b'), ['a1']);
    await lab.expectFrom(denied, web.clusterTargets(), ['a1']);
  }
  await lab.apply(web.with({ fields: {} }));
  await lab.expectFrom(['b1', 'b2', 'ext', 'lbc', 'node-c'], web.loadBalancerTargets(), ['a1']);
});

test('51 (beyond) a source range that holds a node lets that node in', async () => {
  const { lab } = file;
  const loadBalancerSourceRanges = ['10.90.0.0/28', 'fd90::/123'];
  const web = await file.served({ type: 'LoadBalancer', endpoints: ['b1'], fields: { loadBalancerSourceRanges } });
  await lab.expectFrom(['node-a', 'node-b'], web.loadBalancerTargets(), ['b1']);
  await lab.expectFrom(['a1', 'ext'], web.loadBalancerTargets(), 'silent');
});

test('51 (beyond) nobody gets in by sending from an address of the balancer', async () => {
  const { lab } = file;
  const spec = { type: 'LoadBalancer', families: ['IPv4'], endpoints: ['a1'] } as const;
  const web = file.service({ ...spec, fields: { loadBalancerSourceRanges: ['10.80.0.0/16'] } });
  const second = '203.0.113.249';
  const ingress = [{ ip: web.loadBalancerIp('IPv4') }, { ip: second }];
  await lab.applyObjects(
    ...web
      .objects()
      .map((object) => (object.kind === 'Service' ? { ...object, status: { loadBalancer: { ingress } } } : object)),
  );
  await lab.expectFrom('b1', web.loadBalancerTargets(), ['a1']);
  // Answers to that address would find back to the one that sends from it.
  const { network } = lab;
  await network.command('node-a', ['ip', 'route', 'add', `${second}/32`, 'via', addressOf('ext', 'IPv4')]);
  await network.command('ext', ['ip', 'address', 'add', `${second}/32`, 'dev', 'eth0']);
  const way = [`${web.loadBalancerIp('IPv4')}/32`, 'via', addressOf('node-a', 'IPv4'), 'src', second];
  await network.command('ext', ['ip', 'route', 'add', ...way]);
  try {
    await lab.expectFrom('ext', web.loadBalancerTargets(), 'silent');
  } finally {
    await network.command('ext', ['ip', 'route', 'delete', ...way]);
    await network.command('ext', ['ip', 'address', 'delete', `${second}/32`, 'dev', 'eth0']);
    await network.command('node-a', ['ip', 'route', 'delete', `${second}/32`]);
  }
});

test('55 a rolling update fails no connect', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'LoadBalancer', endpoints: ['a1', 'b1'] });
  const leaving = { ready: false, serving: true, terminating: true } as const;
  const steps = [
    ['a1', 'b1', 'a2'],
    [{ at: 'a1', ...leaving }, 'b1', 'a2'],
    ['b1', 'a2', 'c1'],
    [{ at: 'b1', ...leaving }, 'a2', 'c1'],
    ['a2', 'c1'],
  ] as const;
  await lab.withLoad(['ext', 'lbc', 'b2'], web.loadBalancerTargets(), 1000, async () => {
    for (const endpoints of steps) await lab.apply(web.with({ endpoints }));
  });
});

test('56 preserves the client address for type LoadBalancer, and closes the health check node port with it', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1'] });
  const balanced = web.with({ fields: local(web) });
  await lab.apply(balanced);
  await expectHealth(web, { 'node-a': 200, 'node-b': 503 });
  expect(await lab.clientsSeen('ext', web.loadBalancerTargets())).toEqual(addressesOfFamilies('ext'));
  await lab.apply(web.with({ type: 'ClusterIP', fields: {} }));
  await expectHealth(web, { 'node-a': 0, 'node-b': 0 });
});

test('57 preserves the client address for type NodePort, on nodes with endpoints', async () => {
  const { lab } = file;
  const fields = { externalTrafficPolicy: 'Local' };
  const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1'], fields });
  for (const [client, node, pod] of [
    ['ext', 'node-a', 'a1'],
    ['ext', 'node-b', 'b1'],
    ['lbc', 'node-a', 'a1'],
    ['node-c', 'node-a', 'a1'],
  ] as const) {
    await lab.expectFrom(client, web.nodePortTargets(node), [pod], { count: 20 });
    expect(await lab.clientsSeen(client, web.nodePortTargets(node))).toEqual(addressesOfFamilies(client));
  }
});

test.skipIf(chosenDriver() === 'kube-proxy')(
  '57 (beyond) a pod of another node has the endpoints of the node that it asks, as clients outside have',
  async () => {
    const { lab } = file;
    const fields = { externalTrafficPolicy: 'Local' };
    const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'c1'], fields });
    await lab.expectFrom('b2', web.nodePortTargets('node-a'), ['a1'], { count: 20 });
    // Its own node is another matter: what it asks there is neither internal nor external.
    await lab.expectFrom('b2', web.nodePortTargets('node-b'), ['a1', 'c1']);
  },
);

test('58 only targets nodes with endpoints', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1'] });
  const balanced = web.with({ fields: local(web) });
  await lab.apply(balanced);
  await expectHealth(web, { 'node-a': 200, 'node-b': 503, 'node-c': 503 });
  await lab.expectFrom('ext', web.loadBalancerTargets(), ['a1']);
  await lab.expectFrom('lbc', web.loadBalancerTargets(), 'silent');
  await lab.apply(balanced.with({ endpoints: ['b1'] }));
  await expectHealth(web, { 'node-a': 503, 'node-b': 200, 'node-c': 503 });
  await lab.expectFrom('ext', web.loadBalancerTargets(), 'silent');
  await lab.expectFrom('lbc', web.loadBalancerTargets(), ['b1']);
});

test('59 works from pods and nodes without endpoints of their own', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1'] });
  await lab.apply(web.with({ fields: local(web) }));
  await lab.expectFrom(['a1', 'a2', 'b2', 'c1', 'node-a', 'node-b'], web.loadBalancerTargets(), ['a1']);
});

test('60 handles updates to externalTrafficPolicy', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1'] });
  const isLocal = web.with({ fields: local(web) });
  const [targets, own] = [web.loadBalancerTargets(), addressesOfFamilies('ext')];
  await lab.apply(isLocal);
  await expectHealth(web, { 'node-a': 200 });
  expect(await lab.clientsSeen('ext', targets)).toEqual(own);
  await lab.apply(web.with({ fields: { externalTrafficPolicy: 'Cluster' } }));
  await expectHealth(web, { 'node-a': 0, 'node-b': 0 });
  await lab.expectFrom('lbc', targets, ['a1']);
  expect(masqueradesOf('node-a')).toEqual(expect.arrayContaining([...(await lab.clientsSeen('ext', targets))]));
  await lab.apply(isLocal);
  await expectHealth(web, { 'node-a': 200, 'node-b': 503 });
  expect(await lab.clientsSeen('ext', targets)).toEqual(own);
  await lab.expectFrom('lbc', targets, 'silent');
});

test.skipIf(chosenDriver() === 'kube-proxy')(
  '50 (beyond) an unused port is refused, and does not go to and fro between the node and the router',
  async () => {
    const { lab } = file;
    const web = await file.served({ type: 'LoadBalancer', endpoints: ['a1'] });
    const unused = web.loadBalancerTargets().map((target) => ({ ...target, port: 81 }));
    await lab.expectFrom(['ext', 'lbc'], unused, 'refused');
    // For all that is known, a balancer elsewhere has something there.
    await lab.expectFrom(['a2', 'node-a'], unused, 'silent');
  },
);

test('50 (beyond) leaves an address alone whose ipMode is Proxy', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'LoadBalancer', endpoints: ['a1'], ipMode: 'Proxy' });
  await lab.expectFrom(['b1', 'node-b', 'ext'], web.loadBalancerTargets(), 'silent');
  await lab.apply(web.with({ ipMode: 'VIP' }));
  await lab.expectFrom(['b1', 'node-b', 'ext'], web.loadBalancerTargets(), ['a1']);
});
