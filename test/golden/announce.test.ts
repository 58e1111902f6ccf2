import { describe, expect, it } from 'vitest';
import { changesOf } from './compile-manifest.ts';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { cidrOf } from '../../src/model/cidr.ts';
import { ipAddressOf } from '../../src/model/grammar.ts';
import { Store } from '../../src/sources/store.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import type { Plan } from '../../src/compile/plan.ts';
import { NO_NODE_FACTS } from '../../src/compile/settings.ts';
import type { InterfaceFacts } from '../../src/compile/announce/announce-settings.ts';
import type { Announcers } from '../../src/compile/announce/explain-address.ts';
import type { L2Status } from '../../src/model/l2-status.ts';

const NODES = ['a', 'b', 'c'];

const ROUTERS = { routers: { first: 101, count: 150 }, published: { pool: [], className: undefined } };

function device(name: string, address: string, network: string): InterfaceFacts {
  const [ip, cidr] = [ipAddressOf(address), cidrOf(network)];
  if (ip === undefined || cidr === undefined) throw new Error(network);
  return { name, networks: [{ address: ip, network: cidr }] };
}

const INTERFACES = [device('eth0', '192.0.2.1', '192.0.2.0/24'), device('eth1', '198.51.100.1', '198.51.100.0/24')];

function pool(range = '192.0.2.100-192.0.2.199', rest = ''): string {
  return `---\n{ apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: { name: p, namespace: m, ${rest} }, spec: { addresses: [${range}] } }\n`;
}

function advertisement(spec: string, name = 'l2'): string {
  return `---\n{ apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: { name: ${name}, namespace: m }, spec: { ${spec} } }\n`;
}

function service(name: string, spec = '', metadata = ''): string {
  return `---\n{ apiVersion: v1, kind: Service, metadata: { name: ${name}, ${metadata} }, spec: { type: LoadBalancer, ${spec} ports: [{ port: 80 }] } }\n`;
}

function endpoint(name: string, node: string, conditions = 'ready: true'): string {
  return `---\n{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: ${name}-x, labels: { kubernetes.io/service-name: ${name} } }, addressType: IPv4, ports: [{ port: 80 }], endpoints: [{ addresses: [10.0.0.1], nodeName: ${node}, conditions: { ${conditions} } }] }\n`;
}

function nodeObject(name: string, labels = '', status = '', spec = ''): string {
  return `---\n{ apiVersion: v1, kind: Node, metadata: { name: ${name}, labels: { ${labels} } }, spec: { ${spec} }, status: { ${status} } }\n`;
}

const ALL = NODES.map((name) => nodeObject(name)).join('');

function planOf(text: string, nodeName = 'a', interfaces = INTERFACES): Plan {
  const store = new Store();
  store.commit(changesOf(text));
  const settings = {
    ...STANDALONE_SETTINGS,
    allocation: { clusterIpRanges: [], nodePorts: { first: 30_000, last: 30_100 } },
    addresses: { className: undefined, pool: [], reportsMissingPools: true },
    announce: { nodeName, ...ROUTERS },
  };
  return new Compiler(settings).compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS, interfaces });
}

/** What a node announces: `interface: addresses`, with what is special about it. */
function announced(text: string, nodeName = 'a', interfaces = INTERFACES): readonly string[] {
  const { announce } = planOf(text, nodeName, interfaces);
  if (announce === undefined) throw new Error('nothing is announced');
  const routers = announce.routers.sorted().map(([, router]) => {
    const notes = [...(router.isEligible ? [] : ['not here']), ...(router.takesBack ? ['preferred'] : [])];
    return [`${router.interface}: ${router.addresses.join(' ')}`, ...notes].join(', ');
  });
  return [...routers.sort(), ...(announce.isNodeEligible ? [] : ['node gives up'])];
}

/** Nodes in the order in which they would have the first router. */
function order(text: string): readonly string[] {
  const priorities = NODES.flatMap((name) => {
    const [router] = planOf(text, name).announce?.routers.values() ?? [];
    return router === undefined ? [] : [{ name, priority: router.priority, id: router.id }];
  });
  expect(new Set(priorities.map(({ id }) => id)).size).toBeLessThan(2);
  return priorities.sort((a, b) => b.priority - a.priority).map(({ name }) => name);
}

