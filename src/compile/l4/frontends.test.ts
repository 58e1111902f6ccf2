import { describe, expect, it } from 'vitest';
import { portOf, serviceOf } from '../../../test/l4/objects.ts';
import { BASE_L4, cidr, ip } from '../../../test/l4/snapshot-steps.ts';
import type { Service } from '../../model/service.ts';
import { isServed, wishOf } from './frontends.ts';
import type { AllocationSettings, L4Settings } from './l4-settings.ts';

const ALLOCATING: AllocationSettings = {
  clusterIpRanges: [cidr('10.0.0.0/24')],
  nodePorts: { first: 30_000, last: 30_099 },
};

function wish(service: Service, given: Partial<L4Settings> = {}, allocating?: AllocationSettings) {
  const { frontends, findings, healthCheckPort } = wishOf(service, undefined, { ...BASE_L4, ...given }, allocating);
  const lines = frontends.map(
    ({ kind, address, port, family, sourceRanges }) =>
      `${kind} ${address ?? `v${String(family)}`} ${String(port)}${sourceRanges === undefined ? '' : ` from ${sourceRanges.map(({ text }) => text).join(' ')}`}`,
  );
  return { lines, findings: findings.map(({ reason, field }) => `${reason} ${field}`), healthCheckPort };
}

const BOTH = { clusterIps: [ip('10.0.0.1'), ip('fd00::1')] };
const ONE = { clusterIps: [ip('10.0.0.1')] };

