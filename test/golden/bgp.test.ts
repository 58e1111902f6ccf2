/** What a node announces by BGP: objects to bird.conf and the routes beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import type { BgpPlan } from '../../src/compile/bgp/bgp-plan.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import type { Plan } from '../../src/compile/plan.ts';
import { NO_NODE_FACTS } from '../../src/compile/settings.ts';
import { renderConfiguration, withKeptPasswords } from '../../src/planes/bgp/configuration.ts';
import { Store } from '../../src/sources/store.ts';
import { changesOf } from './compile-manifest.ts';

const FOLDER = join(import.meta.dirname, '..', 'golden-bgp');
const RACK = readFileSync(join(FOLDER, 'rack.yaml'), 'utf8');
const PUBLISHED = { pool: [], className: undefined };
const SETTINGS = { routeTable: 179, listenPort: 179 };

function planOf(text: string, nodeName = 'a'): Plan {
  const store = new Store();
  store.commit(changesOf(text));
  const settings = {
    ...STANDALONE_SETTINGS,
    addresses: { className: undefined, pool: [], reportsMissingPools: true },
    bgp: { nodeName, isOnlyWay: true, published: PUBLISHED },
  };
  return new Compiler(settings).compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS });
}

function bgpOf(text: string, nodeName?: string): BgpPlan {
  const { bgp } = planOf(text, nodeName);
  if (bgp === undefined) throw new Error('nothing is announced by BGP');
  return bgp;
}

function configurationOf(plan: BgpPlan): string {
  return renderConfiguration(withKeptPasswords(plan, ''), SETTINGS, '/var/lib/sluice/bgp').text;
}

function metallb(kind: string, spec: string, name = 'x', created = ''): string {
  const version = kind === 'BGPPeer' ? 'v1beta2' : 'v1beta1';
  return `---\n{ apiVersion: metallb.io/${version}, kind: ${kind}, metadata: { name: ${name}, namespace: m, ${created} }, spec: { ${spec} } }\n`;
}

const POOL = metallb('IPAddressPool', 'addresses: [192.0.2.0/24]', 'p');
const PEER = metallb('BGPPeer', 'myASN: 64512, peerASN: 64513, peerAddress: 10.0.0.1', 'peer');
const ALL = metallb('BGPAdvertisement', '');

function node(name: string, labels = '', status = '', spec = ''): string {
  return `---\n{ apiVersion: v1, kind: Node, metadata: { name: ${name}, labels: { ${labels} } }, spec: { ${spec} }, status: { ${status} } }\n`;
}

function service(name: string, spec = '', metadata = ''): string {
  return `---\n{ apiVersion: v1, kind: Service, metadata: { name: ${name}, ${metadata} }, spec: { type: LoadBalancer, ${spec} ports: [{ port: 80 }] } }\n`;
}

function endpoint(name: string, nodeName: string, conditions = 'ready: true'): string {
  return `---\n{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: ${name}-x, labels: { kubernetes.io/service-name: ${name} } }, addressType: IPv4, ports: [{ port: 80 }], endpoints: [{ addresses: [10.0.0.1], nodeName: ${nodeName}, conditions: { ${conditions} } }] }\n`;
}

const WEB = service('web') + endpoint('web', 'b');

/** Each prefix with what each peer is given: `192.0.2.0/32 peer pref 100 1:2`. */
function given(text: string, nodeName?: string): readonly string[] {
  const { routes, profiles } = bgpOf(text, nodeName);
  return routes.flatMap(({ prefix, profile }) => {
    const exports = profiles.find(({ number }) => number === profile)?.exports ?? [];
    return exports.map(({ session, localPref, communities }) => {
      const marks = communities.map(({ numbers }) => numbers.join(':'));
      const pref = localPref === undefined ? [] : [`pref ${String(localPref)}`];
      return [prefix.text, session.replace(/-[0-9a-f]{8}$/, ''), ...pref, ...marks].join(' ');
    });
  });
}

