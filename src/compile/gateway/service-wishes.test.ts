import { describe, expect, it } from 'vitest';
import { changesOf, compileChanges } from '../../../test/golden/compile-manifest.ts';
import { settingsOf } from '../../../test/golden/golden-case.ts';
import { addressRangeOf } from '../../model/address-range.ts';
import type { Plan } from '../plan.ts';
import type { CompileSettings } from '../settings.ts';

const STANDALONE: CompileSettings = { ...settingsOf(''), innerPorts: { first: 20_000, last: 20_009 } };
const CLUSTER: CompileSettings = { ...STANDALONE, mode: 'cluster' };
const POOL: CompileSettings = {
  ...STANDALONE,
  addresses: {
    pool: [addressRangeOf('192.0.2.0/29')].filter((range) => range !== undefined),
    className: undefined,
    reportsMissingPools: true,
  },
};

const CLASS = { kind: 'GatewayClass', metadata: { name: 'sluice' }, spec: { controllerName: 'sluice.dev/gateway' } };

function gateway(name: string, year: number, ports: readonly (readonly [number, string])[], spec: object = {}): object {
  const listeners = ports.map(([port, protocol]) => ({
    name: `${protocol.toLowerCase()}-${String(port)}`,
    port,
    protocol,
    ...(protocol === 'HTTPS' && { tls: { certificateRefs: [{ name: 'cert' }] } }),
  }));
  const metadata = { name, namespace: 'shop', creationTimestamp: `${String(year)}-01-01T00:00:00Z` };
  return { kind: 'Gateway', metadata, spec: { gatewayClassName: 'sluice', listeners, ...spec } };
}

function service(gatewayName: string, ports: Readonly<Record<number, number>>): object {
  const labels = { 'app.kubernetes.io/managed-by': 'sluice', 'gateway.networking.k8s.io/gateway-name': gatewayName };
  const listed = Object.entries(ports).map(([port, targetPort]) => ({
    name: `port-${port}`,
    port: Number(port),
    targetPort,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `sluice-${gatewayName}`, namespace: 'shop', labels },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ports: listed },
  };
}

function compile(settings: CompileSettings, ...objects: readonly object[]): Plan {
  const all = objects.map((object) => JSON.stringify({ apiVersion: 'gateway.networking.k8s.io/v1', ...object }));
  return compileChanges(changesOf(all.join('\n---\n')), settings);
}

function portsOf(plan: Plan): Readonly<Record<string, string>> {
  const wishes = plan.status.gateway.services.sorted();
  return Object.fromEntries(
    wishes.map(([key, wish]) => [
      key,
      wish.kind === 'keep' ? 'keep' : wish.ports.map((one) => `${String(one.port)}:${String(one.targetPort)}`).join(),
    ]),
  );
}

describe('the Services that Gateways are to have in a cluster', () => {
  it('lead each port to one of HAProxy of its kind, the older Gateway first', () => {
    const plan = compile(
      CLUSTER,
      CLASS,
      gateway('newer', 2025, [[80, 'HTTP']]),
      gateway('older', 2024, [
        [8443, 'HTTPS'],
        [80, 'HTTP'],
        [443, 'HTTPS'],
      ]),
    );
    expect(portsOf(plan)).toEqual({
      'shop/sluice-newer': '80:20001',
      'shop/sluice-older': '80:20000,443:20005,8443:20006',
    });
  });

  it('keep the ports that they have; of two that name one the older Gateway keeps it', () => {
    const all = [gateway('a', 2024, [[80, 'HTTP']]), gateway('b', 2025, [[80, 'HTTP']])];
    expect(portsOf(compile(CLUSTER, CLASS, ...all, service('b', { 80: 20_000 })))).toEqual({
      'shop/sluice-a': '80:20001',
      'shop/sluice-b': '80:20000',
    });
    const stolen = [service('b', { 80: 20_003 }), service('a', { 80: 20_003 })];
    const plan = compile(CLUSTER, CLASS, ...all, ...stolen);
    expect(portsOf(plan)).toEqual({ 'shop/sluice-a': '80:20003', 'shop/sluice-b': '80:20000' });
  });

  it('keep no port that is for connections of another kind', () => {
    const plan = compile(CLUSTER, CLASS, gateway('a', 2024, [[443, 'HTTPS']]), service('a', { 443: 20_001 }));
    expect(portsOf(plan)).toEqual({ 'shop/sluice-a': '443:20005' });
  });

  it('stay as they are while their Gateway is not accepted, and are not made for one that never was', () => {
    const broken = { addresses: [{ type: 'example.com/x', value: 'y' }] };
    const all = [gateway('a', 2024, [[80, 'HTTP']], broken), gateway('b', 2025, [[80, 'HTTP']], broken)];
    expect(portsOf(compile(CLUSTER, CLASS, ...all, service('b', { 80: 20_000 })))).toEqual({ 'shop/sluice-b': 'keep' });
  });

  it('stay as they are while nobody has their class, and are not ours any more when another controller has it', () => {
    const [a, made] = [gateway('a', 2024, [[80, 'HTTP']]), service('a', { 80: 20_000 })];
    expect(portsOf(compile(CLUSTER, a, made))).toEqual({ 'shop/sluice-a': 'keep' });
    expect(portsOf(compile(CLUSTER, a))).toEqual({});
    const theirs = { ...CLASS, spec: { controllerName: 'example.com/other' } };
    expect(portsOf(compile(CLUSTER, theirs, a, made))).toEqual({});
  });

  it.each([
    ['ClusterIP', {}],
    ['LoadBalancer', { 'app.kubernetes.io/managed-by': 'Helm' }],
  ])('are not made where somebody else has one of the name, of type %s, which the Gateway shows', (type, labels) => {
    const theirs = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'sluice-a', namespace: 'shop', labels },
      spec: { type, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ports: [{ port: 8080 }] },
    };
    const plan = compile(CLUSTER, CLASS, gateway('a', 2024, [[80, 'HTTP']]), theirs);
    expect(portsOf(plan)).toEqual({});
    const [listener] = plan.status.gateway.gateways.get('shop/a')?.listeners ?? [];
    expect(listener?.conditions.find(({ type: name }) => name === 'Programmed')).toMatchObject({
      isTrue: false,
      reason: 'Pending',
      message: expect.stringContaining('the Service shop/sluice-a') as string,
    });
  });

  it('leave out what there is no port for', () => {
    const many = [1, 2, 3, 4, 5, 6].map((port) => [port, 'HTTP'] as const);
    expect(portsOf(compile(CLUSTER, CLASS, gateway('a', 2024, many)))).toEqual({
      'shop/sluice-a': '1:20000,2:20001,3:20002,4:20003,5:20004',
    });
  });

  it('carry what the Gateway asks for, and labels by which they are found again', () => {
    const spec = {
      addresses: [{ value: '192.0.2.3' }],
      infrastructure: { labels: { team: 'a', 'app.kubernetes.io/managed-by': 'me' }, annotations: { note: 'b' } },
    };
    const name = `${'a'.repeat(40)}.${'b'.repeat(40)}`;
    const [key, wish] = compile(CLUSTER, CLASS, gateway(name, 2024, [[80, 'HTTP']], spec))
      .status.gateway.services.sorted()
      .at(0) ?? ['', undefined];
    expect(key).toMatch(/^shop\/sluice-a{40}--[0-9a-f]{8}$/);
    expect(wish).toMatchObject({
      labels: { team: 'a', 'app.kubernetes.io/managed-by': 'sluice' },
      annotations: { note: 'b', 'metallb.io/loadBalancerIPs': '192.0.2.3' },
    });
    expect(wish?.kind === 'made' ? wish.labels['gateway.networking.k8s.io/gateway-name']?.length : 0).toBe(63);
  });
});

