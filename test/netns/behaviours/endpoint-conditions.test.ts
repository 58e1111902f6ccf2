/** Behaviours 20 to 22 and 33 to 40: which endpoints a traffic policy chooses, ready, unready and terminating. */
import { expect, test } from 'vitest';
import { FAMILIES, addressOf, podGateway } from '../topology.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

const UNREADY = { ready: false, serving: false } as const;
/** On its way out and still answering. */
const LEAVING = { ready: false, serving: true, terminating: true } as const;

test('20 follows an endpoint as it becomes ready and unready', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: [{ at: 'a1', ...UNREADY }] });
  await lab.expectFrom(['a2', 'b2', 'node-c'], web.clusterTargets(), 'refused');
  // As the EndpointSlice controller writes it for publishNotReadyAddresses.
  await lab.apply(web.with({ endpoints: [{ at: 'a1', ready: true, serving: false }] }));
  await lab.expectFrom(['a2', 'b2', 'node-c'], web.clusterTargets(), ['a1']);
  await lab.apply(web.with({ endpoints: [{ at: 'a1', ...UNREADY, terminating: true }] }));
  await lab.expectFrom(['a2', 'b2', 'node-c'], web.clusterTargets(), 'refused');
});

test('21 connects to terminating and unready endpoints if PublishNotReadyAddresses is true', async () => {
  const web = await file.served({
    type: 'NodePort',
    endpoints: [{ at: 'a1', ready: true, serving: false, terminating: true }],
    fields: { publishNotReadyAddresses: true },
  });
  const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-a'), ...web.nodePortTargets('node-b')];
  await file.lab.expectFrom(['a2', 'b2', 'node-c', 'ext'], targets, ['a1'], { count: 5 });
});

test('22 does not connect to terminating and unready endpoints if PublishNotReadyAddresses is false', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: [{ at: 'a1', ...UNREADY, terminating: true }] });
  const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-a'), ...web.nodePortTargets('node-b')];
  await file.lab.expectFrom(['a2', 'b2', 'node-c', 'ext'], targets, 'refused', { count: 5 });
});

const LOCAL_INTERNAL = { internalTrafficPolicy: 'Local' };

test('33 internalTrafficPolicy Local, pod to pod: endpoints of the same node, never others', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'], fields: LOCAL_INTERNAL });
  await lab.expectFrom('a2', web.clusterTargets(), ['a1']);
  await lab.expectFrom(['b1', 'c1'], web.clusterTargets(), 'silent');
  await lab.apply(web.with({ endpoints: ['a1', 'b1'] }));
  await lab.expectFrom('a2', web.clusterTargets(), ['a1'], { count: 20 });
  await lab.expectFrom('b2', web.clusterTargets(), ['b1'], { count: 20 });
});

test('34 internalTrafficPolicy Local, from the host network', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'], fields: LOCAL_INTERNAL });
  await lab.expectFrom('node-a', web.clusterTargets(), ['a1']);
  await lab.expectFrom(['node-b', 'node-c'], web.clusterTargets(), 'silent');
});

test('35 internalTrafficPolicy Local, to an endpoint on the host network', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['node-a'], fields: LOCAL_INTERNAL });
  await lab.expectFrom(['a1', 'node-a'], web.clusterTargets(), ['node-a']);
  await lab.expectFrom(['b1', 'node-b'], web.clusterTargets(), 'silent');
});

