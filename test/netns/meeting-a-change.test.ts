/**
 * A packet whose look-ups see a change of its Service between them. When that comes about by itself, it is once in many thousand changes;
 * so here the maps are put as such a packet sees them, and stay so.
 */
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { L4Plan } from '../../src/compile/l4/l4-plan.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { printCommands } from '../../src/planes/l4/rules/command.ts';
import { renderAll, renderChange } from '../../src/planes/l4/rules/transaction.ts';
import { frontendOf, NODE_PLAN, planOf, target } from '../l4/objects.ts';
import { ip } from '../l4/snapshot-steps.ts';
import { nft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const VIP = '10.96.0.1';

let server: Server;

beforeAll(async () => {
  run('ip', ['route', 'add', `${VIP}/32`, 'dev', 'lo', 'src', '127.0.0.1']);
  server = createServer((socket) => socket.on('error', () => socket.destroy()).end());
  await once(server.listen(0, '0.0.0.0'), 'listening');
});
afterAll(() => {
  server.close();
  run('ip', ['route', 'del', `${VIP}/32`]);
});

function planWith(endpoints: number): L4Plan {
  const { port } = server.address() as AddressInfo;
  const all = Array.from({ length: endpoints }, (_, index) => target(`127.0.0.${String(index + 1)}:${String(port)}`));
  const action = endpoints === 0 ? ({ kind: 'reject' } as const) : frontendOf().action;
  const service = { ...planOf({ frontends: [frontendOf({ address: ip(VIP), action })], cluster: all }) };
  return {
    services: PersistentMap.from([['ns/web', { ...service, clusterIps: [ip(VIP)] }]]),
    hairpins: PersistentMap.empty(),
    balancerIps: PersistentMap.empty(),
    announcedIps: PersistentMap.empty(),
    node: NODE_PLAN,
  };
}

/** What comes of a connect: `connected`, an error code, or that nothing came for longer than it takes here. */
async function outcome(): Promise<string> {
  const socket = connect({ host: VIP, port: 80 });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket
    .on('connect', () => resolve('connected'))
    .on('error', (error) => resolve(String('code' in error && error.code)));
  const patience = setTimeout(() => resolve('silent'), 500);
  const found = await promise;
  clearTimeout(patience);
  socket.destroy();
  return found;
}

test.for([
  { led: 3, found: 1, expected: 'connected' },
  { led: 1, found: 3, expected: 'connected' },
  { led: 5, found: 2, expected: 'connected' },
  // Its next try is refused, by what the Service has become.
  { led: 3, found: 0, expected: 'silent' },
])('led to the chain of $led endpoints where there are $found, it is $expected', async ({ led, found, expected }) => {
  nft(printCommands(renderAll(planWith(found), 'keep').commands));
  const key = `${VIP} . tcp . 80`;
  // The chain that the Service had a moment ago, as it is made ahead of a change to it.
  nft(printCommands(renderChange(planWith(0), planWith(led), { has: () => false })?.ahead ?? []));
  nft(
    `delete element ip sluice services { ${key} }\nadd element ip sluice services { ${key} : goto cluster-${String(led)} }`,
  );
  const outcomes = new Set<string>();
  for (let turn = 0; turn < (expected === 'silent' ? 1 : 20); turn += 1) outcomes.add(await outcome());
  expect([...outcomes]).toEqual([expected]);
});
