/** Services of type LoadBalancer with addresses of the nodes' own network, which nothing but Sluice answers for. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import type { Target } from './agent/protocol.ts';
import { keepalivedPids } from './announce/keepalived-pids.ts';
import { Lab } from './lab.ts';
import { ServiceFixture } from './objects.ts';
import { SluiceDriver } from './sluice-driver.ts';
import { addressOf, FAMILIES, GATEWAY, NODES, type ClientName, type NodeName } from './topology.ts';

const POOL = ['10.90.0.200-10.90.0.209', 'fd90::200-fd90::209'].join(',');
const VIP = '10.90.0.200';
const VIP6 = 'fd90::200';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start('sluice', { flags: ['--announce', `--pool=${POOL}`] });
});

afterAll(async () => {
  // keepalived goes on when Sluice ends, as it should, and has to be ended with its network.
  for (const pid of await keepalivedPids(lab.network)) signalProcess(pid, 'SIGTERM');
  await lab.until('the end of keepalived', async () => (await keepalivedPids(lab.network)).length === 0);
  await lab.stop();
});

function run(node: NodeName | ClientName, command: readonly string[]): Promise<string> {
  return lab.network.command(node, command);
}

async function ownersOf(address: string): Promise<readonly NodeName[]> {
  const shown = await Promise.all(
    NODES.map(async (node) => ((await run(node, ['ip', '-o', 'address'])).includes(` ${address}/`) ? [node] : [])),
  );
  return shown.flat();
}

function targets(port: number): readonly Target[] {
  return [VIP, VIP6].map((address) => ({ protocol: 'TCP', address, port }));
}

async function untilOwned(address: string): Promise<NodeName> {
  let owner: NodeName | undefined;
  await lab.until('one owner', async () => {
    const owners = await ownersOf(address);
    [owner] = owners;
    return owners.length === 1;
  });
  if (owner === undefined) throw new Error('the owner has gone');
  return owner;
}

const web = new ServiceFixture(1, { type: 'LoadBalancer', endpoints: ['a1', 'b1'], hasLoadBalancer: false });

test('an address of a pool is answered for by one node, and leads to the endpoints', async () => {
  await lab.apply(web);
  await untilOwned(VIP);
  await untilOwned(VIP6);
  await lab.expectFrom('ext', targets(80), ['a1', 'b1']);
});

test('when its node is cut off another one answers, and there is one owner when it is back', async () => {
  await lab.apply(web);
  const owner = await untilOwned(VIP);
  await lab.network.command('lan', ['ip', 'link', 'set', owner, 'down']);
  try {
    await lab.until('another owner', async () => (await ownersOf(VIP)).some((node) => node !== owner));
    const [target] = targets(80);
    if (target === undefined) throw new Error('there is a target');
    await lab.until(
      'an answer',
      async () => (await lab.ask('ext', target, { patienceMs: 500 }))[0]?.kind === 'answered',
    );
  } finally {
    await lab.network.command('lan', ['ip', 'link', 'set', owner, 'up']);
  }
  await untilOwned(VIP);
});

test('with externalTrafficPolicy Local the address is where an endpoint is, and goes with it', async () => {
  const fields = { externalTrafficPolicy: 'Local', healthCheckNodePort: web.healthCheckNodePort };
  const local = web.with({ fields });
  await lab.apply(local.with({ endpoints: ['b1'] }));
  await lab.until('node-b to own it', async () => (await ownersOf(VIP)).join() === 'node-b');
  await lab.apply(local.with({ endpoints: ['c1'] }));
  await lab.until('node-c to own it', async () => (await ownersOf(VIP)).join() === 'node-c');
  await lab.expectFrom('ext', targets(80).slice(0, 1), ['c1']);
});

test('a program of the node that listens on all addresses is reached by its own address alone', async () => {
  await lab.apply(web);
  const owner = await untilOwned(VIP);
  await lab.until('one owner of both', async () => (await ownersOf(VIP6)).length === 1);
  const owner6 = await untilOwned(VIP6);
  for (const node of new Set([owner, owner6]))
    await lab.agent(node).ask<'serve'>({ kind: 'serve', name: `${node}:9090`, addresses: ['::'], port: 2222 });
  const daemon = (address: string): readonly Target[] =>
    (['TCP', 'UDP'] as const).map((protocol) => ({ protocol, address, port: 2222 }));
  try {
    await lab.expectFrom(['ext', 'a1', 'c1'], [...daemon(VIP), ...daemon(VIP6)], 'refused');
    await lab.expectFrom('ext', [...daemon(addressOf(owner, 'IPv4'))], [`${owner}:9090`]);
    await lab.expectFrom('ext', [...daemon(addressOf(owner6, 'IPv6'))], [`${owner6}:9090`]);
  } finally {
    for (const node of new Set([owner, owner6])) await lab.agent(node).ask<'unserve'>({ kind: 'unserve', port: 2222 });
  }
});

test('an address of a Service is never the source of what its node sends', async () => {
  await lab.apply(web);
  const owners = { IPv4: await untilOwned(VIP), IPv6: await untilOwned(VIP6) };
  for (const family of FAMILIES) {
    const node = owners[family];
    const flag = family === 'IPv4' ? '-4' : '-6';
    const own = addressOf(node, family);
    const length = family === 'IPv4' ? 24 : 64;
    const sources = async (): Promise<readonly string[]> =>
      Promise.all(
        [addressOf('ext', family), GATEWAY[family], family === 'IPv4' ? '198.51.100.99' : '2001:db8:51::99'].map(
          async (to) => / src (\S+)/.exec(await run(node, ['ip', flag, 'route', 'get', to]))?.[1] ?? '',
        ),
      );
    expect(await sources()).toEqual([own, own, own]);
    // The order in which a machine has its addresses decides where nothing else does. Its routes go with its own one.
    const routes = (await run(node, ['ip', flag, 'route', 'show']))
      .split('\n')
      .filter((line) => line.includes(' via '));
    await run(node, ['ip', 'address', 'del', `${own}/${String(length)}`, 'dev', 'eth0']);
    await run(node, [
      'ip',
      'address',
      'add',
      `${own}/${String(length)}`,
      'dev',
      'eth0',
      ...(family === 'IPv6' ? ['nodad'] : []),
    ]);
    for (const route of routes) await run(node, ['ip', flag, 'route', 'replace', ...route.trim().split(/\s+/)]);
    await untilOwned(family === 'IPv4' ? VIP : VIP6);
    expect(await sources()).toEqual([own, own, own]);
  }
});

test('a node that starts without --announce gives its addresses up, and others have them', async () => {
  await lab.apply(web);
  const owner = await untilOwned(VIP);
  if (!(lab.driver instanceof SluiceDriver)) throw new Error('the lab runs Sluice');
  await lab.driver.restartNode(owner, ['--announce']);
  await lab.until('another owner', async () => {
    const owners = await ownersOf(VIP);
    return owners.length === 1 && !owners.includes(owner);
  });
  expect(await run(owner, ['ip', '-o', 'address'])).not.toMatch(/10\.90\.0\.20|fd90::20|169\.254\.77/);
  expect(await run(owner, ['nft', 'list', 'tables'])).not.toMatch(/sluice-(?:vrrp|owners)/);
  expect(await run(owner, ['ip', '-json', 'maddress', 'show', 'dev', 'eth0'])).not.toContain('static');
  expect(await lab.driver.logTails()).toContain('since --announce is not given any more');
  await lab.driver.restartNode(owner);
  await lab.expectFrom('ext', targets(80), ['a1', 'b1']);
});

test("an address that is not wanted any more is nobody's", async () => {
  await lab.apply(web);
  await untilOwned(VIP);
  await lab.remove(web);
  await lab.until('no owner', async () => (await ownersOf(VIP)).length === 0);
  expect(await ownersOf(VIP6)).toEqual([]);
});
