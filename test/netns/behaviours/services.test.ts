/** Behaviours 1 to 16, 29 to 32, 41, 42, 65 and 66 of the Service e2e tests of Kubernetes, asked of the kernel. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { chosenDriver } from '../driver.ts';
import { slice, type PortSpec } from '../objects.ts';
import type { Target } from '../agent/protocol.ts';
import { addressOf, FAMILIES, masqueradesOf, NODES, POD_INTERFACE_PREFIX } from '../topology.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

/** A pod beside the endpoint and one elsewhere, a node with and one without endpoints, and a client outside. */
const EVERYBODY = ['a2', 'b2', 'node-a', 'node-c', 'ext'] as const;

function port(
  name: string,
  protocol: Target['protocol'],
  number: number,
  targetPort: number,
  nodePort?: number,
): PortSpec {
  return { name, protocol, port: number, targetPort, ...(nodePort !== undefined && { nodePort }) };
}

test('1 serves a basic endpoint from pods, and follows as endpoints come and go', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: [] });
  await lab.expectFrom(EVERYBODY, web.clusterTargets(), 'refused');
  await lab.apply(web.with({ endpoints: ['a1'] }));
  await lab.expectFrom(EVERYBODY, web.clusterTargets(), ['a1']);
  await lab.apply(web.with({ endpoints: ['a1', 'b1'] }));
  await lab.expectFrom(EVERYBODY, web.clusterTargets(), ['a1', 'b1']);
  await lab.apply(web.with({ endpoints: ['b1'] }));
  await lab.expectFrom(EVERYBODY, web.clusterTargets(), ['b1']);
  await lab.apply(web.with({ endpoints: [] }));
  await lab.expectFrom(EVERYBODY, web.clusterTargets(), 'refused');
});

test('2 serves multiport endpoints from pods', async () => {
  const { lab } = file;
  const ports = [port('one', 'TCP', 80, 8080), port('two', 'TCP', 81, 9090)];
  const web = await file.served({ ports, endpoints: ['a1', 'b1'] });
  const [one = [], two = []] = ports.map(({ port: number }) =>
    web.clusterTargets().filter((target) => target.port === number),
  );
  await lab.expectFrom(['a2', 'b2', 'node-c'], one, ['a1', 'b1']);
  await lab.expectFrom(['a2', 'b2', 'node-c'], two, ['a1:9090', 'b1:9090']);
});

test('3 is updated after adding or deleting ports', async () => {
  const { lab } = file;
  const [one, two] = [port('one', 'TCP', 80, 8080), port('two', 'UDP', 81, 9090)];
  const web = await file.served({ ports: [one], endpoints: ['a1'] });
  const both = web.with({ ports: [one, two] });
  const addedTargets = both.clusterTargets().filter((target) => target.port === 81);
  await lab.expectFrom('b2', addedTargets, 'refused');
  await lab.apply(both);
  await lab.expectFrom('b2', web.clusterTargets(), ['a1']);
  await lab.expectFrom('b2', addedTargets, ['a1:9090']);
  await lab.apply(web.with({ ports: [two] }));
  await lab.expectFrom('b2', web.clusterTargets(), 'refused');
  await lab.expectFrom('b2', addedTargets, ['a1:9090']);
});

test('4 preserves the source pod IP for traffic through the ClusterIP', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1', 'b1'] });
  for (const pod of ['a2', 'b2', 'c1'] as const) {
    const addresses = FAMILIES.map((family) => addressOf(pod, family)).sort();
    expect(await lab.clientsSeen(pod, web.clusterTargets())).toEqual(addresses);
  }
});

test('4 (beyond) masquerades a client from outside of the cluster', async () => {
  const web = await file.served({ endpoints: ['a1', 'b1'] });
  const seen = await file.lab.clientsSeen('ext', web.clusterTargets());
  expect(masqueradesOf('node-a')).toEqual(expect.arrayContaining([...seen]));
});

test('5 allows pods to hairpin back to themselves', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1'] });
  const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-a')];
  await lab.expectFrom('a1', targets, ['a1']);
  const seen = await lab.clientsSeen('a1', targets);
  expect(masqueradesOf('node-a')).toEqual(expect.arrayContaining([...seen]));
});

