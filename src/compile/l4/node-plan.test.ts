import { describe, expect, it } from 'vitest';
import { nodeOf } from '../../../test/l4/objects.ts';
import { BASE_L4, cidr, ip } from '../../../test/l4/snapshot-steps.ts';
import type { Node } from '../../model/node.ts';
import type { L4Settings, LocalDetection } from './l4-settings.ts';
import { nodePlanOf, tellsLocalPods, whatNodeLacks } from './node-plan.ts';

function planOf(node: Node | undefined, addresses: readonly string[], given: Partial<L4Settings> = {}) {
  return nodePlanOf(node, { addresses: addresses.map(ip) }, { ...BASE_L4, ...given });
}

const NODE = nodeOf({
  internalIps: [ip('192.0.2.10'), ip('192.0.2.11'), ip('2001:db8::10')],
  podCidrs: [cidr('10.244.1.0/24')],
});

describe('where node ports answer', () => {
  it.each<readonly [string, Node | undefined, readonly string[], L4Settings['nodePortAddresses'], readonly string[]]>([
    [
      'primary: the first of each family that the Node says',
      NODE,
      ['198.51.100.1'],
      'primary',
      ['192.0.2.10', '2001:db8::10'],
    ],
    [
      'primary: the first of the interfaces, where there is no Node',
      undefined,
      ['198.51.100.1', '198.51.100.2', 'fd00::1'],
      'primary',
      ['198.51.100.1', 'fd00::1'],
    ],
    [
      'primary: of the interfaces, where the Node has none of a family',
      nodeOf({ internalIps: [ip('192.0.2.10')] }),
      ['198.51.100.1', 'fd00::1'],
      'primary',
      ['192.0.2.10', 'fd00::1'],
    ],
    ['primary: nothing is known', undefined, [], 'primary', []],
    [
      'ranges: those of the interfaces that lie in one',
      NODE,
      ['198.51.100.1', '203.0.113.1', '192.0.2.10'],
      [cidr('198.51.100.0/24'), cidr('192.0.2.10/32')],
      ['192.0.2.10', '198.51.100.1'],
    ],
    [
      'ranges: all of a family without a range',
      NODE,
      ['198.51.100.1', '203.0.113.1', 'fd00::1', 'fd00::2'],
      [cidr('198.51.100.0/24')],
      ['198.51.100.1', 'fd00::1', 'fd00::2'],
    ],
    [
      'ranges: none of a family whose ranges have none',
      NODE,
      ['198.51.100.1', 'fd00::1'],
      [cidr('fd01::/64')],
      ['198.51.100.1'],
    ],
  ])('%s', (_, node, addresses, nodePortAddresses, expected) => {
    expect(planOf(node, addresses, { nodePortAddresses }).nodePortAddresses).toEqual(expected);
  });
});

describe('where health check node ports answer', () => {
  const ADDRESSES = ['192.0.2.10', '198.51.100.1', '2001:db8::10', '2001:db8::11'];
  it.each<readonly [string, readonly string[], L4Settings['nodePortAddresses'], readonly string[]]>([
    ['primary: there', ADDRESSES, 'primary', ['192.0.2.10', '2001:db8::10']],
    ['ranges of everything: on the wildcards', ADDRESSES, [cidr('::/0'), cidr('0.0.0.0/0')], ['0.0.0.0', '::']],
    [
      'ranges of which one is of everything: on the wildcard',
      ADDRESSES,
      [cidr('2001:db8::11/128'), cidr('192.0.2.0/24'), cidr('0.0.0.0/0')],
      ['0.0.0.0', '2001:db8::11'],
    ],
    ['a family without a range: on its wildcard', ADDRESSES, [cidr('192.0.2.0/24')], ['192.0.2.10', '::']],
    ['a family without an address: nowhere', ['192.0.2.10'], [cidr('::/0'), cidr('0.0.0.0/0')], ['0.0.0.0']],
    ['ranges without an address: nowhere', ['192.0.2.10'], [cidr('203.0.113.0/24')], []],
  ])('%s', (_, addresses, nodePortAddresses, expected) => {
    expect(planOf(undefined, addresses, { nodePortAddresses }).healthCheckAddresses).toEqual(expected);
  });
});

