import { describe, expect, it } from 'vitest';
import { portOf, serviceOf } from '../../../test/l4/objects.ts';
import { cidr, ip, meta } from '../../../test/l4/snapshot-steps.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { keyOf } from '../../model/object.ts';
import type { Service } from '../../model/service.ts';
import { Allocator, type Allocation } from './allocation.ts';
import type { AllocationSettings } from './l4-settings.ts';

const SETTINGS: AllocationSettings = {
  clusterIpRanges: [cidr('10.0.0.0/29'), cidr('fd00::/112')],
  nodePorts: { first: 30_000, last: 30_099 },
};

function tableOf(services: readonly Service[]): PersistentMap<Service> {
  return services.reduce((map, item) => map.set(keyOf(item.meta), item), PersistentMap.empty<Service>());
}

/** What Services are given that come all at once, and the Findings about them. */
function allocate(services: readonly Service[], settings = SETTINGS, before = PersistentMap.empty<Allocation>()) {
  const allocator = new Allocator(settings, before);
  const { findings } = allocator.update(new Set(services.map((item) => keyOf(item.meta))), tableOf(services));
  const messages = [...findings.values()].flat().map(({ reason, message }) => `${reason}: ${message}`);
  return { allocator, held: allocator.allocations, messages };
}

function countsOf(allocation: Allocation | undefined): readonly unknown[] {
  const families = (allocation?.clusterIps ?? []).map((address) => (address.includes(':') ? 6 : 4));
  return [...families, ...Object.keys(allocation?.nodePorts ?? {})];
}

describe('what a Service is given', () => {
  it.each<readonly [string, Service, readonly unknown[]]>([
    ['a ClusterIP of the first range', serviceOf('a'), [4]],
    ['one of its family', serviceOf('a', {}, { families: { policy: 'SingleStack', families: ['IPv6'] } }), [6]],
    ['two, if it can have them', serviceOf('a', {}, { families: { policy: 'PreferDualStack', families: [] } }), [4, 6]],
    [
      'two, in its order',
      serviceOf('a', {}, { families: { policy: 'RequireDualStack', families: ['IPv6', 'IPv4'] } }),
      [6, 4],
    ],
    ['nothing, where it says itself', serviceOf('a', {}, { clusterIps: [ip('10.0.0.1')] }), []],
    ['nothing, where it is headless', serviceOf('a', {}, { isHeadless: true }), []],
    ['nothing for ExternalName', serviceOf('a', { type: 'ExternalName' }), []],
    [
      'a node port for each port',
      serviceOf('a', { type: 'NodePort', ports: [portOf(), portOf({ port: 53, protocol: 'UDP' })] }),
      [4, 'TCP/80', 'UDP/53'],
    ],
    ['none where one is written', serviceOf('a', { type: 'NodePort', ports: [portOf({ nodePort: 30_001 })] }), [4]],
    ['node ports for a load balancer', serviceOf('a', { type: 'LoadBalancer' }), [4, 'TCP/80']],
    ['none where it wants none', serviceOf('a', { type: 'LoadBalancer' }, { wantsNodePorts: false }), [4]],
    [
      'a health check port for policy Local',
      serviceOf('a', { type: 'LoadBalancer' }, { externalPolicy: 'Local' }),
      [4, 'TCP/80', 'health-check'],
    ],
    [
      'none where one is written',
      serviceOf('a', { type: 'LoadBalancer' }, { externalPolicy: 'Local', healthCheckNodePort: 30_005 }),
      [4, 'TCP/80'],
    ],
    [
      'none for a node port with policy Local',
      serviceOf('a', { type: 'NodePort' }, { externalPolicy: 'Local' }),
      [4, 'TCP/80'],
    ],
  ])('%s', (_, service, expected) => {
    const { held, messages } = allocate([service]);
    expect(countsOf(held.get('ns/a'))).toEqual(expected);
    expect(messages).toEqual([]);
  });

  it('lies in the ranges, is neither the first nor the last address, and nobody has it twice', () => {
    const services = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => serviceOf(name, { type: 'NodePort' }));
    const { held } = allocate(services);
    const addresses = [...held.values()].flatMap(({ clusterIps }) => clusterIps).sort();
    expect(addresses).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    const ports = [...held.values()].flatMap(({ nodePorts }) => Object.values(nodePorts));
    expect(new Set(ports).size).toBe(6);
    // The lower band is left to those who write their ports.
    expect(ports.every((port) => port >= 30_016 && port <= 30_099)).toBe(true);
  });

  it('does not depend on the order in which they come', () => {
    const services = ['a', 'b', 'c', 'd'].map((name) => serviceOf(name, { type: 'NodePort' }));
    expect(allocate([...services].reverse()).held.sorted()).toEqual(allocate(services).held.sorted());
  });

  it.each<readonly [string, Service, AllocationSettings, readonly string[]]>([
    [
      'no range of its family',
      serviceOf('a', {}, { families: { policy: 'SingleStack', families: ['IPv6'] } }),
      { ...SETTINGS, clusterIpRanges: [cidr('10.0.0.0/29')] },
      ['ClusterIpUnavailable: SingleStack IPv6 cannot be had; there is IPv4'],
    ],
    [
      'two families are required, and there is one',
      serviceOf('a', {}, { families: { policy: 'RequireDualStack', families: [] } }),
      { ...SETTINGS, clusterIpRanges: [cidr('10.0.0.0/29')] },
      ['ClusterIpUnavailable: RequireDualStack IPv4 cannot be had; there is IPv4'],
    ],
    [
      'two families are preferred, and there is one',
      serviceOf('a', {}, { families: { policy: 'PreferDualStack', families: [] } }),
      { ...SETTINGS, clusterIpRanges: [cidr('10.0.0.0/29')] },
      [],
    ],
    [
      'the range is too small',
      serviceOf('a'),
      { ...SETTINGS, clusterIpRanges: [cidr('10.0.0.0/31')] },
      ['ClusterIpUnavailable: 10.0.0.0/31 is used up'],
    ],
    [
      'more ports than there are',
      serviceOf('a', { type: 'NodePort', ports: [portOf(), portOf({ port: 81 })] }),
      { ...SETTINGS, nodePorts: { first: 30_000, last: 30_000 } },
      ['NodePortUnavailable: the ports 30000-30000 are used up'],
    ],
  ])('is told where it cannot be had: %s', (_, service, settings, expected) => {
    expect(allocate([service], settings).messages).toEqual(expected);
  });
});

