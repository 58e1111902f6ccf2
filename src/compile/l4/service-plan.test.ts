import { describe, expect, it } from 'vitest';
import { endpointOf, portOf, serviceOf, sliceOf } from '../../../test/l4/objects.ts';
import { BASE_L4, cidr, ip, meta } from '../../../test/l4/snapshot-steps.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { EndpointSlice, Service } from '../../model/service.ts';
import type { Claim } from './frontends.ts';
import { wishOf } from './frontends.ts';
import type { FrontendAction } from './l4-plan.ts';
import { compileService, type ServiceSurroundings } from './service-plan.ts';

const HERE = endpointOf('10.244.1.1', { nodeName: 'node-a' });
const THERE = endpointOf('10.244.2.1', { nodeName: 'node-b' });
const OLDER: ObjectRef = { kind: 'Service', namespace: 'ns', name: 'older' };

function compile(service: Service, slices: readonly EndpointSlice[], given: Partial<ServiceSurroundings> = {}) {
  return compileService(service, wishOf(service, undefined, BASE_L4, undefined), slices, {
    chooser: { nodeName: 'node-a', zone: undefined, derivesHints: undefined },
    masqueradesAll: false,
    primaryAddresses: [ip('192.0.2.10')],
    tellsLocalPods: () => true,
    holderOf: () => undefined,
    ...given,
  });
}

function held(...claims: readonly Claim[]): Partial<ServiceSurroundings> {
  return { holderOf: (claim) => (claims.includes(claim) ? OLDER : undefined) };
}

/** A balancer's Service that answers under each kind of frontend, by kind. */
function actions(
  policies: { readonly external?: 'Local'; readonly internal?: 'Local' },
  endpoints: readonly ReturnType<typeof endpointOf>[],
  given: Partial<ServiceSurroundings> = {},
): Readonly<Record<string, FrontendAction>> {
  const service = serviceOf(
    'web',
    { type: 'LoadBalancer', ports: [portOf({ nodePort: 30_080 })] },
    {
      clusterIps: [ip('10.0.0.1')],
      loadBalancerIps: [ip('192.0.2.1')],
      externalPolicy: policies.external ?? 'Cluster',
      internalPolicy: policies.internal ?? 'Cluster',
    },
  );
  const [port] = compile(service, [sliceOf('web', endpoints)], given).plan.ports;
  return Object.fromEntries((port?.frontends ?? []).map(({ kind, action }) => [kind, action]));
}

const REJECT = { kind: 'reject' };
const EVERYBODY = { kind: 'balance', list: 'cluster', masquerade: 'everybody', hasShortCircuit: false };
const FOREIGN = { ...EVERYBODY, masquerade: 'all-but-local-pods' };
const LOCAL = { kind: 'balance', list: 'local', masquerade: 'nobody', hasShortCircuit: true };

describe('what happens to a new connection', () => {
  it.each<readonly [string, Parameters<typeof actions>, unknown, unknown]>([
    ['policy Cluster', [{}, [HERE, THERE]], FOREIGN, EVERYBODY],
    ['policy Cluster, all elsewhere', [{}, [THERE]], FOREIGN, EVERYBODY],
    ['no endpoint', [{}, []], REJECT, REJECT],
    ['no endpoint, policy Local', [{ external: 'Local', internal: 'Local' }, []], REJECT, REJECT],
    ['external policy Local', [{ external: 'Local' }, [HERE, THERE]], FOREIGN, LOCAL],
    [
      'external policy Local, all elsewhere',
      [{ external: 'Local' }, [THERE]],
      FOREIGN,
      { kind: 'drop', hasShortCircuit: true },
    ],
    ['internal policy Local', [{ internal: 'Local' }, [HERE, THERE]], { ...FOREIGN, list: 'local' }, EVERYBODY],
    [
      'internal policy Local, all elsewhere',
      [{ internal: 'Local' }, [THERE]],
      { kind: 'drop', hasShortCircuit: false },
      EVERYBODY,
    ],
    [
      'nobody can tell pods',
      [{}, [HERE], { tellsLocalPods: () => false }],
      { ...FOREIGN, masquerade: 'nobody' },
      EVERYBODY,
    ],
    ['everything is masqueraded', [{}, [HERE], { masqueradesAll: true }], EVERYBODY, EVERYBODY],
    [
      'everything is masqueraded, external policy Local',
      [{ external: 'Local' }, [HERE], { masqueradesAll: true }],
      EVERYBODY,
      LOCAL,
    ],
  ])('%s', (_, given, inside, outside) => {
    const found = actions(...given);
    expect(found).toEqual({ ClusterIP: inside, LoadBalancer: outside, NodePort: outside });
  });
});

