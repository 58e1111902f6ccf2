/** Behaviours 23 to 28, 52 and 53: session affinity by client address. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Target } from '../agent/protocol.ts';
import type { Lab } from '../lab.ts';
import { NODES, type Place } from '../topology.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

const ENDPOINTS = ['a1', 'b1', 'c1'] as const;
const STICKY = { sessionAffinity: 'ClientIP' };

function stickyFor(timeoutSeconds: number): Readonly<Record<string, unknown>> {
  return { ...STICKY, sessionAffinityConfig: { clientIP: { timeoutSeconds } } };
}

/** Who answers a number of connects, in order. */
async function answerers(lab: Lab, client: Place, target: Target, count: number): Promise<readonly string[]> {
  const replies = [];
  // One after another: the first connect is what the others have to stick to.
  for (let turn = 0; turn < count; turn += 1) replies.push(...(await lab.ask(client, target)));
  return replies.map((reply) => (reply.kind === 'answered' ? reply.by : reply.kind));
}

/** Kubernetes' own measure: fifteen replies from one place. */
async function expectSticky(lab: Lab, clients: readonly Place[], targets: readonly Target[]): Promise<void> {
  const pairs = clients.flatMap((client) => targets.map((target) => ({ client, target })));
  await Promise.all(
    pairs.map(async ({ client, target }) => {
      const who = await answerers(lab, client, target, 15);
      expect(ENDPOINTS, `${client} → ${target.address}`).toContain(who[0]);
      expect(new Set(who).size, `${client} → ${target.address}: ${who.join(' ')}`).toBe(1);
    }),
  );
}

/** Sticky while it lasts, and after a pause somebody else within ten tries. */
async function expectToExpire(lab: Lab, client: Place, targets: readonly Target[], timeoutMs: number): Promise<void> {
  await Promise.all(
    targets.map(async (target) => {
      const who = new Set(await answerers(lab, client, target, 5));
      expect(who.size).toBe(1);
      for (let turn = 0; turn < 10 && who.size === 1; turn += 1) {
        await sleep(timeoutMs + 300);
        for (const each of await answerers(lab, client, target, 1)) who.add(each);
      }
      expect(who.size, `${client} → ${target.address}: always ${[...who].join()}`).toBe(2);
    }),
  );
}

test('23 session affinity for a ClusterIP', async () => {
  const web = await file.served({ endpoints: ENDPOINTS, fields: STICKY });
  await expectSticky(file.lab, ['a2', 'b2', 'node-c', 'ext'], web.clusterTargets());
});

test('24 session affinity for a NodePort', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: ENDPOINTS, fields: STICKY });
  await expectSticky(
    file.lab,
    ['a2', 'node-c', 'ext'],
    [...web.nodePortTargets('node-a'), ...web.nodePortTargets('node-b')],
  );
});

test('25 session affinity times out for a ClusterIP', async () => {
  const web = await file.served({ endpoints: ENDPOINTS, fields: stickyFor(2) });
  await expectToExpire(file.lab, 'a2', web.clusterTargets(), 2000);
});

test('26 session affinity times out for a NodePort', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: ENDPOINTS, fields: stickyFor(2) });
  await expectToExpire(file.lab, 'ext', web.nodePortTargets('node-b'), 2000);
});

for (const [number, type] of [
  [27, 'ClusterIP'],
  [28, 'NodePort'],
] as const) {
  test(`${number} session affinity is switched on and off for a ${type}`, async () => {
    const { lab } = file;
    const web = await file.served({ type, endpoints: ENDPOINTS });
    const targets = type === 'ClusterIP' ? web.clusterTargets() : web.nodePortTargets('node-b');
    await lab.expectFrom(['a2', 'ext'], targets, ENDPOINTS);
    await lab.apply(web.with({ fields: STICKY }));
    await expectSticky(lab, ['a2', 'ext'], targets);
    await lab.apply(web);
    await lab.expectFrom(['a2', 'ext'], targets, ENDPOINTS);
  });
}

for (const [number, externalTrafficPolicy] of [
  [52, 'Local'],
  [53, 'Cluster'],
] as const) {
  test(`${number} session affinity for a LoadBalancer, switched on and off, externalTrafficPolicy ${externalTrafficPolicy}`, async () => {
    const { lab } = file;
    const endpoints = externalTrafficPolicy === 'Local' ? (['a1', 'a2', 'a3'] as const) : ENDPOINTS;
    const web = await file.served({ type: 'LoadBalancer', endpoints, fields: { externalTrafficPolicy } });
    await lab.expectFrom('ext', web.loadBalancerTargets(), endpoints);
    await lab.apply(web.with({ fields: { externalTrafficPolicy, ...STICKY } }));
    for (const target of web.loadBalancerTargets())
      expect(new Set(await answerers(lab, 'ext', target, 15)).size).toBe(1);
    await lab.apply(web);
    await lab.expectFrom('ext', web.loadBalancerTargets(), endpoints);
  });
}