describe('what was given', () => {
  const first = serviceOf('a', { type: 'NodePort' });

  it('is kept over a restart, as long as nobody asks for it by name', () => {
    const before = PersistentMap.empty<Allocation>().set('ns/a', {
      clusterIps: [ip('10.0.0.6')],
      loadBalancerIps: [],
      nodePorts: { 'TCP/80': 30_003 },
    });
    expect(allocate([first, serviceOf('b')], SETTINGS, before).held.get('ns/a')).toEqual(before.get('ns/a'));
    const claimant = serviceOf('b', {}, { clusterIps: [ip('10.0.0.6')] });
    expect(allocate([first, claimant], SETTINGS, before).held.get('ns/a')?.clusterIps).not.toContain('10.0.0.6');
  });

  it('is not kept where it lies outside of the ranges of today', () => {
    const before = PersistentMap.empty<Allocation>().set('ns/a', {
      clusterIps: [ip('10.0.0.6')],
      loadBalancerIps: [],
      nodePorts: { 'TCP/80': 31_000 },
    });
    const moved = allocate([first], { ...SETTINGS, clusterIpRanges: [cidr('10.9.0.0/24')] }, before);
    expect(moved.held.get('ns/a')?.clusterIps[0]).toMatch(/^10\.9\.0\./);
    expect(moved.held.get('ns/a')?.nodePorts['TCP/80']).toBeLessThan(30_100);
  });

  it('moves when a Service comes that asks for it by name, and is free when its own goes', () => {
    const { allocator, held } = allocate([first]);
    const taken = held.get('ns/a')?.clusterIps ?? [];
    const claimant = serviceOf('b', { meta: meta('b', 5) }, { clusterIps: taken });
    const { moved } = allocator.update(new Set(['ns/b']), tableOf([first, claimant]));
    expect([...moved]).toEqual(['ns/a']);
    expect(allocator.allocations.get('ns/a')?.clusterIps).not.toEqual(taken);
    allocator.update(new Set(['ns/a', 'ns/b']), tableOf([]));
    expect(allocator.allocations.size).toBe(0);
    allocator.update(new Set(['ns/a']), tableOf([first]));
    expect(allocator.allocations.get('ns/a')?.clusterIps).toEqual(taken);
  });
});

it('has nothing more to say about a Service that is gone, though it could give it nothing', () => {
  const settings = { ...SETTINGS, clusterIpRanges: [cidr('10.0.0.0/31')] };
  const { allocator } = allocate([serviceOf('a')], settings);
  const key = keyOf(serviceOf('a').meta);
  expect(allocator.update(new Set([key]), tableOf([])).findings.get(`allocate:${key}`)).toEqual([]);
});