test('6 services go up and down without harm to others', async () => {
  const { lab } = file;
  const [one, two] = [file.service({ endpoints: ['a1'] }), file.service({ endpoints: ['a2', 'b1'] })];
  await lab.apply(one, two);
  await lab.expectFrom(['a3', 'b2', 'node-c'], one.clusterTargets(), ['a1']);
  await lab.expectFrom(['a3', 'b2', 'node-c'], two.clusterTargets(), ['a2', 'b1']);
  await lab.remove(one);
  await lab.expectFrom(['a3', 'b2', 'node-c'], one.clusterTargets(), 'silent');
  await lab.expectFrom(['a3', 'b2', 'node-c'], two.clusterTargets(), ['a2', 'b1']);
  const three = await file.served({ endpoints: ['b2'] });
  await lab.expectFrom(['a3', 'b1', 'node-c'], two.clusterTargets(), ['a2', 'b1']);
  await lab.expectFrom(['a3', 'b1', 'node-c'], three.clusterTargets(), ['b2']);
});

test('7 works after the Service has been recreated', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1'] });
  const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-b')];
  await lab.expectFrom(['a2', 'b2', 'ext'], targets, ['a1']);
  await lab.remove(web);
  await lab.expectFrom(['a2', 'b2'], web.clusterTargets(), 'silent');
  await lab.apply(web);
  await lab.expectFrom(['a2', 'b2', 'ext'], targets, ['a1']);
});

test('10 creates a functioning NodePort service', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1'] });
  const targets = [...web.clusterTargets(), ...NODES.flatMap((node) => web.nodePortTargets(node))];
  await file.lab.expectFrom(['a2', 'c1', 'node-a', 'node-c', 'ext'], targets, ['a1', 'b1']);
});

test('11 connects via an external IP that is not assigned to a node', async () => {
  const web = file.service({ endpoints: ['a1', 'b1'] });
  const externalIPs = FAMILIES.map((family) => web.externalIp(family));
  await file.lab.apply(web.with({ fields: { externalIPs } }));
  await file.lab.expectFrom(['a2', 'c1', 'node-c', 'ext', 'lbc'], web.externalTargets(), ['a1', 'b1']);
  await file.lab.apply(web);
  await file.lab.expectFrom(['a2', 'ext'], web.externalTargets(), 'silent');
});

test('12 updates the type to NodePort listening on one port number for two protocols', async () => {
  const { lab } = file;
  const web = await file.served({ ports: [port('tcp', 'TCP', 80, 8080)], endpoints: ['a1'] });
  await lab.expectFrom(['b2', 'ext'], web.clusterTargets(), ['a1']);
  const number = web.nodePort;
  const ports = [port('tcp', 'TCP', 80, 8080, number), port('udp', 'UDP', 80, 9090, number)];
  const both = web.with({ type: 'NodePort', ports });
  await lab.apply(both);
  const targets = [...both.clusterTargets(), ...both.nodePortTargets('node-c')];
  await lab.expectFrom(
    ['b2', 'ext'],
    targets.filter(({ protocol }) => protocol === 'TCP'),
    ['a1'],
  );
  await lab.expectFrom(
    ['b2', 'ext'],
    targets.filter(({ protocol }) => protocol === 'UDP'),
    ['a1:9090'],
  );
});

for (const [number, type] of [
  [13, 'ClusterIP'],
  [14, 'NodePort'],
] as const) {
  test(`${number} changes the type from ExternalName to ${type}`, async () => {
    const { lab } = file;
    const named = await file.served({ type: 'ExternalName', endpoints: ['a1'] });
    await lab.expectFrom('b2', named.clusterTargets(), 'silent');
    const web = named.with({ type });
    await lab.apply(web);
    await lab.expectFrom(['b2', 'ext'], web.clusterTargets(), ['a1']);
    if (type === 'NodePort') await lab.expectFrom(['b2', 'ext'], web.nodePortTargets('node-b'), ['a1']);
  });
}

