/** Addresses of Services that a router learns by BGP from all three nodes, and real traffic through it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import type { Target } from './agent/protocol.ts';
import { BirdRouter, type LearnedRoute, type RouterPeer } from './bgp/router.ts';
import { Lab } from './lab.ts';
import { ServiceFixture, type KubeObject } from './objects.ts';
import { SluiceDriver } from './sluice-driver.ts';
import { addressOf, GATEWAY, NODES, type NodeName } from './topology.ts';

const VIP = '203.0.113.10';
const VIP6 = '2001:db8:113::10';
const NODE_ADDRESSES = NODES.map((node) => addressOf(node, 'IPv4'));

let lab: Lab;
let router: BirdRouter;

function metallb(kind: KubeObject['kind'], name: string, spec: unknown, version = 'v1beta1'): KubeObject {
  return { apiVersion: `metallb.io/${version}`, kind, metadata: { name, namespace: 'metallb-system' }, spec };
}

const pool = metallb('IPAddressPool', 'public', {
  addresses: [`${VIP}-203.0.113.20`, `${VIP6}-2001:db8:113::20`],
});
const peer = (spec: object = {}, name = 'rack'): KubeObject =>
  metallb(
    'BGPPeer',
    name,
    { myASN: 64512, peerASN: 64513, peerAddress: GATEWAY.IPv4, dualStackAddressFamily: true, ...spec },
    'v1beta2',
  );
const advertisement = metallb('BGPAdvertisement', 'all', {});

/** The nodes as the router has them. */
function peers(more: readonly string[] = [], as = '64512'): readonly RouterPeer[] {
  return NODES.map((node) => ({
    name: node.replace('-', '_'),
    lines: ['local as 64513;', `neighbor ${addressOf(node, 'IPv4')} as ${as};`, ...more],
  }));
}

const web = new ServiceFixture(1, { type: 'LoadBalancer', endpoints: ['a1', 'b1', 'c1'], hasLoadBalancer: false });

beforeAll(async () => {
  lab = await Lab.start('sluice', { flags: ['--bgp'] });
  await lab.network.command('lan', [
    'sysctl',
    '-qw',
    'net.ipv4.conf.all.send_redirects=0',
    'net.ipv4.conf.br0.send_redirects=0',
    'net.ipv4.fib_multipath_hash_policy=1',
    'net.ipv6.fib_multipath_hash_policy=1',
  ]);
  for (const [cidr, via] of [
    ['203.0.113.0/24', GATEWAY.IPv4],
    ['2001:db8:113::/64', GATEWAY.IPv6],
  ] as const)
    await lab.network.command('ext', ['ip', 'route', 'replace', cidr, 'via', via]);
  router = await BirdRouter.start(lab.network.file('lan'), '10.90.0.1', peers());
});

afterAll(async () => {
  // BIRD goes on when Sluice ends, as it should, and has to be ended with its network.
  for (const node of NODES) signalProcess(await birdPid(node), 'SIGKILL');
  await router.stop();
  await lab.stop();
});

async function birdPid(node: NodeName): Promise<number> {
  if (!(lab.driver instanceof SluiceDriver)) throw new Error('the lab runs Sluice');
  return Number(await readFile(join(lab.driver.stateDirectory(node), 'bgp', 'bird.pid'), 'utf8'));
}

async function untilLearned(prefix: string, expected: Partial<LearnedRoute> | undefined): Promise<void> {
  let seen: unknown;
  await lab
    .until(`${prefix} at the router`, async () => {
      const route = (await router.routes()).get(prefix);
      seen = route;
      if (expected === undefined || route === undefined) return expected === route;
      return Object.entries(expected).every(
        ([name, value]) => JSON.stringify(route[name as keyof LearnedRoute]) === JSON.stringify(value),
      );
    })
    .catch((error: unknown) => {
      throw new Error(`${String(error)}\nlast seen: ${JSON.stringify(seen)}`, { cause: error });
    });
}

function targets(address = VIP): readonly Target[] {
  return [{ protocol: 'TCP', address, port: 80 }];
}

test('an address is learnt from every node, in both families, and leads to the endpoints', async () => {
  await lab.applyObjects(pool, peer(), advertisement);
  await lab.apply(web);
  await untilLearned(`${VIP}/32`, { via: NODE_ADDRESSES });
  await untilLearned(`${VIP6}/128`, { via: NODES.map((node) => addressOf(node, 'IPv6')) });
  await lab.expectFrom('ext', [...targets(), ...targets(VIP6)], ['a1', 'b1', 'c1']);
});