describe('endpoints', () => {
  const dual = { clusterIps: [ip('10.0.0.1'), ip('fd00::1')] };

  it('are those of the family, and a family without a frontend is left out', () => {
    const slices = [sliceOf('web', [HERE, endpointOf('fd01::1')])];
    const families = (traffic: typeof dual) =>
      compile(serviceOf('web', {}, traffic), slices).plan.ports.map(({ family, cluster }) => [
        family,
        cluster.map(({ address }) => address),
      ]);
    expect(families(dual)).toEqual([
      [4, ['10.244.1.1']],
      [6, ['fd01::1']],
    ]);
    expect(families({ clusterIps: [ip('fd00::1')] })).toEqual([[6, ['fd01::1']]]);
  });

  it('that may run on this node can reach themselves', () => {
    const { hairpins } = compile(serviceOf('web', {}, dual), [sliceOf('web', [HERE, THERE, endpointOf('10.244.3.1')])]);
    expect(hairpins).toEqual(['10.244.1.1', '10.244.3.1']);
  });

  it('count for the health check when they are ready and here, each address once', () => {
    const service = serviceOf(
      'web',
      { type: 'LoadBalancer', ports: [portOf({ name: 'a' }), portOf({ name: 'b', port: 81 })] },
      { ...dual, externalPolicy: 'Local', healthCheckNodePort: 32_000 },
    );
    const leaving = endpointOf('10.244.1.2', { nodeName: 'node-a', ready: false, terminating: true });
    const ports = ['a', 'b'].map((name) => ({ name, port: 8080, protocol: 'TCP' as const, appProtocol: undefined }));
    const slice: EndpointSlice = { ...sliceOf('web', []), subsets: [{ ports, endpoints: [HERE, leaving, THERE] }] };
    expect(compile(service, [slice]).plan.healthCheck).toEqual({ port: 32_000, readyEndpoints: 1 });
  });
});

describe('a claim that an older Service has', () => {
  const service = serviceOf(
    'web',
    { meta: meta('web', 2), type: 'NodePort', ports: [portOf({ nodePort: 30_080 }), portOf({ name: 'b', port: 81 })] },
    { clusterIps: [ip('10.0.0.1')], externalIps: [ip('192.0.2.9')] },
  );

  it.each<readonly [string, Claim, readonly string[], readonly string[]]>([
    [
      'to a ClusterIP as a whole',
      'cluster-ip 10.0.0.1',
      ['ExternalIP 80', 'NodePort 30080', 'ExternalIP 81'],
      ['VirtualAddressConflict: 10.0.0.1 already belongs to Service ns/older'],
    ],
    [
      'to an external IP with a port',
      '192.0.2.9 TCP 80',
      ['ClusterIP 80', 'NodePort 30080', 'ClusterIP 81', 'ExternalIP 81'],
      ['VirtualAddressConflict: 192.0.2.9 port 80/TCP already belongs to Service ns/older'],
    ],
    [
      'to a node port',
      'node-port TCP 30080',
      ['ClusterIP 80', 'ExternalIP 80', 'ClusterIP 81', 'ExternalIP 81'],
      ['NodePortConflict: TCP node port 30080 is already allocated to Service ns/older'],
    ],
  ])('%s is told once, and all else is served', (_, claim, frontends, messages) => {
    const { plan, findings } = compile(service, [], held(claim));
    expect(
      plan.ports.flatMap((port) => port.frontends.map(({ kind, port: number }) => `${kind} ${String(number)}`)),
    ).toEqual(frontends);
    expect(findings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual(messages);
  });

  it('to a health check port leaves the Service without', () => {
    const balancer = serviceOf(
      'web',
      { type: 'LoadBalancer' },
      { clusterIps: [ip('10.0.0.1')], externalPolicy: 'Local', healthCheckNodePort: 32_000 },
    );
    const { plan, findings } = compile(balancer, [], held('node-port TCP 32000'));
    expect(plan.healthCheck).toBeUndefined();
    expect(findings.map(({ reason, field }) => `${reason} ${field}`)).toEqual([
      'NodePortConflict spec.healthCheckNodePort',
    ]);
  });
});

it('an address that is the balancer’s and an external IP is served once, with the source ranges', () => {
  const service = serviceOf(
    'web',
    { type: 'LoadBalancer' },
    { loadBalancerIps: [ip('192.0.2.1')], externalIps: [ip('192.0.2.1')], sourceRanges: [cidr('203.0.113.0/24')] },
  );
  const [port] = compile(service, []).plan.ports;
  expect(port?.frontends.map(({ kind, sourceRanges }) => [kind, sourceRanges?.length])).toEqual([['LoadBalancer', 1]]);
});

it.each([
  ['where a range holds the node', '192.0.2.0/28', ['198.51.100.1', '198.51.100.2']],
  ['not where none does, since anybody could send from them', '203.0.113.0/24', []],
])('the addresses of a balancer are sources that its node may use, %s', (_, range, expected) => {
  const service = serviceOf(
    'web',
    { type: 'LoadBalancer' },
    {
      loadBalancerIps: [ip('198.51.100.1'), ip('2001:db8::1'), ip('198.51.100.2')],
      sourceRanges: [cidr(range), cidr('2001:db9::/64')],
    },
  );
  const [v4, v6] = compile(service, [sliceOf('web', [HERE])]).plan.ports;
  expect(v4?.frontends.map(({ ownSources }) => ownSources)).toEqual([expected, expected]);
  expect(v6?.frontends.map(({ ownSources }) => ownSources)).toEqual([[]]);
});
