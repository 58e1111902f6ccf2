import { describe, expect, it } from 'vitest';
import { admitObject } from './admit.ts';

function admit(raw: Readonly<Record<string, unknown>>) {
  const { metadata = {}, ...rest } = raw;
  // The tables give `metadata` as an object.
  const object = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-a', ...(metadata as object) }, ...rest };
  const admission = admitObject(object);
  if (admission?.change?.table !== 'nodes') throw new Error('it is no Node');
  return {
    node: admission.change.value,
    findings: admission.findings.map(({ reason, field }) => `${reason} ${field}`),
  };
}

describe('a Node', () => {
  it('has its addresses in their order, by type', () => {
    const addresses = [
      { type: 'Hostname', address: 'node-a' },
      { type: 'InternalIP', address: '192.0.2.10' },
      { type: 'ExternalIP', address: '198.51.100.10' },
      { type: 'InternalIP', address: '2001:DB8::10' },
    ];
    expect(admit({ status: { addresses } }).node).toMatchObject({
      internalIps: ['192.0.2.10', '2001:db8::10'],
      externalIps: ['198.51.100.10'],
    });
  });

  it.each([
    [
      'podCIDRs',
      { podCIDRs: ['10.244.1.0/24', 'fd00:244:1::/64'], podCIDR: '10.0.0.0/24' },
      ['10.244.1.0/24', 'fd00:244:1::/64'],
    ],
    ['podCIDR alone, of older objects', { podCIDR: '10.244.1.0/24' }, ['10.244.1.0/24']],
    ['none yet', {}, []],
  ])('has ranges for pods: %s', (_, spec, ranges) => {
    const { node, findings } = admit({ spec });
    expect(node?.podCidrs.map(({ text }) => text)).toEqual(ranges);
    expect(findings).toEqual([]);
  });

  it('is served without a range that cannot be read', () => {
    const { node, findings } = admit({ spec: { podCIDRs: ['10.244.1.0', '10.244.2.0/24'] } });
    expect(node?.podCidrs.map(({ text }) => text)).toEqual(['10.244.2.0/24']);
    expect(findings).toEqual(['AddressInvalid spec.podCIDRs[0]']);
  });

  it.each<readonly [string, Readonly<Record<string, unknown>>, boolean]>([
    ['as any other', {}, false],
    ['with a taint of its own', { spec: { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] } }, false],
    [
      'that the autoscaler takes away',
      { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } },
      true,
    ],
    ['that is being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }, true],
  ])('leaves or not: %s', (_, raw, isLeaving) => {
    expect(admit(raw).node?.isLeaving).toBe(isLeaving);
  });

  it('stands in the zone of its label', () => {
    const metadata = { labels: { 'topology.kubernetes.io/zone': 'zone-a' } };
    expect(admit({ metadata }).node?.zone).toBe('zone-a');
    expect(admit({}).node?.zone).toBeUndefined();
  });
});