describe('a Gateway with an address of its own', () => {
  const ROUTE = {
    kind: 'HTTPRoute',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { parentRefs: [{ name: 'a' }], hostnames: ['web.test'], rules: [{}] },
  };
  const A = gateway('a', 2024, [[8080, 'HTTP']]);

  it('in a cluster is served once its Service is there, on no other port, and shows the addresses of the Service', () => {
    const waiting = compile(CLUSTER, CLASS, A, ROUTE);
    expect([...waiting.l7.hosts.keys()]).toEqual([]);
    expect(waiting.status.gateway.gateways.get('shop/a')).toMatchObject({
      addresses: [],
      programmed: { isTrue: false, reason: 'Pending' },
    });
    const made = { ...service('a', { 8080: 20_002 }), status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    const served = compile(CLUSTER, CLASS, A, ROUTE, made);
    expect([...served.l7.hosts.keys()]).toEqual(['20002|web.test']);
    expect(served.l7.reserve).toBe(5);
    expect(served.status.gateway.gateways.get('shop/a')).toMatchObject({
      addresses: [{ ip: '192.0.2.1' }],
      programmed: { isTrue: true },
    });
  });

  it('without a cluster has one of a pool, and shares those of the machine where there is no pool', () => {
    const own = compile(POOL, A, ROUTE);
    expect([...own.l7.hosts.keys()]).toEqual(['20000|web.test']);
    expect(own.addresses.get('shop/sluice-a')?.addresses).toEqual(['192.0.2.0']);
    expect(own.status.gateway.gateways.get('shop/a')?.addresses).toEqual([{ ip: '192.0.2.0' }]);
    const shared = compile({ ...POOL, innerPorts: undefined }, A, ROUTE);
    expect([...shared.l7.hosts.keys()].sort()).toEqual(['http|web.test', 'web.test']);
    expect(shared.status.gateway.gateways.get('shop/a')?.addresses).toBeUndefined();
  });
});

describe('listeners of one port', () => {
  const names = ['*.example.com', '*.foo.example.com', 'abc.foo.example.com'];
  const listeners = [undefined, ...names].map((hostname, index) => ({
    name: `l${String(index)}`,
    port: 80,
    protocol: 'HTTP',
    hostname,
  }));
  const edge = gateway('a', 2024, [], { listeners });

  function route(name: string, sectionName: string, hostnames: readonly string[]): object {
    const metadata = { name, namespace: 'shop' };
    return { kind: 'HTTPRoute', metadata, spec: { parentRefs: [{ name: 'a', sectionName }], hostnames, rules: [{}] } };
  }

  it('take no request of a more specific one, be there a route or not', () => {
    const any = route('any', 'l0', ['abc.foo.example.com', '*.example.com', 'x.foo.example.com', 'other.test']);
    const wide = route('wide', 'l1', ['abc.foo.example.com', 'x.bar.example.com']);
    const { hosts } = compile(CLUSTER, CLASS, edge, any, wide, service('a', { 80: 20_000 })).l7;
    const refused = [...hosts.entries()].filter(([, { routes }]) => routes.every(({ owner }) => owner === 'shop/a'));
    expect(refused.map(([key]) => key).sort()).toEqual([
      '20000|**.example.com',
      '20000|**.foo.example.com',
      '20000|*.example.com',
      '20000|*.foo.example.com',
      '20000|abc.foo.example.com',
    ]);
    expect([...hosts.keys()].filter((key) => !refused.some(([other]) => other === key)).sort()).toEqual([
      '20000|other.test',
      '20000|x.bar.example.com',
    ]);
  });
});