for (const [number, type] of [
  [15, 'ClusterIP'],
  [16, 'NodePort'],
] as const) {
  test(`${number} changes the type from ${type} to ExternalName`, async () => {
    const { lab } = file;
    const web = await file.served({ type, endpoints: ['a1'] });
    await lab.expectFrom(['b2', 'ext'], web.clusterTargets(), ['a1']);
    await lab.apply(web.with({ type: 'ExternalName' }));
    await lab.expectFrom(['b2', 'ext'], web.clusterTargets(), 'silent');
    if (type === 'NodePort') await lab.expectFrom(['b2', 'ext'], web.nodePortTargets('node-b'), 'refused');
  });
}

const OTHER_PROXY = { 'service.kubernetes.io/service-proxy-name': 'another' };

test('29 leaves a Service to the proxy that service.kubernetes.io/service-proxy-name names', async () => {
  const { lab } = file;
  const [plain, labelled] = [
    file.service({ endpoints: ['a1'] }),
    file.service({ endpoints: ['a1'], labels: OTHER_PROXY }),
  ];
  await lab.apply(plain, labelled);
  await lab.expectFrom(['b2', 'node-a'], plain.clusterTargets(), ['a1']);
  await lab.expectFrom(['b2', 'node-a'], labelled.clusterTargets(), 'silent');
  await lab.apply(plain.with({ labels: OTHER_PROXY }), labelled.with({ labels: {} }));
  await lab.expectFrom(['b2', 'node-a'], plain.clusterTargets(), 'silent');
  await lab.expectFrom(['b2', 'node-a'], labelled.clusterTargets(), ['a1']);
});

test('30 leaves a Service alone that service.kubernetes.io/headless marks', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'], labels: { 'service.kubernetes.io/headless': '' } });
  // kube-proxy knows the Service, and not its EndpointSlices, which carry the label too.
  const isKnown = chosenDriver() === 'kube-proxy';
  await lab.expectFrom(['b2', 'node-a'], web.clusterTargets(), isKnown ? 'refused' : 'silent');
  await lab.apply(web.with({ labels: {} }));
  await lab.expectFrom(['b2', 'node-a'], web.clusterTargets(), ['a1']);
});

test('31 rejects when no endpoints exist', async () => {
  const web = file.service({ type: 'LoadBalancer' });
  const externalIPs = FAMILIES.map((family) => web.externalIp(family));
  await file.lab.apply(web.with({ fields: { externalIPs } }));
  const targets = [
    ...web.clusterTargets(),
    ...web.nodePortTargets('node-a'),
    ...web.nodePortTargets('node-b'),
    ...web.loadBalancerTargets(),
    ...web.externalTargets(),
  ];
  await file.lab.expectFrom(EVERYBODY, targets, 'refused');
});

test('32 rejects for evicted pods, whether publishNotReadyAddresses or not', async () => {
  const evicted = { at: 'a1', ready: false, serving: false } as const;
  for (const publishNotReadyAddresses of [false, true]) {
    const web = await file.served({
      type: 'NodePort',
      endpoints: [evicted],
      fields: { publishNotReadyAddresses },
    });
    await file.lab.expectFrom(EVERYBODY, [...web.clusterTargets(), ...web.nodePortTargets('node-a')], 'refused');
  }
});

test('41 serves endpoints on one port and different protocols', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'] });
  const [tcp, udp] = (['TCP', 'UDP'] as const).map((protocol) =>
    web.spec.ports.filter((each) => each.protocol === protocol),
  );
  await lab.expectFrom(['b2', 'node-c'], web.clusterTargets(), ['a1']);
  for (const [kept, gone] of [
    [tcp, udp],
    [udp, tcp],
  ]) {
    const one = web.with({ ports: kept ?? [] });
    await lab.apply(one);
    await lab.expectFrom(['b2', 'node-c'], one.clusterTargets(), ['a1']);
    await lab.expectFrom(['b2', 'node-c'], web.with({ ports: gone ?? [] }).clusterTargets(), 'refused');
  }
});

test('42 a Service with an SCTP port harms nobody', async () => {
  const { lab } = file;
  const sctp = { name: 'sctp', protocol: 'SCTP', port: 80, targetPort: 8080 } as const;
  const web = file.service({ endpoints: ['a1'] });
  await lab.apply(web.with({ ports: [...web.spec.ports, sctp] }));
  await lab.expectFrom(['b2', 'node-c'], web.clusterTargets(), ['a1']);
});

