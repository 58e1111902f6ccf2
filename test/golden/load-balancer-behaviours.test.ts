/**
 * Who has which address, as a folder of manifests or a cluster goes from one state to the next. The numbers are those of
 * docs/reference/load-balancer-behaviours.md.
 */
import { describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import type { Plan } from '../../src/compile/plan.ts';
import { NO_NODE_FACTS } from '../../src/compile/settings.ts';
import { Store } from '../../src/sources/store.ts';
import { changesOf } from './compile-manifest.ts';

const SETTINGS = {
  ...STANDALONE_SETTINGS,
  allocation: { clusterIpRanges: [], nodePorts: { first: 30_000, last: 30_100 } },
  addresses: { className: undefined, pool: [], reportsMissingPools: true },
};

function pool(name: string, addresses: string, spec = '', metadata = ''): string {
  return `---\n{ apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: { name: ${name}, namespace: m, ${metadata} }, spec: { addresses: [${addresses}], ${spec} } }\n`;
}

function service(name: string, spec = '', annotations = '', ports = '{ port: 80 }', labels = ''): string {
  return `---\n{ apiVersion: v1, kind: Service, metadata: { name: ${name}, labels: { ${labels} }, annotations: { ${annotations} } }, spec: { type: LoadBalancer, ${spec} ports: [${ports}] } }\n`;
}

const DUAL = 'ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack,';
const PREFER = 'ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack,';

/** A world that goes from one state to the next. */
class World {
  readonly #compiler = new Compiler(SETTINGS);
  #nowMs = 0;
  #plan: Plan | undefined;

  /** All objects that there are now. */
  is(...documents: readonly string[]): Readonly<Record<string, string>> {
    const store = new Store();
    store.commit(changesOf(documents.join('')));
    this.#plan = this.#compiler.compile(store.snapshot, { nowMs: this.#nowMs, node: NO_NODE_FACTS });
    return this.has;
  }

  after(ms: number): this {
    this.#nowMs += ms;
    return this;
  }

  /** `name: addresses` of every Service that has some. */
  get has(): Readonly<Record<string, string>> {
    const rows = this.#plan?.addresses.sorted() ?? [];
    return Object.fromEntries(rows.map(([key, { addresses }]) => [key.replace('default/', ''), addresses.join(' ')]));
  }

  /** The reasons of what is said of a Service. */
  says(name: string): readonly string[] {
    return (this.#plan?.findings.get(`address:default/${name}`) ?? []).map(({ reason }) => reason);
  }

  get pools(): readonly string[] {
    return (this.#plan?.pools ?? []).map(({ pool: name, total, taken }) => `${name} ${String(taken)}/${String(total)}`);
  }
}

const TWO = pool('two', '192.0.2.1-192.0.2.2');

describe('an address', () => {
  it('1 is the first free one of the pool', () => {
    expect(new World().is(TWO, service('a'))).toEqual({ a: '192.0.2.1' });
  });

  it.each([
    ['a range', '192.0.2.8-192.0.2.9', '192.0.2.8'],
    ['a CIDR', '192.0.2.8/31', '192.0.2.8'],
  ])('2 comes from %s of IPv4, of IPv6, or one from each', (_, range, first) => {
    const six = range.includes('/') ? '2001:db8::8/127' : '2001:db8::8-2001:db8::9';
    expect(new World().is(pool('p', range), service('a'))).toEqual({ a: first });
    expect(new World().is(pool('p', six), service('a', 'ipFamilies: [IPv6],'))).toEqual({ a: '2001:db8::8' });
    expect(new World().is(pool('p', `${range}, ${six}`), service('a', DUAL))).toEqual({ a: `${first} 2001:db8::8` });
  });

  it('3 is that of spec.loadBalancerIP', () => {
    expect(new World().is(TWO, service('a', 'loadBalancerIP: 192.0.2.2,'))).toEqual({ a: '192.0.2.2' });
  });

  it('4 is those of the annotation, one of each family', () => {
    const both = pool('p', '192.0.2.0/24, 2001:db8::/120');
    const asks = 'metallb.io/loadBalancerIPs: "2001:db8::7, 192.0.2.7"';
    expect(new World().is(both, service('a', DUAL, asks))).toEqual({ a: '192.0.2.7 2001:db8::7' });
  });

  it('5 is none where both are set', () => {
    const world = new World();
    const asks = service('a', 'loadBalancerIP: 192.0.2.2,', 'metallb.io/loadBalancerIPs: 192.0.2.2');
    expect(world.is(TWO, asks)).toEqual({});
  });

  it('6 is none where it is in no pool, and the reason is said', () => {
    const world = new World();
    expect(world.is(TWO, service('a', '', 'metallb.io/loadBalancerIPs: 192.0.2.9'))).toEqual({});
    expect(world.says('a')).toEqual(['AddressOutsidePools']);
  });

  it('7 is waited for where another Service has it, and had as soon as that is gone', () => {
    const world = new World();
    const asks = service('b', '', 'metallb.io/loadBalancerIPs: 192.0.2.1');
    world.is(TWO, service('a'));
    expect(world.is(TWO, service('a'), asks)).toEqual({ a: '192.0.2.1' });
    expect(world.says('b')).toEqual(['AddressInUse']);
    expect(world.is(TWO, asks)).toEqual({ b: '192.0.2.1' });
  });

  it.each(['true', 'false'])('8 comes from the pool that is asked for, with autoAssign %s', (autoAssign) => {
    const other = pool('other', '198.51.100.0/30', `autoAssign: ${autoAssign}`);
    const asks = service('a', '', 'metallb.io/address-pool: other');
    expect(new World().is(TWO, other, asks)).toEqual({ a: '198.51.100.0' });
  });

  it('9 moves when another pool is asked for', () => {
    const world = new World();
    const other = pool('other', '198.51.100.0/30');
    world.is(TWO, other, service('a', '', 'metallb.io/address-pool: two'));
    expect(world.is(TWO, other, service('a', '', 'metallb.io/address-pool: other'))).toEqual({ a: '198.51.100.0' });
  });

  it('10 never comes by itself from a pool with autoAssign false', () => {
    const world = new World();
    expect(world.is(pool('manual', '192.0.2.0/24', 'autoAssign: false'), service('a'))).toEqual({});
    expect(world.says('a')).toEqual(['AddressPoolNotForService']);
  });

  it('11 is not .0 or .255 where avoidBuggyIPs says so', () => {
    const buggy = pool('p', '192.0.2.255-192.0.3.1', 'avoidBuggyIPs: true');
    const world = new World();
    expect(world.is(buggy, service('a'), service('b'))).toEqual({ a: '192.0.3.1' });
    expect(world.is(buggy, service('c', '', 'metallb.io/loadBalancerIPs: 192.0.3.0'))).toEqual({});
  });

  it('12 comes from pools by their priority: 1 before 2 before none', () => {
    const kept = (name: string, address: string, priority: string): string =>
      pool(name, `${address}/32`, `serviceAllocation: { ${priority} namespaces: [default] }`);
    const pools = [
      kept('a', '192.0.2.3', ''),
      kept('b', '192.0.2.2', 'priority: 2,'),
      kept('c', '192.0.2.1', 'priority: 1,'),
    ];
    const all = new World().is(...pools, service('x'), service('y'), service('z'));
    expect(all).toEqual({ x: '192.0.2.1', y: '192.0.2.2', z: '192.0.2.3' });
  });

  it.each([
    ['namespaces: [default]', true],
    ['namespaces: [other]', false],
    ['namespaceSelectors: [{ matchLabels: { kubernetes.io/metadata.name: default } }]', true],
    ['namespaceSelectors: [{ matchLabels: { kubernetes.io/metadata.name: other } }]', false],
    ['serviceSelectors: [{ matchLabels: { public: "1" } }]', true],
    ['serviceSelectors: [{ matchLabels: { public: "2" } }]', false],
    ['namespaces: [default], serviceSelectors: [{ matchLabels: { public: "2" } }]', false],
    ['namespaces: [other], serviceSelectors: [{ matchLabels: { public: "1" } }]', false],
    ['namespaces: [default], serviceSelectors: [{ matchLabels: { public: "1" } }]', true],
    ['serviceSelectors: [{ matchLabels: { public: "2" } }, { matchLabels: { public: "1" } }]', true],
  ])('13 with %s a Service may have one: %s', (allocation, may) => {
    const kept = pool('kept', '192.0.2.1/32', `serviceAllocation: { ${allocation} }`);
    const named = `---\n{ apiVersion: v1, kind: Namespace, metadata: { name: default, labels: { kubernetes.io/metadata.name: default } } }\n`;
    const found = new World().is(named, kept, service('a', '', '', undefined, 'public: "1"'));
    expect(found).toEqual(may ? { a: '192.0.2.1' } : {});
  });

  it.each([
    ['is deleted', ''],
    [
      'becomes a ClusterIP',
      '---\n{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: { ports: [{ port: 80 }] } }\n',
    ],
  ])('14 is waited for in a full pool, and had when the Service that has it %s', (_, instead) => {
    const one = pool('one', '192.0.2.1/32');
    const world = new World();
    world.is(one, service('a'));
    expect(world.is(one, service('a'), service('b'))).toEqual({ a: '192.0.2.1' });
    expect(world.says('b')).toEqual(['AddressPoolExhausted']);
    expect(world.is(one, instead, service('b'))).toEqual({ b: '192.0.2.1' });
    expect(world.says('b')).toEqual([]);
  });

  it('15 is not given to a Service of another class, of which nothing is said either', () => {
    const world = new World();
    expect(world.is(TWO, service('a', 'loadBalancerClass: other.test/lb,'))).toEqual({});
    expect(world.says('a')).toEqual([]);
  });

  it('16 is given to a Service without node ports', () => {
    expect(new World().is(TWO, service('a', 'allocateLoadBalancerNodePorts: false,'))).toEqual({ a: '192.0.2.1' });
  });

  it('17 is given to a Service with TCP and UDP', () => {
    const ports = '{ name: t, port: 53 }, { name: u, port: 53, protocol: UDP }';
    expect(new World().is(TWO, service('a', '', '', ports))).toEqual({ a: '192.0.2.1' });
  });

  it('18 is counted in its pool as Services come and go and the pool grows', () => {
    const world = new World();
    world.is(TWO, service('a'));
    expect(world.pools).toEqual(['two 1/2']);
    world.is(pool('two', '192.0.2.1-192.0.2.4'), service('a'), service('b'));
    expect(world.pools).toEqual(['two 2/4']);
    world.is(pool('two', '192.0.2.1-192.0.2.4'));
    expect(world.pools).toEqual(['two 0/4']);
  });

  const four = pool('four', '192.0.2.0/30');
  const six = pool('six', '2001:db8::/126');
  const both = pool('both', '198.51.100.0/30, 2001:db8:1::/126');
  const V6_FIRST = 'ipFamilies: [IPv6, IPv4], ipFamilyPolicy: PreferDualStack,';
  it.each([
    ['two of a pool that has both families', [four, six, both], PREFER, '198.51.100.0 2001:db8:1::'],
    ['one of the first family where no pool has both', [four, six], PREFER, '192.0.2.0'],
    ['one of IPv6 where that is first', [four, six], V6_FIRST, '2001:db8::'],
    ['IPv6 before IPv4 where that is first', [both], V6_FIRST, '2001:db8:1:: 198.51.100.0'],
    ['one of the other family where no pool has the first', [six], PREFER, '2001:db8::'],
  ])('19 with PreferDualStack is %s', (_, pools, spec, expected) => {
    expect(new World().is(...pools, service('a', spec))).toEqual({ a: expected });
  });

  it('19 with PreferDualStack gets a second one when its pool has the family, and jumps to no other pool', () => {
    const world = new World();
    expect(world.is(four, service('a', PREFER))).toEqual({ a: '192.0.2.0' });
    expect(world.is(four, both, service('a', PREFER))).toEqual({ a: '192.0.2.0' });
    const grown = pool('four', '192.0.2.0/30, 2001:db8::/126');
    expect(world.is(grown, both, service('a', PREFER))).toEqual({ a: '192.0.2.0 2001:db8::' });
    expect(world.is(grown, both, service('a', DUAL))).toEqual({ a: '192.0.2.0 2001:db8::' });
    expect(world.is(grown, both, service('a', PREFER))).toEqual({ a: '192.0.2.0 2001:db8::' });
  });
});

describe('one address for several Services', () => {
  const key = 'metallb.io/allow-shared-ip: k';

  it('20 is had by those with one key and other ports', () => {
    expect(new World().is(TWO, service('a', '', key), service('b', '', key, '{ port: 81 }'))).toEqual({
      a: '192.0.2.1',
      b: '192.0.2.1',
    });
  });

  it('21 is not had where they have a port in common: the second has another one, or waits', () => {
    const world = new World();
    expect(world.is(TWO, service('a', '', key), service('b', '', key))).toEqual({ a: '192.0.2.1', b: '192.0.2.2' });
    const one = pool('one', '192.0.2.1/32');
    expect(new World().is(one, service('a', '', key), service('b', '', key))).toEqual({ a: '192.0.2.1' });
  });

  it('22 is lost by the second while their policies differ, and had again when both are Local with one selector', () => {
    const one = pool('one', '192.0.2.1/32');
    const local = 'externalTrafficPolicy: Local, selector: { app: x },';
    const of = (a: string, b: string): readonly string[] => [
      one,
      service('a', a, key),
      service('b', b, key, '{ port: 81 }'),
    ];
    const cluster = 'selector: { app: x },';
    const world = new World();
    const shared = { a: '192.0.2.1', b: '192.0.2.1' };
    expect(world.is(...of(cluster, cluster))).toEqual(shared);
    expect(world.is(...of(cluster, local))).toEqual({ a: '192.0.2.1' });
    expect(world.is(...of(local, local))).toEqual(shared);
    expect(world.is(...of(local, local.replace('x', 'y')))).toEqual({ a: '192.0.2.1' });
    expect(world.is(...of(local.replace('x', 'y'), local.replace('x', 'y')))).toEqual(shared);
  });

  it('23 may have one port number for TCP and for UDP', () => {
    const dns = [service('t', '', key, '{ port: 53 }'), service('u', '', key, '{ port: 53, protocol: UDP }')];
    expect(new World().is(TWO, ...dns)).toEqual({ t: '192.0.2.1', u: '192.0.2.1' });
  });
});

describe('what becomes of addresses', () => {
  const four = ['a', 'b', 'c', 'd'].map((name) => service(name));

  it('24 when the program is started again: those that have one keep it, and those that wait steal none', () => {
    const first = new World();
    const before = first.is(TWO, ...four);
    expect(Object.keys(before)).toHaveLength(2);
    const status = (name: string): string =>
      before[name] === undefined ? '' : `status: { loadBalancer: { ingress: [{ ip: ${before[name]} }] } },`;
    // Those that wait are read first.
    const objects = ['a', 'b', 'c', 'd'].map((name) => service(name).replace('spec:', `${status(name)} spec:`));
    for (let start = 0; start < 5; start += 1) expect(new World().is(TWO, ...objects.toReversed())).toEqual(before);
  });

  it('25 when one of several pools is deleted: they are given of another one, after a while', () => {
    const world = new World();
    const other = pool('other', '198.51.100.0/30');
    world.is(TWO, other, service('a'));
    expect(world.has['a']).toBe('198.51.100.0');
    world.is(TWO, service('a'));
    expect(world.after(10_000).is(TWO, service('a'))).toEqual({ a: '192.0.2.1' });
  });

  it('26 when all pools are gone: they stay, since that is what an API server without its CRDs looks like', () => {
    const world = new World();
    world.is(TWO, service('a'));
    expect(world.is(service('a'))).toEqual({ a: '192.0.2.1' });
    expect(world.after(3_600_000).is(service('a'))).toEqual({ a: '192.0.2.1' });
  });

  it('27 when a pool grows: those that wait are served, and none moves', () => {
    const world = new World();
    const before = world.is(TWO, ...four);
    expect(world.is(pool('two', '192.0.2.1-192.0.2.9'), ...four)).toMatchObject(before);
    expect(Object.keys(world.has)).toHaveLength(4);
  });

  it('27 when a pool is edited under load: at each step no address is had twice, and none moves that is still in it', () => {
    const world = new World();
    const many = Array.from({ length: 40 }, (_, index) => service(`s${String(index)}`));
    for (let step = 0; step < 30; step += 1) {
      const [from, to] = [1 + (step % 5), 30 + ((step * 7) % 20)];
      const before = world.has;
      const after = world.is(pool('p', `192.0.2.${String(from)}-192.0.2.${String(to)}`), ...many.slice(step % 3));
      expect(new Set(Object.values(after)).size).toBe(Object.values(after).length);
      for (const [name, address] of Object.entries(before)) {
        const last = Number(address.split('.')[3]);
        if (last >= from && last <= to && after[name] !== undefined) expect(after[name]).toBe(address);
      }
    }
  });

  it('28 when pools overlap: the older one has the range, and the others what is left', () => {
    const old = pool('old', '192.0.2.0/30', '', 'creationTimestamp: "2020-01-01T00:00:00Z"');
    const late = pool('late', '192.0.2.2-192.0.2.9, 198.51.100.1/32', '', 'creationTimestamp: "2021-01-01T00:00:00Z"');
    const world = new World();
    const asks = service('b', '', 'metallb.io/address-pool: late');
    expect(world.is(old, service('a'))).toEqual({ a: '192.0.2.0' });
    expect(world.is(old, late, service('a'), asks)).toEqual({ a: '192.0.2.0', b: '198.51.100.1' });
  });
});