describe('what a node announces', () => {
  it('is every address of a pool, where there is no L2Advertisement, on the interface of its network', () => {
    expect(announced(ALL + pool() + service('web'))).toEqual(['eth0: 192.0.2.100']);
    expect(announced(ALL + pool('198.51.100.7-198.51.100.9') + service('web'))).toEqual(['eth1: 198.51.100.7']);
    expect(announced(ALL + pool('203.0.113.7-203.0.113.9') + service('web'))).toEqual(['eth0: 203.0.113.7']);
    expect(announced(ALL + pool() + service('web'), 'a', [])).toEqual([]);
  });

  it('is agreed about by all nodes, each with a priority of its own', () => {
    const text = ALL + pool() + service('web');
    expect(order(text).toSorted()).toEqual(NODES);
    const spread = new Set(
      Array.from({ length: 30 }, (_, index) => order(text + advertisement(`interfaces: [eth0, x${String(index)}]`))[0]),
    );
    expect(spread).toEqual(new Set(NODES));
  });

  it('stays in its groups when nodes come and go', () => {
    const idOf = (text: string): number | undefined => [...(planOf(text).announce?.routers.values() ?? [])][0]?.id;
    const text = pool() + service('web');
    expect(idOf(ALL + text + nodeObject('d'))).toBe(idOf(text));
  });

  it('is only what advertisements are for, on the interfaces that they name', () => {
    const text = ALL + pool(undefined, 'labels: { edge: "1" }') + service('web', '', 'labels: { public: "1" }');
    const on = 'interfaces: [eth1]';
    const cases: readonly (readonly [string, readonly string[]])[] = [
      [`ipAddressPools: [p], ${on}`, ['eth1: 192.0.2.100']],
      [`ipAddressPools: [other], ${on}`, []],
      [`ipAddressPoolSelectors: [{ matchLabels: { edge: "1" } }], ${on}`, ['eth1: 192.0.2.100']],
      [`ipAddressPoolSelectors: [{ matchLabels: { edge: "2" } }], ${on}`, []],
      [`serviceSelectors: [{ matchLabels: { public: "1" } }], ${on}`, ['eth1: 192.0.2.100']],
      [`serviceSelectors: [{ matchLabels: { public: "2" } }], ${on}`, []],
      ['interfaces: [eth0, eth1]', ['eth0: 192.0.2.100', 'eth1: 192.0.2.100']],
      ['interfaces: [eth9]', []],
      ['ipAddressPools: [p]', ['eth0: 192.0.2.100']],
    ];
    for (const [spec, wanted] of cases) expect(announced(text + advertisement(spec)), spec).toEqual(wanted);
    expect(
      announced(text + advertisement('interfaces: [eth0]', 'x') + advertisement('interfaces: [eth1]', 'y')),
    ).toHaveLength(2);
  });

  it('is said not to be of each address by itself', () => {
    const shared = 'annotations: { metallb.io/allow-shared-ip: k }';
    const text =
      pool('192.0.2.100-192.0.2.199, 2001:db8::100-2001:db8::199') +
      service('both', 'ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv4, IPv6],', shared) +
      service('six', 'ipFamilies: [IPv6],', `labels: { public: "1" }, ${shared}`).replace('port: 80', 'port: 81') +
      advertisement('serviceSelectors: [{ matchLabels: { public: "1" } }]');
    const { findings } = planOf(text);
    expect(findings.get('announce:default/both')?.map(({ message }) => message)).toEqual([
      'no L2Advertisement is for 192.0.2.100 of pool p, so that nobody answers for it',
    ]);
  });

  it('is of the nodes that are selected, the preferred one first', () => {
    const text =
      nodeObject('a', 'edge: "1"') +
      nodeObject('b', 'edge: "1", fast: "1"') +
      nodeObject('c') +
      pool() +
      service('web');
    const edge = 'nodeSelectors: [{ matchLabels: { edge: "1" } }]';
    const fast = 'preferredNodeSelectors: [{ weight: 10, preference: { matchLabels: { fast: "1" } } }]';
    expect(order(text + advertisement(edge)).toSorted()).toEqual(['a', 'b']);
    expect(order(text + advertisement(`${edge}, ${fast}`))).toEqual(['b', 'a']);
    expect(announced(text + advertisement(fast), 'b')).toEqual(['eth0: 192.0.2.100, preferred']);
    expect(announced(text + advertisement(fast), 'c')).toEqual(['eth0: 192.0.2.100']);
  });

  it('is not what a Service with policy Local has no endpoint for here', () => {
    const local = pool() + service('web', 'externalTrafficPolicy: Local,');
    expect(announced(ALL + local + endpoint('web', 'a'))).toEqual(['eth0: 192.0.2.100']);
    expect(announced(ALL + local + endpoint('web', 'b'))).toEqual(['eth0: 192.0.2.100, not here']);
    expect(announced(ALL + local + endpoint('web', 'a', 'ready: false'))).toEqual(['eth0: 192.0.2.100, not here']);
    expect(announced(ALL + local + endpoint('web', 'a', 'ready: false, serving: true, terminating: true'))).toEqual([
      'eth0: 192.0.2.100',
    ]);
  });

  it('is nothing while the node is to receive nothing', () => {
    const text = pool() + service('web');
    const ready = (status: string): string => `conditions: [{ type: Ready, status: "${status}" }]`;
    const gone = ['eth0: 192.0.2.100', 'node gives up'];
    expect(announced(nodeObject('a', 'node.kubernetes.io/exclude-from-external-load-balancers: ""') + text)).toEqual(
      gone,
    );
    expect(announced(nodeObject('a', '', 'conditions: [{ type: NetworkUnavailable, status: "True" }]') + text)).toEqual(
      gone,
    );
    expect(announced(nodeObject('a', '', '', 'taints: [{ key: ToBeDeletedByClusterAutoscaler }]') + text)).toEqual(
      gone,
    );
    expect(announced(nodeObject('a', '', ready('False')) + nodeObject('b', '', ready('True')) + text)).toEqual(gone);
    // If nobody is ready, whoever says so is wrong.
    expect(announced(nodeObject('a', '', ready('Unknown')) + nodeObject('b', '', ready('Unknown')) + text)).toEqual([
      'eth0: 192.0.2.100',
    ]);
  });

  it('is not among the addresses of the machine, on which node ports answer', () => {
    const store = new Store();
    store.commit(changesOf(ALL + pool() + service('web')));
    const [own, vip] = [ipAddressOf('192.0.2.1'), ipAddressOf('192.0.2.100')];
    if (own === undefined || vip === undefined) throw new Error('these are addresses');
    const compiler = new Compiler({
      ...STANDALONE_SETTINGS,
      l4: {
        nodeName: 'a',
        zone: undefined,
        localDetection: { mode: 'ClusterCIDR', cidrs: [] },
        masqueradesAll: false,
        nodePortAddresses: ['0.0.0.0/0'].flatMap((text) => cidrOf(text) ?? []),
        externalIps: { kind: 'deny' },
        proxyName: undefined,
        clusterIpRanges: [],
      },
      allocation: { clusterIpRanges: [], nodePorts: { first: 30_000, last: 30_100 } },
      addresses: { className: undefined, pool: [], reportsMissingPools: true },
      announce: { nodeName: 'a', ...ROUTERS },
    });
    const facts = { nowMs: 0, node: { addresses: [own, vip] }, interfaces: INTERFACES };
    expect(compiler.compile(store.snapshot, facts).l4?.node.addresses).toEqual([own]);
  });
});