test.skip('42 SCTP traffic, and that no module is loaded for it: this kernel has neither SCTP sockets nor modules', () => {});

test('65 a Service of several EndpointSlices, whose ports and endpoints differ', async () => {
  const { lab } = file;
  const web = await file.served({ endpoints: ['a1'] });
  const other = web.spec.ports.map((each) => ({ ...each, targetPort: 9090 }));
  const more = FAMILIES.flatMap((family) => [
    slice(web.name, family, ['b1'], other, '-other'),
    slice(web.name, family, ['a1', 'c1'], web.spec.ports, '-overlapping'),
  ]);
  await lab.applyObjects(...more);
  await lab.expectFrom(['a2', 'node-c'], web.clusterTargets(), ['a1', 'b1:9090', 'c1']);
  await lab.removeObjects(...more);
  await lab.expectFrom(['a2', 'node-c'], web.clusterTargets(), ['a1']);
});

test('66 rejects an unused port of a live ClusterIP', async () => {
  const web = await file.served({ endpoints: ['a1'] });
  const unused = web.clusterTargets().map((target) => ({ ...target, port: 81 }));
  await file.lab.expectFrom(['a2', 'b2', 'node-a', 'node-c', 'ext'], unused, 'refused');
});

test('66 (beyond) a connect that began before its Service comes through, and until then nothing is remembered of it', async () => {
  const { lab } = file;
  const web = file.service({ endpoints: ['b1'] });
  const targets = web.clusterTargets().filter(({ protocol }) => protocol === 'TCP');
  await lab.expectFrom('a2', web.clusterTargets(), 'silent');
  for (const { address } of targets) {
    const known = await lab.network.command('node-a', [
      'conntrack',
      '-L',
      '-d',
      address,
      '-f',
      address.includes(':') ? 'ipv6' : 'ipv4',
    ]);
    expect(known).toBe('');
  }
  const connects = Promise.all(targets.map((target) => lab.ask('a2', target, { patienceMs: 15_000 })));
  await sleep(1500);
  await lab.apply(web);
  expect((await connects).flat().map((reply) => (reply.kind === 'answered' ? reply.by : reply.kind))).toEqual([
    'b1',
    'b1',
  ]);
});

test('66 serves no NodePort on a loopback address', async () => {
  const web = await file.served({ type: 'NodePort', endpoints: ['a1'] });
  const targets = ['127.0.0.1', '::1'].flatMap((address) =>
    (['TCP', 'UDP'] as const).map((protocol) => ({ protocol, address, port: web.nodePort })),
  );
  await file.lab.expectFrom(['node-a', 'node-b'], targets, 'refused');
  await file.lab.expectFrom(['node-a', 'node-b'], web.nodePortTargets('node-a'), ['a1']);
});

test('(beyond) a link to a pod that takes smaller packets than its end says passes long answers and questions', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['b1'] });
  const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-a'), ...web.nodePortTargets('node-b')].filter(
    ({ protocol }) => protocol === 'TCP',
  );
  // The pod still offers segments for 1500 octets: who sends them learns otherwise from an ICMP message about an address that it never used.
  const link = ['link', 'set', `${POD_INTERFACE_PREFIX}b1`, 'mtu'];
  await lab.network.command('node-b', ['ip', ...link, '1300']);
  try {
    await lab.expectFrom(['a2', 'ext'], targets, ['b1'], { payloadBytes: 100_000 });
  } finally {
    await lab.network.command('node-b', ['ip', ...link, '1500']);
  }
});

test('(beyond) serves where every interface checks strictly by which way a source would be answered', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1'] });
  const setAll = (value: string): Promise<unknown> =>
    Promise.all(
      NODES.map((node) =>
        lab.network.command(node, [
          'sh',
          '-c',
          `for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo ${value} > "$file"; done`,
        ]),
      ),
    );
  await setAll('1');
  try {
    await lab.expectFrom(EVERYBODY, web.clusterTargets(), ['a1', 'b1']);
    await lab.expectFrom('ext', web.nodePortTargets('node-c'), ['a1', 'b1']);
  } finally {
    await setAll('0');
  }
});