describe('a Service asks for', () => {
  it.each<readonly [string, Service, readonly string[]]>([
    [
      'its ClusterIPs, under every port',
      serviceOf('a', { ports: [portOf(), portOf({ port: 81 })] }, BOTH),
      ['ClusterIP 10.0.0.1 80', 'ClusterIP fd00::1 80', 'ClusterIP 10.0.0.1 81', 'ClusterIP fd00::1 81'],
    ],
    [
      'node ports in the families of its ClusterIPs',
      serviceOf('a', { type: 'NodePort', ports: [portOf({ nodePort: 30_001 })] }, BOTH),
      ['ClusterIP 10.0.0.1 80', 'ClusterIP fd00::1 80', 'NodePort v4 30001', 'NodePort v6 30001'],
    ],
    [
      'no node port as ClusterIP',
      serviceOf('a', { ports: [portOf({ nodePort: 30_001 })] }, ONE),
      ['ClusterIP 10.0.0.1 80'],
    ],
    ['no node port that it has not', serviceOf('a', { type: 'LoadBalancer' }, ONE), ['ClusterIP 10.0.0.1 80']],
    [
      'the addresses of its balancer, with the ranges of their family',
      serviceOf(
        'a',
        { type: 'LoadBalancer' },
        { ...ONE, loadBalancerIps: [ip('192.0.2.1'), ip('2001:db8::1')], sourceRanges: [cidr('203.0.113.0/24')] },
      ),
      ['ClusterIP 10.0.0.1 80', 'LoadBalancer 192.0.2.1 80 from 203.0.113.0/24', 'LoadBalancer 2001:db8::1 80'],
    ],
    [
      'external IPs, without source ranges',
      serviceOf(
        'a',
        { type: 'LoadBalancer' },
        { ...ONE, externalIps: [ip('192.0.2.9')], sourceRanges: [cidr('203.0.113.0/24')] },
      ),
      ['ClusterIP 10.0.0.1 80', 'ExternalIP 192.0.2.9 80'],
    ],
  ])('%s', (_, service, lines) => {
    expect(wish(service)).toMatchObject({ lines, findings: [] });
  });

  it.each<readonly [string, L4Settings['externalIps'], readonly string[], readonly string[]]>([
    ['deny', { kind: 'deny' }, [], ['ExternalIpDenied spec.externalIPs[0]', 'ExternalIpDenied spec.externalIPs[1]']],
    ['allow', { kind: 'allow' }, ['ExternalIP 192.0.2.9 80', 'ExternalIP 198.51.100.9 80'], []],
    [
      'ranges',
      { kind: 'ranges', cidrs: [cidr('198.51.100.0/24')] },
      ['ExternalIP 198.51.100.9 80'],
      ['ExternalIpDenied spec.externalIPs[0]'],
    ],
  ])('external IPs, as the operator has it: %s', (_, externalIps, lines, findings) => {
    const service = serviceOf('a', {}, { externalIps: [ip('192.0.2.9'), ip('198.51.100.9')] });
    expect(wish(service, { externalIps })).toMatchObject({ lines, findings });
  });

  it('a node port out of range, which is refused where Sluice allocates and believed where an API server does', () => {
    const service = serviceOf('a', { type: 'NodePort', ports: [portOf({ nodePort: 32_000 })] }, ONE);
    expect(wish(service, {}, ALLOCATING)).toMatchObject({
      lines: ['ClusterIP 10.0.0.1 80'],
      findings: ['NodePortOutOfRange spec.ports[0].nodePort'],
    });
    expect(wish(service)).toMatchObject({ lines: ['ClusterIP 10.0.0.1 80', 'NodePort v4 32000'], findings: [] });
  });

  it('a health check port out of range, which is refused where Sluice allocates and believed where an API server does', () => {
    const traffic = { ...ONE, externalPolicy: 'Local', healthCheckNodePort: 10_256 } as const;
    const service = serviceOf('a', { type: 'LoadBalancer' }, traffic);
    expect(wish(service, {}, ALLOCATING)).toMatchObject({
      healthCheckPort: undefined,
      findings: ['NodePortOutOfRange spec.healthCheckNodePort'],
    });
    expect(wish(service)).toMatchObject({ healthCheckPort: 10_256, findings: [] });
  });

  it('a ClusterIP out of range, which is refused where Sluice allocates and believed where an API server does', () => {
    const clusterIps = ['10.0.0.1', '127.0.0.1', 'fd00::1'].map(ip);
    const service = serviceOf('a', {}, { clusterIps });
    const { lines, findings } = wish(service, {}, ALLOCATING);
    expect(lines).toEqual(['ClusterIP 10.0.0.1 80']);
    expect(findings).toEqual(['ClusterIpOutOfRange spec.clusterIP', 'ClusterIpOutOfRange spec.clusterIP']);
    // Unused ports of a ClusterIP are refused, so that it must not be one at all.
    expect(wishOf(service, undefined, BASE_L4, ALLOCATING).clusterIps).toEqual(['10.0.0.1']);
    expect(wish(service).lines).toHaveLength(3);
  });

  it.each<readonly [string, Service, number | undefined]>([
    [
      'a balancer with policy Local',
      serviceOf('a', { type: 'LoadBalancer' }, { externalPolicy: 'Local', healthCheckNodePort: 30_005 }),
      30_005,
    ],
    [
      'one with policy Cluster: none',
      serviceOf('a', { type: 'LoadBalancer' }, { healthCheckNodePort: 30_005 }),
      undefined,
    ],
    [
      'a node port with policy Local: none',
      serviceOf('a', { type: 'NodePort' }, { externalPolicy: 'Local', healthCheckNodePort: 30_005 }),
      undefined,
    ],
  ])('a health check port: %s', (_, service, port) => {
    expect(wish(service).healthCheckPort).toBe(port);
  });
});

it.each<readonly [string, Service, string | undefined, boolean]>([
  ['plain', serviceOf('a'), undefined, true],
  ['headless', serviceOf('a', {}, { isHeadless: true }), undefined, false],
  ['ExternalName', serviceOf('a', { type: 'ExternalName' }), undefined, false],
  ['of another proxy', serviceOf('a', {}, { proxyName: 'other' }), undefined, false],
  ['of ours, by name', serviceOf('a', {}, { proxyName: 'ours' }), 'ours', true],
  ['plain, while ours have a name', serviceOf('a'), 'ours', false],
])('a Service is served: %s, %s', (_, service, proxyName, served) => {
  expect(isServed(service, { ...BASE_L4, proxyName })).toBe(served);
});
