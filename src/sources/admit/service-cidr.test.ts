import { expect, it } from 'vitest';
import { admitObject } from './admit.ts';

it('reads the ranges of a ServiceCIDR, and says which is none', () => {
  const admission = admitObject({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: ['10.96.0.0/12', 'fd00:10:96::/112', '10.96/12'] },
  });
  expect(admission?.change).toMatchObject({
    table: 'serviceCidrs',
    value: { meta: { name: 'kubernetes' }, cidrs: [{ text: '10.96.0.0/12' }, { text: 'fd00:10:96::/112' }] },
  });
  expect(admission?.findings.map(({ field }) => field)).toEqual(['spec.cidrs[2]']);
});
