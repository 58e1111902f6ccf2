import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PersistentMap } from '../lib/persistent-map.ts';
import { cidrOf, type Cidr } from '../model/cidr.ts';
import { ipAddressOf, type IpAddress } from '../model/grammar.ts';
import type { FrontendAction, Frontend, L4Plan, ServicePlan } from '../compile/l4/l4-plan.ts';
import { fateText, trace } from '../../test/fakes/nft/trace.ts';
import { KernelCopy } from '../../test/l4/kernel-copy.ts';
import * as packets from '../../test/l4/packets.ts';
import { plans } from '../../test/l4/plans.ts';
import { explainPacket, type PacketAnswer } from './explain.ts';

function ip(text: string): IpAddress {
  const address = ipAddressOf(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

function cidr(text: string): Cidr {
  const range = cidrOf(text);
  if (range === undefined) throw new Error(`${text} is no range`);
  return range;
}

const HERE = { address: ip('10.244.1.7'), port: 8080 };
const THERE = { address: ip('10.244.2.9'), port: 8080 };

function frontend(kind: Frontend['kind'], address: string | undefined, port: number, action: FrontendAction): Frontend {
  return {
    kind,
    address: address === undefined ? undefined : ip(address),
    port,
    action,
    sourceRanges: undefined,
    ownSources: [],
  };
}

const INSIDE: FrontendAction = {
  kind: 'balance',
  list: 'cluster',
  masquerade: 'all-but-local-pods',
  hasShortCircuit: false,
};
const OUTSIDE: FrontendAction = { kind: 'balance', list: 'cluster', masquerade: 'everybody', hasShortCircuit: false };
const LOCAL: FrontendAction = { kind: 'balance', list: 'local', masquerade: 'nobody', hasShortCircuit: true };

function plan(...frontends: readonly Frontend[]): L4Plan {
  const service: ServicePlan = {
    namespace: 'shop',
    name: 'web',
    clusterIps: [ip('10.96.0.10')],
    healthCheck: undefined,
    ports: [
      {
        name: 'http',
        protocol: 'TCP',
        family: 4,
        frontends,
        cluster: [HERE, THERE],
        local: [HERE],
        serving: [],
        affinityTimeoutS: undefined,
      },
    ],
  };
  return {
    services: PersistentMap.from([['shop/web', service]]),
    hairpins: PersistentMap.empty(),
    balancerIps: PersistentMap.empty(),
    announcedIps: PersistentMap.empty(),
    node: {
      name: 'node-a',
      addresses: [ip('192.0.2.10')],
      primaryAddresses: [ip('192.0.2.10')],
      nodePortAddresses: [ip('192.0.2.10')],
      healthCheckAddresses: [ip('192.0.2.10')],
      localPods: { kind: 'cidrs', cidrs: [cidr('10.244.1.0/24')] },
      ownPods: { kind: 'cidrs', cidrs: [cidr('10.244.1.0/24')] },
      clusterIpRanges: [],
      misplacedRanges: [],
      ownsClusterIpRanges: false,
      masqueradesAll: false,
      lacks: undefined,
      isEligible: true,
    },
  };
}

const CLUSTER_IP = frontend('ClusterIP', '10.96.0.10', 80, INSIDE);
const NODE_PORT = frontend('NodePort', undefined, 30_080, OUTSIDE);

interface Case {
  readonly name: string;
  readonly plan: L4Plan;
  readonly client: string;
  readonly to: readonly [address: string, port: number];
  readonly outcome: PacketAnswer['outcome'];
  /** Endpoints, with `!` behind those that see the node's address. */
  readonly endpoints: readonly string[];
  readonly because?: string;
}

const cases: readonly Case[] = [
  {
    name: 'a pod keeps its source',
    plan: plan(CLUSTER_IP),
    client: '10.244.1.5',
    to: ['10.96.0.10', 80],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7', '10.244.2.9'],
  },
  {
    name: 'a pod of another node, as the objects have it, is not masqueraded',
    plan: plan(CLUSTER_IP),
    client: '10.244.1.7',
    to: ['10.96.0.10', 80],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7', '10.244.2.9'],
  },
  {
    name: 'a pod that may reach itself is masqueraded there only',
    plan: { ...plan(CLUSTER_IP), hairpins: PersistentMap.from([['10.244.1.7', true]]) },
    client: '10.244.1.7',
    to: ['10.96.0.10', 80],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7!', '10.244.2.9'],
    because: 'depends on the endpoint',
  },
  {
    name: 'the node is no pod',
    plan: plan(CLUSTER_IP),
    client: '192.0.2.10',
    to: ['10.96.0.10', 80],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7!', '10.244.2.9!'],
  },
  {
    name: 'an unused port of a ClusterIP is refused',
    plan: plan(CLUSTER_IP),
    client: '10.244.1.5',
    to: ['10.96.0.10', 81],
    outcome: 'refused',
    endpoints: [],
    because: 'has no port 81/TCP',
  },
  {
    name: 'a node port on the address of the node',
    plan: plan(CLUSTER_IP, NODE_PORT),
    client: '198.51.100.7',
    to: ['192.0.2.10', 30_080],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7!', '10.244.2.9!'],
  },
  {
    name: 'a node port on another address',
    plan: plan(CLUSTER_IP, NODE_PORT),
    client: '198.51.100.7',
    to: ['192.0.2.11', 30_080],
    outcome: 'untouched',
    endpoints: [],
    because: 'answers on 192.0.2.10',
  },
  {
    name: 'policy Local from outside',
    plan: plan(frontend('LoadBalancer', '192.0.2.80', 80, LOCAL)),
    client: '198.51.100.7',
    to: ['192.0.2.80', 80],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7'],
    because: 'the usable endpoints on this node',
  },
  {
    name: 'policy Local from a pod of this node',
    plan: plan(frontend('LoadBalancer', '192.0.2.80', 80, LOCAL)),
    client: '10.244.1.5',
    to: ['192.0.2.80', 80],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7', '10.244.2.9'],
    because: 'the client is on this node',
  },
  {
    name: 'policy Local without an endpoint here',
    plan: plan(frontend('LoadBalancer', '192.0.2.80', 80, { kind: 'drop', hasShortCircuit: true })),
    client: '198.51.100.7',
    to: ['192.0.2.80', 80],
    outcome: 'dropped',
    endpoints: [],
    because: 'no endpoint of shop/web:http is usable on this node',
  },
  {
    name: 'no endpoint at all',
    plan: plan(frontend('ClusterIP', '10.96.0.10', 80, { kind: 'reject' })),
    client: '10.244.1.5',
    to: ['10.96.0.10', 80],
    outcome: 'refused',
    endpoints: [],
    because: 'no endpoint of shop/web:http is ready',
  },
  {
    name: 'a source that loadBalancerSourceRanges keeps out',
    plan: plan({ ...frontend('LoadBalancer', '192.0.2.80', 80, OUTSIDE), sourceRanges: [cidr('203.0.113.0/24')] }),
    client: '198.51.100.7',
    to: ['192.0.2.80', 80],
    outcome: 'dropped',
    endpoints: [],
    because: 'lets in 203.0.113.0/24 only',
  },
  {
    name: 'an address that is nobody’s',
    plan: plan(CLUSTER_IP),
    client: '10.244.1.5',
    to: ['192.0.2.99', 80],
    outcome: 'untouched',
    endpoints: [],
    because: 'no Service of this node has',
  },
];

/** The same plan with other ports of its Service. */
function withPorts(
  given: L4Plan,
  change: (port: ServicePlan['ports'][number]) => readonly ServicePlan['ports'][number][],
): L4Plan {
  const services = given.services
    .sorted()
    .map(([key, service]): [string, ServicePlan] => [key, { ...service, ports: service.ports.flatMap(change) }]);
  return { ...given, services: PersistentMap.from(services) };
}

/** The same Service with other endpoints. */
function withEndpoints(given: L4Plan, change: Partial<ServicePlan['ports'][number]>): L4Plan {
  return withPorts(given, (port) => [{ ...port, ...change }]);
}

/** A program on the node itself that listens on a loopback address, as the quick start has it. */
const ON_LOOPBACK = withEndpoints(plan(CLUSTER_IP), { cluster: [{ address: ip('127.0.0.1'), port: 8080 }] });
const ON_LOOPBACK_V6 = withEndpoints(plan(frontend('ClusterIP', 'fd00::a', 80, INSIDE)), {
  family: 6,
  cluster: [{ address: ip('::1'), port: 8080 }],
});

const loopbackCases: readonly Case[] = [
  ...(
    [
      ['IPv4', ON_LOOPBACK, '192.0.2.10', '10.96.0.10', '127.0.0.1'],
      ['IPv6', ON_LOOPBACK_V6, '::1', 'fd00::a', '::1'],
    ] as const
  ).map(([family, given, client, address, endpoint]): Case => ({
    name: `the node reaches its loopback address, with its source, ${family}`,
    plan: given,
    client,
    to: [address, 80],
    outcome: 'endpoints',
    endpoints: [endpoint],
    because: 'sees the address of the client',
  })),
  ...(
    [
      ['IPv4', ON_LOOPBACK, '10.244.1.5', '10.96.0.10'],
      ['IPv6', ON_LOOPBACK_V6, 'fd00::5', 'fd00::a'],
    ] as const
  ).map(([family, given, client, address]): Case => ({
    name: `nobody else reaches a loopback address, ${family}`,
    plan: given,
    client,
    to: [address, 80],
    outcome: 'dropped',
    endpoints: [],
    because: 'is a loopback address',
  })),
  {
    name: 'one of its endpoints is on a loopback address',
    plan: withEndpoints(plan(CLUSTER_IP), { cluster: [HERE, { address: ip('127.0.0.1'), port: 8080 }] }),
    client: '10.244.1.5',
    to: ['10.96.0.10', 80],
    outcome: 'endpoints',
    endpoints: ['10.244.1.7', '127.0.0.1'],
    because: '127.0.0.1 is a loopback address',
  },
];

const FATES: Readonly<Record<PacketAnswer['outcome'], string>> = {
  endpoints: '',
  dropped: 'dropped',
  refused: 'refused',
  untouched: 'passed',
};

it('answers what the rules do', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(plans, fc.array(packets.question, { minLength: 20, maxLength: 20 }), (sequence, questions) => {
      const last = sequence.at(-1);
      // Nobody can ask by an interface.
      if (
        last === undefined ||
        last.node.localPods.kind === 'bridge' ||
        last.node.localPods.kind === 'interface-prefix'
      )
        return;
      const kernel = new KernelCopy();
      kernel.apply(last);
      const machine = { addresses: new Set<string>([...last.node.addresses, '127.0.0.1', '::1']) };
      for (const item of questions) {
        const packet = packets.packetOf(item, last);
        if (packet === undefined || packet.isBridged === true) continue;
        const isNode = machine.addresses.has(packet.source);
        const sent = { ...packet, from: isNode ? 'node' : packet.from } as const;
        const found = trace(kernel.nft, machine, isNode ? { ...sent, interface: undefined } : sent).map(
          ({ fate }) => fate,
        );
        const answer = explainPacket(last, {
          client: ip(packet.source),
          destination: ip(packet.destination),
          port: packet.port,
          protocol: ({ tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' } as const)[packet.protocol],
        });
        // By which interface it would come back is not asked.
        if (answer.outcome === 'untouched' && last.balancerIps.has(packet.destination)) continue;
        const told = answer.endpoints.map(({ address, port, isMasqueraded }) => {
          const isTranslated = address !== packet.destination || port !== packet.port;
          return fateText({ kind: 'delivered', address, port, isTranslated, isMasqueraded });
        });
        const fates = answer.outcome === 'endpoints' ? [...new Set(told)].sort() : [FATES[answer.outcome]];
        expect([sent, fates]).toEqual([sent, found.map((fate) => fateText(fate))]);
      }
    }),
    { numRuns: 200 },
  );
});

describe('explaining a packet', () => {
  it.each([...cases, ...loopbackCases])('$name', ({ plan: given, client, to, outcome, endpoints, because = '' }) => {
    const answer = explainPacket(given, { client: ip(client), destination: ip(to[0]), port: to[1], protocol: 'TCP' });
    expect(answer.outcome).toBe(outcome);
    expect(answer.endpoints.map((item) => `${item.address}${item.isMasqueraded ? '!' : ''}`)).toEqual(endpoints);
    expect(answer.because.join('; ')).toContain(because);
  });

  it('gives a reason once, however many endpoints have it', () => {
    const address = ip('127.0.0.1');
    const given = withEndpoints(plan(CLUSTER_IP), { cluster: [9101, 9102].map((port) => ({ address, port })) });
    const question = { client: ip('10.244.1.5'), destination: ip('10.96.0.10'), port: 80, protocol: 'TCP' } as const;
    expect(explainPacket(given, question).because.filter((line) => line.includes('loopback'))).toHaveLength(1);
  });

  it.each<readonly [string, L4Plan, string]>([
    [
      'an address of another family beside it',
      withPorts(plan(CLUSTER_IP), (port) => [
        port,
        { ...port, family: 6, frontends: [frontend('ExternalIP', '2001:db8::1', 443, OUTSIDE)] },
      ]),
      'it has 80/TCP',
    ],
    ['no port at all', withPorts(plan(), () => []), 'it has none'],
  ])('tells which ports a ClusterIP has: %s', (_, given, told) => {
    const { because } = explainPacket(given, {
      client: ip('10.244.1.5'),
      destination: ip('10.96.0.10'),
      port: 81,
      protocol: 'TCP',
    });
    expect(because).toContain(told);
  });

  it.each<readonly [string, L4Plan, string, boolean, PacketAnswer['outcome'], readonly string[]]>([
    ['from the node', plan(NODE_PORT), '127.0.0.1', true, 'endpoints', ['10.244.1.7', '10.244.2.9']],
    ['from elsewhere', plan(NODE_PORT), '198.51.100.7', true, 'dropped', []],
    ['without an endpoint', withEndpoints(plan(NODE_PORT), { cluster: [] }), '127.0.0.1', true, 'refused', []],
    ['without listeners', plan(NODE_PORT), '127.0.0.1', false, 'untouched', []],
    [
      'of another family',
      withPorts(plan(NODE_PORT), (port) => [{ ...port, family: 6 }]),
      '127.0.0.1',
      true,
      'untouched',
      [],
    ],
    [
      'that is no node port',
      plan(frontend('ClusterIP', '10.96.0.10', 30_080, INSIDE)),
      '127.0.0.1',
      true,
      'untouched',
      [],
    ],
  ])('knows the listeners of node ports on localhost: a port %s', (_, given, client, has, outcome, endpoints) => {
    const question = { client: ip(client), destination: ip('127.0.0.1'), port: 30_080, protocol: 'TCP' } as const;
    const answer = explainPacket(given, question, has);
    expect([answer.outcome, answer.endpoints.map(({ address }) => address)]).toEqual([outcome, endpoints]);
    expect(explainPacket(given, { ...question, protocol: 'UDP' }, has).outcome).toBe('untouched');
  });
});