describe('what a node of a cluster announces', () => {
  const settings = {
    ...STANDALONE_SETTINGS,
    mode: 'cluster' as const,
    announce: { nodeName: 'a', ...ROUTERS },
  };

  /** A Service as the leader leaves it. */
  function given(name: string, ip: string, routers = `${ip}=101`, metadata = ''): string {
    const annotations = routers === '' ? '' : `annotations: { sluice.dev/virtual-routers: "${routers}" }`;
    const head = `name: ${name}, ${annotations}${metadata}`;
    return `---\n{ apiVersion: v1, kind: Service, metadata: { ${head} }, spec: { type: LoadBalancer, ports: [{ port: 80 }] }, status: { loadBalancer: { ingress: [{ ip: ${ip} }] } } }\n`;
  }

  class Cluster {
    readonly #store = new Store();
    readonly #compiler = new Compiler(settings);

    /** Applies objects, and returns what is announced: `router: addresses`; undefined: nothing is said of that. */
    apply(text: string, ...gone: readonly ('addressPools' | 'services')[]): readonly string[] | undefined {
      this.#store.commit(changesOf(text));
      const { snapshot } = this.#store;
      for (const table of gone)
        this.#store.commit([...snapshot[table].keys()].map((key) => ({ table, key, value: undefined })));
      const facts = { nowMs: 0, node: NO_NODE_FACTS, interfaces: INTERFACES };
      const { announce } = this.#compiler.compile(this.#store.snapshot, facts);
      return announce?.routers.sorted().map(([name, { addresses }]) => `${name}: ${addresses.join(' ')}`);
    }
  }

  it('is what stands in the status of Services and is of a pool, by the virtual routers that are recorded there', () => {
    const cluster = new Cluster();
    expect(cluster.apply(ALL + pool() + given('web', '192.0.2.100') + given('foreign', '203.0.113.1'))).toEqual([
      'r101-eth0: 192.0.2.100',
    ]);
    expect(cluster.apply(given('api', '192.0.2.101', '192.0.2.101=117'))).toEqual([
      'r101-eth0: 192.0.2.100',
      'r117-eth0: 192.0.2.101',
    ]);
  });

  it.each([
    ['before a router is recorded', ''],
    ['by a router outside of the range that is ours', '192.0.2.100=51'],
    ['by a router that is recorded of another address', '192.0.2.77=101'],
    ['by something that is no router', '192.0.2.100=x'],
  ])('is nothing %s', (_, routers) => {
    expect(new Cluster().apply(ALL + pool() + given('web', '192.0.2.100', routers))).toEqual([]);
  });

  it('is not said before a pool has been seen, and stays when all pools are gone, for what still stands in a status', () => {
    const cluster = new Cluster();
    const web = given('web', '192.0.2.100');
    expect(cluster.apply(ALL + web)).toBeUndefined();
    expect(cluster.apply(pool())).toEqual(['r101-eth0: 192.0.2.100']);
    expect(cluster.apply('', 'addressPools')).toEqual(['r101-eth0: 192.0.2.100']);
    expect(cluster.apply('', 'services')).toEqual([]);
  });

  it('is what a pool that is gone has given, also where that pool has never been seen', () => {
    const another = pool('192.0.2.200-192.0.2.209');
    const recorded = ', annotations: { sluice.dev/virtual-routers: "192.0.2.100=101", PLACE }';
    const web = (more: string): string => given('web', '192.0.2.100', '', recorded.slice(1).replace('PLACE', more));
    expect(new Cluster().apply(ALL + another + web('metallb.io/ip-allocated-from-pool: p'))).toEqual([
      'r101-eth0: 192.0.2.100',
    ]);
    expect(new Cluster().apply(ALL + another + web('x: y'))).toEqual([]);
  });

  it('is not moved by a Service that names the router of another one', () => {
    const cluster = new Cluster();
    const old = given('old', '192.0.2.100', undefined, ', creationTimestamp: "2026-01-01T00:00:00Z"');
    const local = given('new', '192.0.2.101', '192.0.2.101=101', ', creationTimestamp: "2026-02-01T00:00:00Z"').replace(
      'spec: {',
      'spec: { externalTrafficPolicy: Local,',
    );
    expect(cluster.apply(ALL + pool() + old + local)).toEqual(['r101-eth0: 192.0.2.100 192.0.2.101']);
  });
});