test('36 fails the health check node port if there are only terminating endpoints, and serves on', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1'] });
  const fields = { externalTrafficPolicy: 'Local', healthCheckNodePort: web.healthCheckNodePort };
  const local = web.with({ fields });
  await lab.apply(local);
  const urls = FAMILIES.map((family) => {
    const address = addressOf('node-a', family);
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${web.healthCheckNodePort}/`;
  });
  const statuses = (): Promise<readonly number[]> =>
    Promise.all(urls.map(async (url) => (await lab.http('ext', url)).status));
  await lab.until('200', async () => (await statuses()).every((status) => status === 200));
  await lab.apply(local.with({ endpoints: [{ at: 'a1', ...LEAVING }] }));
  await lab.until('503', async () => (await statuses()).every((status) => status === 503));
  await lab.expectFrom('ext', [...web.nodePortTargets('node-a'), ...web.loadBalancerTargets()], ['a1']);
});

test('36 (beyond) what the health check node port says', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1', 'a2', 'b1'] });
  const fields = { externalTrafficPolicy: 'Local', healthCheckNodePort: web.healthCheckNodePort };
  await lab.apply(web.with({ fields }));
  const url = `http://${addressOf('node-a', 'IPv4')}:${web.healthCheckNodePort}/any/path`;
  await lab.until('200', async () => (await lab.http('ext', url)).status === 200);
  const { headers, body } = await lab.http('ext', url);
  expect(JSON.parse(body)).toEqual({
    service: { namespace: 'default', name: web.name },
    localEndpoints: 2,
    serviceProxyHealthy: true,
  });
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
  expect(headers['x-load-balancing-endpoint-weight']).toBe('2');
});

test('36 (beyond) the health check node port answers where node ports do, and on no other address of the node', async () => {
  const { lab } = file;
  const web = file.service({ type: 'LoadBalancer', endpoints: ['a1'] });
  const fields = { externalTrafficPolicy: 'Local', healthCheckNodePort: web.healthCheckNodePort };
  await lab.apply(web.with({ fields }));
  const at = (host: string): string => `http://${host}:${web.healthCheckNodePort}/`;
  for (const client of ['ext', 'a2', 'node-a'] as const)
    await lab.until('200', async () => (await lab.http(client, at(addressOf('node-a', 'IPv4')))).status === 200);
  const others = FAMILIES.map((family) => podGateway('node-a', family));
  const targets = [...others, '127.0.0.1', '::1'].map(
    (address) => ({ protocol: 'TCP', address, port: web.healthCheckNodePort }) as const,
  );
  await lab.expectFrom('node-a', targets, 'refused');
  await lab.expectFrom('a2', targets.slice(0, others.length), 'refused');
});

test('37 falls back to terminating endpoints where there are no ready ones, policy Cluster', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: [{ at: 'a1', ...LEAVING }] });
  await lab.expectFrom(['a2', 'b2', 'node-a', 'node-b'], web.clusterTargets(), ['a1']);
  await lab.apply(web.with({ endpoints: [{ at: 'a1', ...LEAVING }, 'b1'] }));
  await lab.expectFrom(['a2', 'b2', 'node-a', 'node-b'], web.clusterTargets(), ['b1'], { count: 20 });
});

test('38 falls back to local terminating endpoints, internalTrafficPolicy Local', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: [{ at: 'a1', ...LEAVING }], fields: LOCAL_INTERNAL });
  await lab.expectFrom(['a2', 'node-a'], web.clusterTargets(), ['a1']);
  await lab.expectFrom(['b2', 'node-b'], web.clusterTargets(), 'silent');
  // A ready endpoint elsewhere is none for this node.
  await lab.apply(web.with({ endpoints: [{ at: 'a1', ...LEAVING }, 'b1'], fields: LOCAL_INTERNAL }));
  await lab.expectFrom(['a2', 'node-a'], web.clusterTargets(), ['a1'], { count: 20 });
});

test('39 falls back to terminating endpoints via NodePort, externalTrafficPolicy Cluster', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: [{ at: 'a1', ...LEAVING }] });
  const targets = [...web.nodePortTargets('node-a'), ...web.nodePortTargets('node-b')];
  await file.lab.expectFrom(['a2', 'b2', 'node-c', 'ext'], targets, ['a1']);
});

test('40 falls back to local terminating endpoints via NodePort, externalTrafficPolicy Local', async () => {
  const { lab } = file;
  const web = await file.served({
    type: 'NodePort',
    endpoints: [{ at: 'a1', ...LEAVING }],
    fields: { externalTrafficPolicy: 'Local' },
  });
  await lab.expectFrom(['ext', 'node-c'], web.nodePortTargets('node-a'), ['a1']);
  await lab.expectFrom(['ext', 'node-c'], web.nodePortTargets('node-b'), 'silent');
  // What a node or a pod asks of its own node is neither internal nor external: all endpoints are good.
  await lab.expectFrom(['b2', 'node-b'], web.nodePortTargets('node-b'), ['a1']);
});
