import { expect, it } from 'vitest';
import { NODE_PLAN } from '../../../test/l4/objects.ts';
import { cidr, ip } from '../../../test/l4/snapshot-steps.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { NodePlan } from './l4-plan.ts';
import { SettledNode, type NodeEvidence } from './settled-node.ts';

const NOTHING: NodeEvidence = { ownEndpoints: PersistentMap.empty(), isClusterIp: () => false };

const RANGES: NodePlan = {
  ...NODE_PLAN,
  addresses: [ip('192.0.2.10'), ip('10.96.0.10')],
  clusterIpRanges: [cidr('10.96.0.0/16'), cidr('192.0.2.0/24'), cidr('fd00::/112')],
};

it.each<readonly [string, readonly string[], readonly string[], readonly string[]]>([
  ['that hold an address of the node', [], ['fd00::/112'], ['10.96.0.0/16', '192.0.2.0/24']],
  ['unless it is a ClusterIP that the node binds', ['10.96.0.10'], ['10.96.0.0/16', 'fd00::/112'], ['192.0.2.0/24']],
])('ranges of ClusterIPs are not believed %s', (_, clusterIps, believed, misplaced) => {
  const isClusterIp = (address: string): boolean => clusterIps.includes(address);
  const node = new SettledNode().settle(RANGES, { ...NOTHING, isClusterIp });
  expect(node.clusterIpRanges.map(({ text }) => text)).toEqual(believed);
  expect(node.misplacedRanges.map(({ text }) => text)).toEqual(misplaced);
});

const PODS: NodePlan = {
  ...NODE_PLAN,
  localPods: { kind: 'cidrs', cidrs: [cidr('10.244.0.0/16')] },
  ownPods: { kind: 'cidrs', cidrs: [cidr('10.244.1.0/24')] },
};

it.each<readonly [string, NodePlan, readonly string[], NodePlan['ownPods']]>([
  ['by podCIDRs', PODS, ['10.244.1.7'], PODS.ownPods],
  ['not where an endpoint here is outside of them', PODS, ['10.244.1.7', '10.244.9.7'], PODS.localPods],
  ['by podCIDRs, where an endpoint is on the network of the node', PODS, ['192.0.2.10'], PODS.ownPods],
  ['by podCIDRs, where an endpoint is none of a pod', PODS, ['172.17.0.2'], PODS.ownPods],
  [
    'not at all where nothing tells them',
    { ...PODS, localPods: { kind: 'unknown' } },
    ['10.244.9.7'],
    { kind: 'unknown' },
  ],
])('pods of this node are recognized %s', (_, node, endpoints, expected) => {
  const ownEndpoints = PersistentMap.from(endpoints.map((address) => [address, true as const] as const));
  expect(new SettledNode().settle(node, { ...NOTHING, ownEndpoints }).ownPods).toEqual(expected);
});

it('a node is the same object as long as nothing differs', () => {
  const settled = new SettledNode();
  expect(settled.settle({ ...PODS }, NOTHING)).toBe(settled.settle({ ...PODS }, NOTHING));
});
