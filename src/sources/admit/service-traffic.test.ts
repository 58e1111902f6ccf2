import { describe, expect, it } from 'vitest';
import type { Service, ServiceTraffic } from '../../model/service.ts';
import { Field, Findings } from './field.ts';
import { admitTraffic } from './service-traffic.ts';

type Raw = Readonly<Record<string, unknown>>;

function admit(type: Service['type'], spec: Raw, rest: Raw = {}) {
  const findings = new Findings({ kind: 'Service', namespace: 'ns', name: 'a' }, 'manifest');
  const traffic = admitTraffic(new Field({ spec, ...rest }, '', findings), type);
  return { traffic, findings: findings.list.map(({ reason, field }) => `${reason} ${field}`) };
}

function ingress(...items: readonly Raw[]): Raw {
  return { status: { loadBalancer: { ingress: items } } };
}

describe('what decides over traffic', () => {
  it.each<readonly [string, Service['type'], Raw, Raw, Partial<ServiceTraffic>]>([
    [
      'nothing is said',
      'ClusterIP',
      {},
      {},
      {
        isHeadless: false,
        clusterIps: [],
        externalPolicy: 'Cluster',
        internalPolicy: 'Cluster',
        affinityTimeoutS: undefined,
        proxyName: undefined,
      },
    ],
    [
      'clusterIPs before clusterIP',
      'ClusterIP',
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::0001'] },
      {},
      { clusterIps: ['10.0.0.1', 'fd00::1'] as never },
    ],
    ['clusterIP alone', 'ClusterIP', { clusterIP: '10.0.0.1' }, {}, { clusterIps: ['10.0.0.1'] as never }],
    ['clusterIP empty', 'ClusterIP', { clusterIP: '' }, {}, { clusterIps: [], isHeadless: false }],
    [
      'clusterIP None',
      'ClusterIP',
      { clusterIP: 'None', clusterIPs: ['None'] },
      {},
      { clusterIps: [], isHeadless: true },
    ],
    [
      'the label headless, whatever its value',
      'ClusterIP',
      { clusterIP: '10.0.0.1' },
      { metadata: { labels: { 'service.kubernetes.io/headless': '' } } },
      { isHeadless: true },
    ],
    [
      'the name of another proxy',
      'ClusterIP',
      {},
      { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } } },
      { proxyName: 'other' },
    ],
    [
      'ipMode',
      'LoadBalancer',
      {},
      ingress(
        { ip: '192.0.2.1' },
        { ip: '192.0.2.2', ipMode: 'VIP' },
        { ip: '192.0.2.3', ipMode: 'Proxy' },
        { hostname: 'x.test' },
      ),
      { loadBalancerIps: ['192.0.2.1', '192.0.2.2'] as never },
    ],
    [
      'a balancer of another type than LoadBalancer',
      'NodePort',
      {},
      ingress({ ip: '192.0.2.1' }),
      { loadBalancerIps: [] },
    ],
    [
      'source ranges of another type than LoadBalancer',
      'NodePort',
      { loadBalancerSourceRanges: ['192.0.2.0/24'] },
      {},
      { sourceRanges: undefined },
    ],
    ['no source range', 'LoadBalancer', { loadBalancerSourceRanges: [] }, {}, { sourceRanges: undefined }],
    [
      'policies',
      'LoadBalancer',
      { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
      {},
      { externalPolicy: 'Local', internalPolicy: 'Local' },
    ],
    ['an empty policy', 'ClusterIP', { externalTrafficPolicy: '' }, {}, { externalPolicy: 'Cluster' }],
    ['affinity', 'ClusterIP', { sessionAffinity: 'ClientIP' }, {}, { affinityTimeoutS: 10_800 }],
    [
      'affinity with a time',
      'ClusterIP',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_400 } } },
      {},
      { affinityTimeoutS: 86_400 },
    ],
    [
      'a time without affinity',
      'ClusterIP',
      { sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      {},
      { affinityTimeoutS: undefined },
    ],
    ['PreferClose', 'ClusterIP', { trafficDistribution: 'PreferClose' }, {}, { distribution: 'PreferSameZone' }],
    ['PreferSameNode', 'ClusterIP', { trafficDistribution: 'PreferSameNode' }, {}, { distribution: 'PreferSameNode' }],
    ['a health check port of 0', 'LoadBalancer', { healthCheckNodePort: 0 }, {}, { healthCheckNodePort: undefined }],
    ['no node ports', 'LoadBalancer', { allocateLoadBalancerNodePorts: false }, {}, { wantsNodePorts: false }],
    [
      'ExternalName',
      'ExternalName',
      { clusterIP: '10.0.0.1', externalIPs: ['192.0.2.1'], sessionAffinity: 'ClientIP' },
      {},
      { clusterIps: [], externalIps: [], affinityTimeoutS: undefined },
    ],
  ])('%s', (_, type, spec, rest, expected) => {
    const { traffic, findings } = admit(type, spec, rest);
    expect(traffic).toMatchObject(expected);
    expect(findings).toEqual([]);
  });

  it('source ranges are trimmed and made canonical', () => {
    const { traffic } = admit('LoadBalancer', { loadBalancerSourceRanges: [' 192.0.2.77/24 ', '2001:db8::/32'] });
    expect(traffic.sourceRanges?.map(({ text }) => text)).toEqual(['192.0.2.0/24', '2001:db8::/32']);
  });

  it('a source range that cannot be read lets nobody in', () => {
    const { traffic, findings } = admit('LoadBalancer', { loadBalancerSourceRanges: ['office'] });
    expect(traffic.sourceRanges?.map(({ text }) => text)).toEqual(['0.0.0.0/32', '::/128']);
    expect(findings).toEqual(['AddressInvalid spec.loadBalancerSourceRanges[0]']);
  });

  it.each<readonly [Raw, Partial<ServiceTraffic>, string]>([
    [{ externalTrafficPolicy: 'Global' }, { externalPolicy: 'Cluster' }, 'ObjectMalformed spec.externalTrafficPolicy'],
    [{ sessionAffinity: 'Cookie' }, { affinityTimeoutS: undefined }, 'ObjectMalformed spec.sessionAffinity'],
    [
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
      { affinityTimeoutS: 10_800 },
      'ObjectMalformed spec.sessionAffinityConfig.clientIP.timeoutSeconds',
    ],
    [
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } },
      { affinityTimeoutS: 10_800 },
      'ObjectMalformed spec.sessionAffinityConfig.clientIP.timeoutSeconds',
    ],
    [{ trafficDistribution: 'PreferFar' }, { distribution: undefined }, 'ObjectMalformed spec.trafficDistribution'],
    [
      { ipFamilyPolicy: 'Both' },
      { families: { policy: 'SingleStack', families: [] } },
      'ObjectMalformed spec.ipFamilyPolicy',
    ],
    [
      { ipFamilies: ['IPv5', 'IPv6'] },
      { families: { policy: 'SingleStack', families: ['IPv6'] } },
      'ObjectMalformed spec.ipFamilies[0]',
    ],
    [{ healthCheckNodePort: 70_000 }, { healthCheckNodePort: undefined }, 'PortInvalid spec.healthCheckNodePort'],
    [
      { externalIPs: ['192.0.2.1', 'here'] },
      { externalIps: ['192.0.2.1'] as never },
      'AddressInvalid spec.externalIPs[1]',
    ],
  ])('%j is reported, and served without', (spec, expected, finding) => {
    const { traffic, findings } = admit('LoadBalancer', spec);
    expect(traffic).toMatchObject(expected);
    expect(findings).toEqual([finding]);
  });
});