test('23 (beyond) a client moves on when its endpoint goes, and stays with the next', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ENDPOINTS, fields: STICKY });
  for (const target of web.clusterTargets()) {
    const [first] = await answerers(lab, 'a2', target, 1);
    const others = ENDPOINTS.filter((endpoint) => endpoint !== first);
    await lab.apply(web.with({ endpoints: others }));
    // What clients had is forgotten after the rules are in place.
    await lab.until(
      'the endpoint to be forgotten',
      async () => !(await answerers(lab, 'a2', target, 1)).includes(String(first)),
    );
    const who = new Set(await answerers(lab, 'a2', target, 15));
    expect(who.size).toBe(1);
    expect(others).toContain([...who][0]);
    await lab.apply(web);
  }
});

test('23 (beyond) a client keeps its endpoint while the program is restarted, and after it', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ENDPOINTS, fields: STICKY });
  const clients = ['a2', 'node-c', 'ext'] as const;
  const had = (): Promise<readonly string[]> =>
    Promise.all(
      clients.flatMap((client) =>
        web.clusterTargets().map(async (target) => [...new Set(await answerers(lab, client, target, 5))].join()),
      ),
    );
  const before = await had();
  for (const node of NODES) await lab.driver.stopNode(node, 'SIGKILL');
  expect(await had()).toEqual(before);
  await Promise.all(NODES.map((node) => lab.driver.startNode(node)));
  await lab.settle();
  expect(await had()).toEqual(before);
});

test('24 (beyond) a client has one endpoint for all addresses of a Service port', async () => {
  const { lab } = file;
  // Chance would give three addresses the same endpoint for each of five Services once in 59,000 times.
  const services = Array.from({ length: 5 }, () =>
    file.service({ type: 'LoadBalancer', endpoints: ENDPOINTS, fields: STICKY }),
  );
  await lab.apply(...services);
  for (const service of services) {
    const everywhere = [
      ...service.clusterTargets(),
      ...service.nodePortTargets('node-a'),
      ...service.loadBalancerTargets(),
    ];
    for (const [protocol, family] of [
      ['TCP', 'IPv4'],
      ['UDP', 'IPv6'],
    ] as const) {
      const isIpv6 = family === 'IPv6';
      const targets = everywhere.filter(
        (target) => target.protocol === protocol && target.address.includes(':') === isIpv6,
      );
      const met = [];
      for (const target of targets) met.push(...(await answerers(lab, 'a2', target, 1)));
      expect(new Set(met).size, `${protocol} ${family}: ${met.join(' ')}`).toBe(1);
    }
  }
});

test('52 (beyond) under policy Local, a client outside is not held to where somebody here went who had its address', async () => {
  const { lab } = file;
  const fields = { externalTrafficPolicy: 'Local', ...STICKY };
  const families = ['IPv4'] as const;
  const web = await file.served({ type: 'LoadBalancer', families, endpoints: ['b1'], fields });
  const target = web.loadBalancerTargets().find(({ protocol }) => protocol === 'TCP');
  if (target === undefined) throw new Error('the Service has a TCP port');
  const moved = '10.90.0.150';
  // As keepalived moves an address, from which whoever has it connects.
  const move = async (place: Place, verb: 'add' | 'del'): Promise<void> => {
    const ip = (command: string): Promise<string> => lab.network.command(place, ['ip', ...command.split(' ')]);
    const address = `address ${verb} ${moved}/24 dev eth0`;
    if (verb === 'add') await ip(address);
    const hop = / via (\S+)/.exec(await ip(`route get ${target.address}`))?.[1] ?? '';
    await ip(`route ${verb} ${target.address}/32 via ${hop} src ${moved}`);
    if (verb === 'del') await ip(address);
  };
  await move('node-a', 'add');
  expect(await answerers(lab, 'node-a', target, 2)).toEqual(['b1', 'b1']);
  await lab.apply(web.with({ endpoints: ['a1', 'b1'] }));
  expect(await answerers(lab, 'node-a', target, 8)).toEqual(Array.from({ length: 8 }, () => 'b1'));
  await move('node-a', 'del');
  await move('ext', 'add');
  expect(await lab.clientsSeen('ext', [target])).toEqual([moved]);
  expect(await answerers(lab, 'ext', target, 8)).toEqual(Array.from({ length: 8 }, () => 'a1'));
  await move('ext', 'del');
});
