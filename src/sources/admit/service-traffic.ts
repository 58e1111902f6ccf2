import { nearestOf } from '../../lib/nearest.ts';
import { cidrOf, type Cidr } from '../../model/cidr.ts';
import { ipAddressOf, isPort, type IpAddress } from '../../model/grammar.ts';
import {
  DEFAULT_TRAFFIC,
  type FamilyWish,
  type IpFamilyName,
  type Service,
  type ServiceTraffic,
  type TrafficPolicy,
} from '../../model/service.ts';
import { admitIpAddress, admitServiceAddress } from './address.ts';
import { shown, type Field } from './field.ts';

/** Of a Service, or of its EndpointSlices, to which their controller copies it. */
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';
const SOURCE_RANGES = 'loadBalancerSourceRanges';
const PROXY_LABEL = 'service.kubernetes.io/service-proxy-name';

/** `sessionAffinityConfig.clientIP.timeoutSeconds` where none is given (core/v1 DefaultClientIPServiceAffinitySeconds). */
const DEFAULT_AFFINITY_S = 10_800;
const MAX_AFFINITY_S = 86_400;

/** Admits what decides how the kernel treats packets to a Service. */
export function admitTraffic(raw: Field, type: Service['type']): ServiceTraffic {
  if (type === 'ExternalName') return DEFAULT_TRAFFIC;
  const spec = raw.at('spec');
  const labels = raw.at('metadata').at('labels');
  const isNone = spec.at('clusterIP').text() === 'None';
  const isExternal = type !== 'ClusterIP';
  return {
    isHeadless: isNone || !labels.at(HEADLESS_LABEL).isAbsent,
    clusterIps: isNone ? [] : admitClusterIps(spec),
    families: admitFamilies(spec),
    externalIps: spec.at('externalIPs').flatMap(admitServiceAddress),
    loadBalancerIps: type === 'LoadBalancer' ? admitLoadBalancerIps(raw) : [],
    sourceRanges: type === 'LoadBalancer' ? admitSourceRanges(spec) : undefined,
    externalPolicy: admitPolicy(spec.at('externalTrafficPolicy')),
    internalPolicy: admitPolicy(spec.at('internalTrafficPolicy')),
    affinityTimeoutS: admitAffinity(spec),
    distribution: admitDistribution(spec.at('trafficDistribution')),
    healthCheckNodePort: isExternal ? admitOptionalPort(spec.at('healthCheckNodePort')) : undefined,
    wantsNodePorts: isExternal && spec.at('allocateLoadBalancerNodePorts').boolean() !== false,
    proxyName: labels.at(PROXY_LABEL).text(),
  };
}

/** `clusterIPs`, or in older objects `clusterIP` alone. */
function admitClusterIps(spec: Field): readonly IpAddress[] {
  const listed = spec.at('clusterIPs').items();
  const fields = listed.length > 0 ? listed : [spec.at('clusterIP')];
  tellOtherFirst(spec.at('clusterIP'), listed[0]);
  return fields.filter((field) => field.text() !== '').flatMap(admitIpAddress);
}

/** `clusterIP` is but an older name of the first; where they differ somebody means something else than is served. */
function tellOtherFirst(field: Field, first: Field | undefined): void {
  const alone = field.text() ?? '';
  const listed = first?.text();
  if (alone === '' || listed === undefined || addressOrText(alone) === addressOrText(listed)) return;
  field.add('AddressInvalid', `${shown(alone)} is not the first of clusterIPs, ${shown(listed)}, which are used`);
}

function addressOrText(text: string): string {
  return ipAddressOf(text) ?? text;
}

function admitFamilies(spec: Field): FamilyWish {
  const policy = spec.at('ipFamilyPolicy').text() ?? 'SingleStack';
  const families = spec.at('ipFamilies').flatMap(admitFamily);
  if (policy === 'SingleStack' || policy === 'PreferDualStack' || policy === 'RequireDualStack')
    return { policy, families };
  spec.at('ipFamilyPolicy').add('ObjectMalformed', `${shown(policy)} is not an ipFamilyPolicy`);
  return { policy: 'SingleStack', families };
}

