/** Services of type LoadBalancer with addresses of the nodes' own network, which nothing but Sluice answers for. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Target } from './agent/protocol.ts';
import { Lab } from './lab.ts';
import { ServiceFixture } from './objects.ts';
import { NODES, type NodeName } from './topology.ts';

const POOL = ['10.90.0.200-10.90.0.209', 'fd90::200-fd90::209'].join(',');
const VIP = '10.90.0.200';
const VIP6 = 'fd90::200';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start('sluice', { flags: ['--announce', `--pool=${POOL}`] });
});

afterAll(async () => {
  // keepalived goes on when Sluice ends, as it should, and has to be ended with its network.
  for (const pid of await keepalivedPids()) process.kill(pid, 'SIGTERM');
  await lab.until('the end of keepalived', async () => (await keepalivedPids()).length === 0);
  await lab.stop();
});

function run(node: NodeName, command: readonly string[]): Promise<string> {
  return lab.network.command(node, command);
}

/** The processes in the namespaces of the nodes that keepalived is. */
async function keepalivedPids(): Promise<readonly number[]> {
  const listed = await Promise.all(
    NODES.map(async (node) => {
      const { stdout } = await promisify(execFile)('ip', ['netns', 'pids', `${lab.network.prefix}${node}`]);
      return stdout.split('\n').filter((line) => line !== '');
    }),
  );
  const pids = listed.flat().map(Number);
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${String(pid)}/comm`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => names[index]?.trim() === 'keepalived');
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
  await lab.until('one owner', async () => (await ownersOf(address)).length === 1);
  const [owner] = await ownersOf(address);
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

test("an address that is not wanted any more is nobody's", async () => {
  await lab.apply(web);
  await untilOwned(VIP);
  await lab.remove(web);
  await lab.until('no owner', async () => (await ownersOf(VIP)).length === 0);
  expect(await ownersOf(VIP6)).toEqual([]);
});