it.each<readonly [Raw, readonly string[]]>([
  [{ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2', '10.0.0.1'] }, ['AddressInvalid spec.clusterIP']],
  [{ clusterIP: 'fd00::0001', clusterIPs: ['fd00::1'] }, []],
  [{ clusterIP: '', clusterIPs: ['10.0.0.2'] }, []],
])('tells of a clusterIP that is not the first of clusterIPs: %j', (spec, told) => {
  expect(admit('ClusterIP', spec).findings).toEqual(told);
});

it.each([
  '127.0.0.1',
  '127.8.8.8',
  '::1',
  '0.0.0.0',
  '::',
  '169.254.169.254',
  'fe80::1',
  '224.0.0.1',
  'ff02::1',
  '255.255.255.255',
])('serves nothing at an address where no Service can be, and tells of it: %s', (address) => {
  const { traffic, findings } = admit(
    'LoadBalancer',
    { externalIPs: [address, '192.0.2.1'] },
    ingress({ ip: address }, { ip: '192.0.2.2' }),
  );
  expect([traffic.externalIps, traffic.loadBalancerIps]).toEqual([['192.0.2.1'], ['192.0.2.2']]);
  expect(findings).toEqual(['AddressInvalid spec.externalIPs[0]', 'AddressInvalid status.loadBalancer.ingress[0].ip']);
});