describe('the routers that the leader records', () => {
  const RECORDS = { ...STANDALONE_SETTINGS, mode: 'cluster' as const, recordedRouters: { first: 101, count: 150 } };

  /** By Service: addresses and routers. */
  function recorded(text: string): Readonly<Record<string, string>> {
    const store = new Store();
    store.commit(changesOf(text));
    const compiler = new Compiler({
      ...RECORDS,
      addresses: { className: undefined, pool: [], reportsMissingPools: true },
    });
    const { services } = compiler.compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS }).status;
    return Object.fromEntries(services.sorted().map(([key, { virtualRouters }]) => [key, virtualRouters]));
  }

  const annotated = (routers: string): string => `annotations: { sluice.dev/virtual-routers: "${routers}" }`;

  it('stay where they are recorded, and are others where traffic is Local', () => {
    const web = recorded(pool() + service('web'))['default/web'] ?? '';
    expect(web).toMatch(/^192\.0\.2\.100=\d{3}$/);
    expect(recorded(pool() + service('web', '', annotated('192.0.2.100=222')))).toEqual({
      'default/web': '192.0.2.100=222',
    });
    const both = pool() + service('old', '', annotated('192.0.2.100=222'));
    const local = service('young', 'externalTrafficPolicy: Local,', annotated('192.0.2.101=222'));
    expect(recorded(both + local)['default/young']).toMatch(/^192\.0\.2\.101=(?!222)/);
  });

  it('are none where no L2Advertisement is for the address', () => {
    const text = pool() + service('web') + advertisement('ipAddressPools: [other]');
    expect(recorded(text)).toEqual({ 'default/web': '' });
  });
});

