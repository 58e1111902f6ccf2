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

const NODES = ['a', 'b', 'c'];

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
    announce: { nodeName, routers: { first: 101, count: 150 } },
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
      announce: { nodeName: 'a', routers: { first: 101, count: 150 } },
    });
    const facts = { nowMs: 0, node: { addresses: [own, vip] }, interfaces: INTERFACES };
    expect(compiler.compile(store.snapshot, facts).l4?.node.addresses).toEqual([own]);
  });
});
