/**
 * Behaviours 43 to 49 and 54: what the kernel remembers of a flow must not outlive the endpoint that it leads to. A UDP client
 * that keeps its source port is one flow for as long as it goes on asking.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Target } from '../agent/protocol.ts';
import { chosenDriver } from '../driver.ts';
import type { Answerer } from '../lab.ts';
import type { Place } from '../topology.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

const LOCAL_PORT = 9_000;

function udp(targets: readonly Target[]): readonly Target[] {
  return targets.filter(({ protocol }) => protocol === 'UDP');
}

/** One more datagram of a flow. */
async function ask(client: Place, target: Target): Promise<string> {
  const [reply] = await file.lab.ask(client, target, { localPort: LOCAL_PORT, patienceMs: 300 });
  return reply?.kind === 'answered' ? reply.by : (reply?.kind ?? 'silent');
}

/** Goes on asking in every flow until it is answered by whom it should, and then stays so. */
async function expectFlows(client: Place, targets: readonly Target[], by: Answerer): Promise<void> {
  for (const target of targets) {
    await file.lab.until(
      `${client} to be answered by ${by} at ${target.address}`,
      async () => (await ask(client, target)) === by,
    );
    expect(await ask(client, target)).toBe(by);
  }
}

async function askOnce(client: Place, targets: readonly Target[]): Promise<void> {
  await Promise.all(targets.map((target) => ask(client, target)));
}

test('43 preserves UDP traffic when the server pod cycles, NodePort', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1'] });
  const targets = udp([...web.nodePortTargets('node-a'), ...web.nodePortTargets('node-b')]);
  await expectFlows('ext', targets, 'a1');
  await lab.apply(web.with({ endpoints: ['b1'] }));
  await expectFlows('ext', targets, 'b1');
});

test('44 preserves UDP traffic when the server pod cycles, ClusterIP', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'] });
  await expectFlows('a2', udp(web.clusterTargets()), 'a1');
  await lab.apply(web.with({ endpoints: ['b1'] }));
  await expectFlows('a2', udp(web.clusterTargets()), 'b1');
});

test('44 (beyond) preserves UDP traffic through a time without any endpoint', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1'] });
  const clusterTargets = udp(web.clusterTargets());
  const nodePortTargets = udp(web.nodePortTargets('node-b'));
  await expectFlows('a2', clusterTargets, 'a1');
  await expectFlows('ext', nodePortTargets, 'a1');
  await lab.apply(web.with({ endpoints: [] }));
  await askOnce('a2', clusterTargets);
  await askOnce('ext', nodePortTargets);
  await lab.apply(web.with({ endpoints: ['b1'] }));
  await expectFlows('a2', clusterTargets, 'b1');
  await expectFlows('ext', nodePortTargets, 'b1');
});

for (const [number, client, where] of [
  [45, 'a2', 'a pod'],
  [46, 'node-a', 'the host network'],
] as const) {
  test(`${number} preserves UDP traffic when the local server pod cycles, ClusterIP and internalTrafficPolicy Local, from ${where}`, async () => {
    const { lab } = file;
    const fields = { internalTrafficPolicy: 'Local' };
    const web = await file.served({ endpoints: ['a1', 'b1'], fields });
    await expectFlows(client, udp(web.clusterTargets()), 'a1');
    await lab.apply(web.with({ endpoints: ['b1'] }));
    await askOnce(client, udp(web.clusterTargets()));
    await lab.apply(web.with({ endpoints: ['b1', 'a3'] }));
    await expectFlows(client, udp(web.clusterTargets()), 'a3');
  });
}

test('47 preserves UDP traffic when endpoints that were unready at first get ready', async () => {
  const { lab } = file;
  const web = file.service({ type: 'NodePort', endpoints: [{ at: 'a1', ready: false, serving: false }] });
  // Before the Service is known, and while it has no ready endpoint.
  await askOnce('a2', udp(web.clusterTargets()));
  await askOnce('ext', udp(web.nodePortTargets('node-a')));
  await lab.apply(web);
  await askOnce('a2', udp(web.clusterTargets()));
  await askOnce('ext', udp(web.nodePortTargets('node-a')));
  await lab.apply(web.with({ endpoints: ['a1'] }));
  await expectFlows('a2', udp(web.clusterTargets()), 'a1');
  await expectFlows('ext', udp(web.nodePortTargets('node-a')), 'a1');
});

test('48 forgets UDP flows when the target port changes, NodePort', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1'] });
  const targets = udp(web.nodePortTargets('node-a'));
  await expectFlows('ext', targets, 'a1');
  await lab.apply(web.with({ ports: web.spec.ports.map((port) => ({ ...port, targetPort: 9090 })) }));
  await expectFlows('ext', targets, 'a1:9090');
});