describe('bird.conf and the routes', () => {
  it.each(['node-a', 'node-b'])('of %s are as in the golden file', async (name) => {
    const plan = bgpOf(RACK, name);
    const routes = plan.routes.map(({ prefix, profile }) => `# route ${prefix.text} metric ${String(profile)}\n`);
    await expect(configurationOf(plan) + routes.join('')).toMatchFileSnapshot(join(FOLDER, `${name}.conf`));
  });

  it('are the same in whatever order the objects come, but the oldest of equals', () => {
    const documents = RACK.split('---\n');
    const turned = bgpOf(documents.toReversed().join('---\n'), 'node-a');
    expect(configurationOf(turned)).toBe(configurationOf(bgpOf(RACK, 'node-a')));
  });

  it('show no password but to BIRD', () => {
    const shown = JSON.stringify(planOf(RACK, 'node-a'), (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(shown).not.toMatch(/opensesame|spoken aloud/);
  });
});

describe('Services come and go', () => {
  it('without a change of the configuration', () => {
    const none = configurationOf(bgpOf(POOL + PEER + ALL));
    expect(configurationOf(bgpOf(POOL + PEER + ALL + WEB))).toBe(none);
    const aggregated = metallb('BGPAdvertisement', 'aggregationLength: 24', 'wide');
    expect(configurationOf(bgpOf(POOL + PEER + aggregated + WEB))).toBe(
      configurationOf(bgpOf(POOL + PEER + aggregated)),
    );
  });

  it('and an advertisement that says something else changes no route', () => {
    const before = bgpOf(POOL + PEER + ALL + WEB);
    const after = bgpOf(POOL + PEER + metallb('BGPAdvertisement', 'communities: ["1:2"]') + WEB);
    expect(after.routes).toEqual(before.routes);
    expect(after.profiles).not.toEqual(before.profiles);
  });
});

describe('what peers are given', () => {
  it('is nothing without a BGPAdvertisement, which is reported', () => {
    expect(given(POOL + PEER + WEB)).toEqual([]);
    const found = planOf(POOL + PEER + WEB).findings.get('bgp:Service/default/web');
    expect(found?.map(({ message }) => message)).toEqual([
      'no BGPAdvertisement is for 192.0.2.0, so that no peer learns of it',
    ]);
  });

  it('adds up over advertisements of one route', () => {
    const more = metallb('BGPAdvertisement', 'communities: ["1:2"], localPref: 7', 'more');
    const other = metallb('BGPAdvertisement', 'communities: ["1:1", "1:2"]', 'other');
    expect(given(POOL + PEER + more + other + WEB)).toEqual(['192.0.2.0/32 peer pref 7 1:1 1:2']);
  });

  it('is what advertisements say for pools, Services, nodes and peers', () => {
    const peers = PEER + metallb('BGPPeer', 'myASN: 64512, peerASN: 64513, peerAddress: 10.0.0.2', 'second');
    const pool = POOL.replace('namespace: m,', 'namespace: m, labels: { edge: "1" },');
    const text = `${node('a', 'rack: "1"')}${node('b')}${pool}${peers}${service('web', '', 'labels: { public: "1" }')}${endpoint('web', 'b')}`;
    const both = ['192.0.2.0/32 peer', '192.0.2.0/32 second'];
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ['', both],
      ['ipAddressPools: [p]', both],
      ['ipAddressPools: [other]', []],
      ['ipAddressPoolSelectors: [{ matchLabels: { edge: "1" } }]', both],
      ['ipAddressPoolSelectors: [{ matchLabels: { edge: "2" } }]', []],
      ['serviceSelectors: [{ matchLabels: { public: "1" } }]', both],
      ['serviceSelectors: [{ matchLabels: { public: "2" } }]', []],
      ['nodeSelectors: [{ matchLabels: { rack: "1" } }]', both],
      ['nodeSelectors: [{ matchLabels: { rack: "2" } }]', []],
      ['peers: [second]', ['192.0.2.0/32 second']],
      ['peers: [absent]', []],
      ['communities: [absent]', []],
      ['aggregationLength: 24', ['192.0.2.0/24 peer', '192.0.2.0/24 second']],
      ['aggregationLength: 23', []],
    ];
    for (const [spec, wanted] of cases) expect(given(text + metallb('BGPAdvertisement', spec)), spec).toEqual(wanted);
  });

  it('is the aggregate as long as one of its Services is served', () => {
    const wide = metallb('BGPAdvertisement', 'aggregationLength: 24');
    const second = service('second') + endpoint('second', 'b');
    expect(given(POOL + PEER + wide + WEB + second)).toEqual(['192.0.2.0/24 peer']);
    expect(given(POOL + PEER + wide + WEB + service('second'))).toEqual(['192.0.2.0/24 peer']);
    expect(given(POOL + PEER + wide + service('web') + service('second'))).toEqual([]);
  });

  it('is one route for two Services with one address, as long as one of them is served', () => {
    const shared = (name: string): string => service(name, '', 'annotations: { metallb.io/allow-shared-ip: k }');
    const other = shared('second').replace('port: 80', 'port: 81');
    const both = POOL + PEER + ALL + shared('web') + other;
    expect(given(both)).toEqual([]);
    expect(given(both + endpoint('web', 'b') + endpoint('second', 'b'))).toEqual(['192.0.2.0/32 peer']);
    expect(given(both + endpoint('second', 'b'))).toEqual(['192.0.2.0/32 peer']);
  });

  it('is the same without BFD where a BFDProfile is missing, which is reported', () => {
    const peer = metallb('BGPPeer', 'myASN: 64512, peerASN: 64513, peerAddress: 10.0.0.1, bfdProfile: fast', 'peer');
    const text = POOL + ALL + WEB + peer;
    expect(given(text)).toEqual(['192.0.2.0/32 peer']);
    expect(configurationOf(bgpOf(text))).not.toContain('bfd');
    expect([...planOf(text).findings.values()].flat().map(({ code }) => code)).toEqual(['SLU803']);
    expect(configurationOf(bgpOf(text + metallb('BFDProfile', '', 'fast')))).toContain('bfd');
  });

  it('is an address of which an endpoint serves: anywhere, or here with policy Local', () => {
    const local = service('web', 'externalTrafficPolicy: Local,');
    const text = node('a') + node('b') + POOL + PEER + ALL;
    const route = ['192.0.2.0/32 peer'];
    expect(given(text + service('web'))).toEqual([]);
    expect(given(text + WEB)).toEqual(route);
    expect(given(text + local + endpoint('web', 'b'))).toEqual([]);
    expect(given(text + local + endpoint('web', 'a'))).toEqual(route);
    expect(given(text + local + endpoint('web', 'a', 'ready: false'))).toEqual([]);
    expect(given(text + local + endpoint('web', 'a', 'ready: false, serving: true, terminating: true'))).toEqual(route);
  });

  it('is nothing while the node is to receive nothing, and the sessions stay', () => {
    const text = POOL + PEER + ALL + WEB;
    const ready = (status: string): string => `conditions: [{ type: Ready, status: "${status}" }]`;
    const unwanted = [
      node('a', 'node.kubernetes.io/exclude-from-external-load-balancers: ""'),
      node('a', '', 'conditions: [{ type: NetworkUnavailable, status: "True" }]'),
      node('a', '', '', 'taints: [{ key: ToBeDeletedByClusterAutoscaler }]'),
      node('a', '', ready('False')) + node('b', '', ready('True')),
    ];
    for (const nodes of unwanted) {
      expect(given(nodes + text), nodes).toEqual([]);
      expect(bgpOf(nodes + text).sessions, nodes).toHaveLength(1);
    }
    expect(given(node('a', '', ready('Unknown')) + node('b', '', ready('Unknown')) + text)).toHaveLength(1);
  });

  it('is nothing by a BGPPeer whose password is not known, or that is for other nodes', () => {
    const peer = 'myASN: 64512, peerASN: 64513, peerAddress: 10.0.0.1';
    const withSecret = metallb('BGPPeer', `${peer}, passwordSecret: { name: s }`, 'peer');
    expect(bgpOf(withSecret).sessions).toEqual([]);
    const secret = (data: string): string =>
      `---\n{ apiVersion: v1, kind: Secret, metadata: { name: s, namespace: m }, stringData: { ${data} } }\n`;
    expect(bgpOf(withSecret + secret('password: "it is"')).sessions).toHaveLength(1);
    expect(bgpOf(withSecret + secret(`password: 'a"b'`)).sessions).toEqual([]);
    expect(bgpOf(withSecret + secret('other: x')).sessions).toEqual([]);
    const elsewhere = metallb('BGPPeer', `${peer}, nodeSelectors: [{ matchLabels: { rack: "9" } }]`, 'peer');
    expect(bgpOf(elsewhere).sessions).toEqual([]);
  });

  it.each([
    ['has not been read yet', undefined, 0],
    ['is refused', { kind: 'unreadable', message: 'forbidden' } as const, 1],
  ])('is by a session that keeps its password while the Secret %s', (_, unread, findings) => {
    const withSecret = metallb(
      'BGPPeer',
      'myASN: 64512, peerASN: 64513, peerAddress: 10.0.0.1, passwordSecret: { name: s }',
      'peer',
    );
    const secret =
      '---\n{ apiVersion: v1, kind: Secret, metadata: { name: s, namespace: m }, stringData: { password: "it is" } }\n';
    const before = configurationOf(bgpOf(POOL + ALL + withSecret + secret));
    const store = new Store();
    store.commit(changesOf(POOL + ALL + withSecret));
    store.commit([
      { table: 'complete', key: 'Secret', value: undefined },
      { table: 'unread', key: 'Secret/m/s', value: unread },
    ]);
    const settings = { ...STANDALONE_SETTINGS, mode: 'cluster' as const };
    const bgp = { nodeName: 'a', isOnlyWay: true, published: PUBLISHED };
    const plan = new Compiler({ ...settings, bgp }).compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS });
    expect(plan.wants.objects.get('Secret/m/s')?.purposes).toContain('bgp-password');
    expect([...plan.findings.values()].flat().filter(({ reason }) => reason === 'BgpPasswordUnusable')).toHaveLength(
      findings,
    );
    const after = plan.bgp;
    if (after === undefined) throw new Error('nothing is announced');
    const rendered = (installed: string): string =>
      renderConfiguration(withKeptPasswords(after, installed), SETTINGS, '/var/lib/sluice/bgp').text;
    expect(rendered(before)).toContain('password "it is";');
    // Nobody would answer without one.
    expect(rendered('')).not.toContain('protocol bgp');
  });

  it('is not answered for on the local network too, unless an L2Advertisement asks for it', () => {
    const published = { pool: [], className: undefined };
    const announce = { nodeName: 'a', routers: { first: 101, count: 150 }, published };
    const bgp = { nodeName: 'a', isOnlyWay: false, published: PUBLISHED };
    const address = '192.0.2.1';
    const routersOf = (text: string, withBgp: boolean): number => {
      const store = new Store();
      store.commit(changesOf(text));
      const addresses = { className: undefined, pool: [], reportsMissingPools: true };
      const settings = { ...STANDALONE_SETTINGS, addresses, announce, bgp: withBgp ? bgp : undefined };
      const interfaces = [{ name: 'eth0', networks: [] }];
      const plan = new Compiler(settings).compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS, interfaces });
      expect(plan.findings.size, address).toBe(0);
      return plan.announce?.routers.size ?? 0;
    };
    const text = POOL + PEER + ALL + WEB;
    expect(routersOf(text, true)).toBe(0);
    expect(routersOf(text, false)).toBe(1);
    expect(routersOf(text + metallb('L2Advertisement', '', 'l2'), true)).toBe(1);
    expect(routersOf(text + metallb('L2Advertisement', 'ipAddressPools: [other]', 'l2'), true)).toBe(0);
  });
});