function admitFamily(field: Field): readonly IpFamilyName[] {
  const family = field.text();
  if (family === 'IPv4' || family === 'IPv6') return [family];
  if (family !== undefined) field.add('ObjectMalformed', `${shown(family)} is not an IP family`);
  return [];
}

/** ipMode Proxy means that packets must go out to the balancer itself, so such an address is none of ours (KEP-1860). */
function admitLoadBalancerIps(raw: Field): readonly IpAddress[] {
  return raw
    .at('status')
    .at('loadBalancer')
    .at('ingress')
    .items()
    .filter((item) => (item.at('ipMode').text() ?? 'VIP') === 'VIP')
    .flatMap((item) => admitServiceAddress(item.at('ip')));
}

/** Undefined where every source is welcome. */
function admitSourceRanges(spec: Field): readonly Cidr[] | undefined {
  const field = spec.at(SOURCE_RANGES);
  const misspelt = spec.unknownNames.find((name) => nearestOf(name, [SOURCE_RANGES]));
  if (field.isAbsent && misspelt !== undefined) {
    field.add('AddressInvalid', `there are none, but ${shown(misspelt)}: nobody is let in`, `Write ${SOURCE_RANGES}.`);
    return NOBODY;
  }
  // Of the wrong type, and reported as such: it was meant to keep somebody out.
  if (!field.isAbsent && !field.isList) {
    field.items();
    return NOBODY;
  }
  const items = field.items();
  if (items.length === 0) return undefined;
  return items.flatMap((item) => {
    const text = item.text();
    const cidr = text === undefined ? undefined : cidrOf(text);
    if (cidr === undefined) item.add('AddressInvalid', `${shown(text ?? '')} is not a CIDR`);
    return cidr === undefined ? NOBODY : [cidr];
  });
}

/**
 * Stands for a range that cannot be read, in both families: a filter without ranges of a family lets
 * everybody of that family in, and one that was asked for must not vanish with a typing mistake.
 * No packet comes from an unspecified address (RFC 1122 §3.2.1.3, RFC 4291 §2.5.2).
 */
const NOBODY = ['0.0.0.0/32', '::/128'].flatMap((text) => cidrOf(text) ?? []);

function admitPolicy(field: Field): TrafficPolicy {
  const policy = field.text() ?? 'Cluster';
  if (policy === 'Cluster' || policy === 'Local') return policy;
  if (policy !== '') field.add('ObjectMalformed', `${shown(policy)} is neither Cluster nor Local`);
  return 'Cluster';
}

function admitAffinity(spec: Field): number | undefined {
  const affinity = spec.at('sessionAffinity').text() ?? 'None';
  if (affinity !== 'ClientIP') {
    if (affinity !== 'None')
      spec.at('sessionAffinity').add('ObjectMalformed', `${shown(affinity)} is not a sessionAffinity`);
    return undefined;
  }
  const field = spec.at('sessionAffinityConfig').at('clientIP').at('timeoutSeconds');
  const timeoutS = field.number() ?? DEFAULT_AFFINITY_S;
  if (timeoutS >= 1 && timeoutS <= MAX_AFFINITY_S) return timeoutS;
  field.add('ObjectMalformed', `${String(timeoutS)} is not from 1 to ${String(MAX_AFFINITY_S)} seconds`);
  return DEFAULT_AFFINITY_S;
}

function admitDistribution(field: Field): ServiceTraffic['distribution'] {
  const text = field.text();
  // PreferClose is the older name of PreferSameZone (KEP-3015).
  if (text === 'PreferClose' || text === 'PreferSameZone') return 'PreferSameZone';
  if (text === 'PreferSameNode') return 'PreferSameNode';
  if (text !== undefined && text !== '') field.add('ObjectMalformed', `${shown(text)} is not a trafficDistribution`);
  return undefined;
}

/** A port that may be absent or, as the API server writes it for "none", 0. */
export function admitOptionalPort(field: Field): number | undefined {
  const port = field.number();
  if (port === undefined || port === 0) return undefined;
  if (isPort(port)) return port;
  field.add('PortInvalid', `${String(port)} is not a port`);
  return undefined;
}