test('a Service with policy Local is announced where an endpoint is, and goes with it', async () => {
  const fields = { externalTrafficPolicy: 'Local', healthCheckNodePort: web.healthCheckNodePort };
  const local = web.with({ fields });
  await lab.apply(local.with({ endpoints: ['b1'] }));
  await untilLearned(`${VIP}/32`, { via: [addressOf('node-b', 'IPv4')] });
  await lab.expectFrom('ext', targets(), ['b1']);
  await lab.apply(local.with({ endpoints: [] }));
  await untilLearned(`${VIP}/32`, undefined);
  await lab.apply(web);
  await untilLearned(`${VIP}/32`, { via: NODE_ADDRESSES });
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a %s of Sluice ends no session, loses no connect, and its successor goes on',
  async (signal) => {
    await lab.applyObjects(pool, peer(), advertisement);
    await lab.apply(web);
    await untilLearned(`${VIP}/32`, { via: NODE_ADDRESSES });
    const [pid, ups] = [await birdPid('node-a'), await router.timesUp('node_a')];
    await lab.withLoad(['ext'], targets(), 50, async () => {
      await lab.driver.stopNode('node-a', signal);
      await lab.driver.startNode('node-a');
    });
    expect([await birdPid('node-a'), await router.timesUp('node_a')]).toEqual([pid, ups]);
  },
);

test('the API shows the sessions, and the metrics are there under both names', async () => {
  await lab.until('the sessions', async () => (await get('/api/v1/peers')).includes('"isUp":true'));
  const metrics = await get('/metrics');
  expect(metrics).toMatch(
    new RegExp(`metallb_speaker_announced\\{protocol="bgp",service="[^"]+",node="node-a",ip="${VIP}"\\} 1`),
  );
  expect(metrics).toContain('sluice_bgp_session_up{peer="metallb-system/rack"} 1');
  expect(metrics).toContain(`metallb_bgp_session_up{peer="${GATEWAY.IPv4}"} 1`);
});

test('a node that starts without --bgp is no way to any address any more', async () => {
  await lab.applyObjects(pool, peer(), advertisement);
  await lab.apply(web);
  await untilLearned(`${VIP}/32`, { via: NODE_ADDRESSES });
  if (!(lab.driver instanceof SluiceDriver)) throw new Error('the lab runs Sluice');
  await lab.driver.restartNode('node-a', ['--bgp']);
  await untilLearned(`${VIP}/32`, { via: NODE_ADDRESSES.slice(1) });
  expect(await router.isUp('node_a')).toBe(false);
  expect(await lab.network.command('node-a', ['ip', 'rule'])).not.toContain('179');
  expect(await lab.driver.logTails()).toContain('since --bgp is not given any more');
  await lab.driver.restartNode('node-a');
  await untilLearned(`${VIP}/32`, { via: NODE_ADDRESSES });
});

test('what the guide says works as it stands there', async () => {
  const guide = await readFile(
    join(import.meta.dirname, '..', '..', 'docs', 'howto', 'bgp-with-your-router.md'),
    'utf8',
  );
  const block = (begin: string): string => {
    const found = [...guide.matchAll(/```\w+\n([^]*?)```/g)].map(([, text = '']) => text.replaceAll(/^ {3}/gm, ''));
    return found.find((text) => text.startsWith(begin)) ?? '';
  };
  const here = (text: string): string =>
    text.replaceAll('192.0.2.11', addressOf('node-a', 'IPv4')).replaceAll('192.0.2.1', GATEWAY.IPv4);
  const objects = parseAllDocuments(here(block('apiVersion'))).map((document) => document.toJS() as KubeObject);
  expect(objects.map(({ kind }) => kind)).toEqual([
    'IPAddressPool',
    'BGPPeer',
    'Secret',
    'BFDProfile',
    'BGPAdvertisement',
  ]);
  const [, lines = ''] = /^protocol bgp machine_a \{\n([^]*?)\n {2}ipv4/.exec(here(block('protocol bgp'))) ?? [];
  await router.configure([{ name: 'machine_a', lines: lines.split('\n'), channels: ['ipv4'] }]);
  await lab.removeObjects(pool, peer(), advertisement);
  await lab.applyObjects(...objects);
  await lab.apply(
    new ServiceFixture(2, { type: 'LoadBalancer', families: ['IPv4'], endpoints: ['a1'], hasLoadBalancer: false }),
  );
  const learned = async (): Promise<readonly LearnedRoute[]> => [...(await router.routes()).values()];
  const isOfPool = ({ prefix, via }: LearnedRoute): boolean =>
    prefix.startsWith('203.0.113.') && via[0] === addressOf('node-a', 'IPv4');
  await lab.until('a route', async () => (await learned()).some(isOfPool));
  await lab.until('BFD', async () => (await get('/api/v1/peers')).includes('"bfd":"up"'));
});

async function get(path: string): Promise<string> {
  return (await lab.http('node-a', `http://127.0.0.1:9901${path}`)).body;
}