describe('how pods of the node are told', () => {
  it.each<readonly [string, L4Settings['localDetection'], Node | undefined, unknown]>([
    [
      'ClusterCIDR',
      { mode: 'ClusterCIDR', cidrs: [cidr('10.244.1.0/24'), cidr('10.244.0.0/16')] },
      NODE,
      { kind: 'cidrs', cidrs: [cidr('10.244.0.0/16')] },
    ],
    ['ClusterCIDR without a range', { mode: 'ClusterCIDR', cidrs: [] }, NODE, { kind: 'unknown' }],
    ['NodeCIDR', { mode: 'NodeCIDR' }, NODE, { kind: 'cidrs', cidrs: [cidr('10.244.1.0/24')] }],
    ['NodeCIDR without a Node', { mode: 'NodeCIDR' }, undefined, { kind: 'unknown' }],
    ['NodeCIDR of a Node that has none yet', { mode: 'NodeCIDR' }, nodeOf(), { kind: 'unknown' }],
    ['BridgeInterface', { mode: 'BridgeInterface', interface: 'cni0' }, NODE, { kind: 'bridge', interface: 'cni0' }],
    [
      'InterfaceNamePrefix',
      { mode: 'InterfaceNamePrefix', prefix: 'veth' },
      NODE,
      { kind: 'interface-prefix', prefix: 'veth' },
    ],
  ])('%s', (_, localDetection, node, localPods) => {
    expect(planOf(node, [], { localDetection }).localPods).toEqual(localPods);
  });

  it.each<readonly [string, L4Settings['localDetection'], Node | undefined, unknown]>([
    [
      'by the podCIDRs of the Node, and by the range of the cluster in a family that has none',
      { mode: 'ClusterCIDR', cidrs: [cidr('10.244.0.0/16'), cidr('fd01::/48')] },
      NODE,
      { kind: 'cidrs', cidrs: [cidr('10.244.1.0/24'), cidr('fd01::/48')] },
    ],
    [
      'by the podCIDRs of the Node, whatever the range of the cluster',
      { mode: 'ClusterCIDR', cidrs: [] },
      NODE,
      { kind: 'cidrs', cidrs: [cidr('10.244.1.0/24')] },
    ],
    [
      'by the range of the cluster where there is no Node',
      { mode: 'ClusterCIDR', cidrs: [cidr('10.244.0.0/16')] },
      undefined,
      { kind: 'cidrs', cidrs: [cidr('10.244.0.0/16')] },
    ],
    [
      'by their interfaces, which know better',
      { mode: 'InterfaceNamePrefix', prefix: 'veth' },
      NODE,
      { kind: 'interface-prefix', prefix: 'veth' },
    ],
  ])('apart from those of other nodes: %s', (_, localDetection, node, ownPods) => {
    expect(planOf(node, [], { localDetection }).ownPods).toEqual(ownPods);
  });

  it.each([
    ['of no family when nothing is known', { kind: 'unknown' }, false, false],
    ['of the family that has a range', { kind: 'cidrs', cidrs: [cidr('10.244.0.0/16')] }, true, false],
    ['of both by an interface', { kind: 'bridge', interface: 'cni0' }, true, true],
  ] as const)('%s', (_, localPods, v4, v6) => {
    expect([tellsLocalPods(localPods, 4), tellsLocalPods(localPods, 6)]).toEqual([v4, v6]);
  });
});

it.each([
  ['without a Node', undefined, true],
  ['that stays', nodeOf(), true],
  ['that leaves', nodeOf({ isLeaving: true }), false],
] as const)('takes new connections of balancers: a node %s', (_, node, isEligible) => {
  expect(planOf(node, []).isEligible).toBe(isEligible);
});

it.each<readonly [string, LocalDetection, Node | undefined, boolean, string | undefined]>([
  ['NodeCIDR without a Node, in a folder', { mode: 'NodeCIDR' }, undefined, false, '--node-name'],
  ['NodeCIDR without a Node, in a cluster', { mode: 'NodeCIDR' }, undefined, true, '--node-name'],
  ['NodeCIDR of a Node without podCIDRs', { mode: 'NodeCIDR' }, nodeOf(), false, '--allocate-node-cidrs'],
  ['NodeCIDR', { mode: 'NodeCIDR' }, NODE, true, undefined],
  ['another mode without a Node, in a cluster', { mode: 'ClusterCIDR', cidrs: [] }, undefined, true, '--node-name'],
  ['another mode without a Node, in a folder', { mode: 'ClusterCIDR', cidrs: [] }, undefined, false, undefined],
  ['another mode of a Node without podCIDRs', { mode: 'ClusterCIDR', cidrs: [] }, nodeOf(), true, undefined],
])('what is missed of the Node, and what helps: %s', (_, localDetection, node, hasApiServer, remedy) => {
  const lack = whatNodeLacks(planOf(node, [], { localDetection }), hasApiServer);
  if (remedy === undefined) expect(lack).toBeUndefined();
  else expect(lack?.remedy).toContain(remedy);
});