describe('sluice explain, of an address', () => {
  const NOBODY: Announcers = { isHeld: false, said: [] };

  function explained(text: string, address = '192.0.2.100', announcers = NOBODY, interfaces = INTERFACES): string {
    const store = new Store();
    store.commit(changesOf(text));
    const compiler = new Compiler({
      ...STANDALONE_SETTINGS,
      allocation: { clusterIpRanges: [], nodePorts: { first: 30_000, last: 30_100 } },
      addresses: { className: undefined, pool: [], reportsMissingPools: true },
      announce: { nodeName: 'a', ...ROUTERS },
    });
    compiler.compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS, interfaces });
    const ip = ipAddressOf(address);
    if (ip === undefined) throw new Error(address);
    const answer = compiler.explainAddress(ip, interfaces, announcers);
    return answer === undefined ? 'nothing' : [`at ${answer.nodes.join()}`, ...answer.steps].join('\n');
  }

  const text = ALL + pool() + service('web');

  it('begins at the pool, and ends at the interface', () => {
    const said: L2Status = {
      node: 'b',
      service: 'default/web',
      interfaces: ['eth0'],
      addresses: ['192.0.2.100'].flatMap((item) => ipAddressOf(item) ?? []),
      since: '2026-12-01T12:00:00Z',
      why: 'c is not ready',
    };
    expect(explained(text, '192.0.2.100', { isHeld: false, said: [said] }).split('\n')).toEqual([
      'at b',
      '192.0.2.100 is of pool p, and given to default/web',
      'node b answers for it since 2026-12-01T12:00:00Z: c is not ready',
      expect.stringMatching(/^node [abc] may have it$/),
      expect.stringMatching(/^node [abc] may have it$/),
      expect.stringMatching(/^node [abc] may have it$/),
      expect.stringMatching(
        /^the nodes agree about it by VRRP, as virtual router \d+; who has it keeps it until it fails or may not have it$/,
      ),
      'on a it would be answered for on eth0',
    ]);
    expect(explained(text, '192.0.2.100', { isHeld: true, said: [said] })).toContain(
      'a and b say that they answer for it: one of them does not hear the others',
    );
  });

  it.each([
    ['no Service', ALL + pool(), '192.0.2.100 is of pool p, and no Service has it: nobody answers for it'],
    [
      'no advertisement',
      text + advertisement('ipAddressPools: [other]'),
      'there are L2Advertisements, and none is for it',
    ],
    [
      'no node that is selected',
      text + advertisement('nodeSelectors: [{ matchLabels: { edge: "1" } }]'),
      'nobody answers for it: the L2Advertisement selects no node',
    ],
    [
      'no node that may',
      nodeObject('a', 'node.kubernetes.io/exclude-from-external-load-balancers: ""') + pool() + service('web'),
      'nobody answers for it: no node may\nnode a has the label node.kubernetes.io/exclude-from-external-load-balancers',
    ],
    [
      'no endpoint',
      nodeObject('a') + pool() + service('web', 'externalTrafficPolicy: Local,'),
      'nobody answers for it: no node may\nnode a has no endpoint of default/web, and externalTrafficPolicy is Local',
    ],
    ['the wrong interface', text + advertisement('interfaces: [eth9]'), 'a does not take part: it has not eth9'],
    ['nobody who says so', text, 'no node has said that it answers for it'],
  ])('says why nobody answers: %s', (_, objects, why) => {
    expect(explained(objects)).toContain(why);
  });

  it('has nothing to say of an address of no pool', () => {
    expect(explained(text, '203.0.113.9')).toBe('nothing');
  });
});