test('54 preserves UDP traffic when the server pod cycles on the same and on other nodes, LoadBalancer', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'LoadBalancer', endpoints: ['a1'] });
  const targets = udp(web.loadBalancerTargets());
  await expectFlows('ext', targets, 'a1');
  for (const next of ['a2', 'b1'] as const) {
    await lab.apply(web.with({ endpoints: [next] }));
    await expectFlows('ext', targets, next);
  }
});

test('44 (beyond) leaves TCP connections to a removed endpoint alone', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'] });
  const targets = web.clusterTargets().filter(({ protocol }) => protocol === 'TCP');
  for (const target of targets) {
    const connection = target.address;
    await lab.agent('b2').ask<'open'>({ kind: 'open', connection, target });
  }
  await lab.apply(web.with({ endpoints: ['b1'] }));
  await lab.remove(web);
  for (const { address: connection } of targets)
    expect(await lab.agent('b2').ask<'say'>({ kind: 'say', connection, word: 'still there' })).toBe('still there');
});

test('49 a packet that conntrack takes for INVALID breaks no connection', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'] });
  const targets = web.clusterTargets().filter(({ protocol }) => protocol === 'TCP');
  for (const target of targets) {
    const connection = `invalid ${target.address}`;
    await lab.agent('c1').ask<'open'>({ kind: 'open', connection, target });
    // What the server sends from now on lies outside of the window. Passed on as it is, under the pod's own address, it would
    // meet a client that knows of no such connection and resets it.
    await lab.network.command('a1', ['nft', MANGLE]);
    const answer = lab.agent('c1').ask<'say'>({ kind: 'say', connection, word: 'still there' });
    await lab.until('a mangled packet', async () => {
      const listing = await lab.network.command('a1', ['nft', 'list', 'table', 'inet', 'mangle']);
      return !listing.includes('packets 0 ');
    });
    await lab.network.command('a1', ['nft', 'delete', 'table', 'inet', 'mangle']);
    // The server sends it again, now as it should.
    expect(await answer).toBe('still there');
  }
});

const MANGLE =
  'add table inet mangle; add chain inet mangle output { type filter hook output priority 300; };' +
  'add rule inet mangle output tcp sport 8080 tcp flags & psh == psh counter tcp sequence set 1;';

/** What kube-proxy leaves as it is. */
describe.skipIf(chosenDriver() === 'kube-proxy')('beyond kube-proxy', () => {
  const other = useLab({ flags: ['--nodeport-addresses=10.90.0.0/24'] });

  test('54 (beyond) a connect that began before the address of its LoadBalancer was served comes through', async () => {
    const { lab } = file;
    const web = file.service({ type: 'LoadBalancer', endpoints: ['b1'] });
    const targets = web.loadBalancerTargets().filter(({ protocol }) => protocol === 'TCP');
    const connects = Promise.all(targets.map((target) => lab.ask('a2', target, { patienceMs: 15_000 })));
    await sleep(1500);
    await lab.apply(web);
    expect((await connects).flat().map((reply) => (reply.kind === 'answered' ? reply.by : reply.kind))).toEqual([
      'b1',
      'b1',
    ]);
  });

  test('44 (beyond) a UDP flow of a Service that was deleted while nobody looked ends', async () => {
    const { lab } = file;
    const web = await file.served({ endpoints: ['b1'] });
    const targets = udp(web.clusterTargets());
    await expectFlows('a2', targets, 'b1');
    await lab.driver.stopNode('node-a', 'SIGKILL');
    await lab.applyUnsettled([], [web]);
    await lab.driver.startNode('node-a');
    for (const target of targets)
      await lab.until('the flow to end', async () => (await ask('a2', target)) === 'silent');
  });

  test('43 (beyond) UDP flows follow the addresses of the node', async () => {
    const { lab } = other;
    const web = await other.served({ type: 'NodePort', families: ['IPv4'], endpoints: ['b1'] });
    const address = '10.90.0.150';
    const target = { protocol: 'UDP', address, port: web.nodePort } as const;
    const change = (verb: 'add' | 'delete'): Promise<string> =>
      lab.network.command('node-c', ['ip', 'address', verb, `${address}/24`, 'dev', 'eth0']);
    const by = async (): Promise<string> => {
      const [reply] = await lab.ask('ext', target, { localPort: LOCAL_PORT, patienceMs: 300 });
      return reply?.kind === 'answered' ? reply.by : 'nobody';
    };
    await change('add');
    // It is not looked at before long, so the flow begins untranslated.
    expect(await by()).toBe('nobody');
    await lab.until('the flow to be answered', async () => (await by()) === 'b1');
    await change('delete');
  });
});
