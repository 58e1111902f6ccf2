/** For whom an address pool is kept, from what stands in its manifest. */
import { expect, it } from 'vitest';
import { isFor } from '../src/compile/addresses/pool-table.ts';
import type { AddressPool } from '../src/model/address-pool.ts';
import { admitObject } from '../src/sources/admit/admit.ts';

/** A pool with this besides its range, and what was found wrong with it. */
function pool(spec: object): { readonly value: AddressPool; readonly found: readonly string[] } {
  const admission = admitObject({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: 'p', namespace: 'metallb-system' },
    spec: { addresses: ['192.0.2.0/24'], ...spec },
  });
  if (admission?.change?.table !== 'addressPools' || admission.change.value === undefined) throw new Error('a pool');
  return { value: admission.change.value, found: admission.findings.map(({ reason, field }) => `${reason} ${field}`) };
}

const shop = {
  namespace: 'shop',
  namespaceLabels: { team: 'shop' },
  wish: { labels: {} } as Parameters<typeof isFor>[1]['wish'],
};

it.each([
  [{}, true],
  [{ serviceAllocation: {} }, true],
  [{ serviceAllocation: { namespaces: ['shop'] } }, true],
  [{ serviceAllocation: { namespaces: ['other'] } }, false],
])('is for the Services that it is kept for: %j', (spec, isTheirs) => {
  const { value, found } = pool(spec);
  expect(isFor(value, shop)).toBe(isTheirs);
  expect(found).toEqual([]);
});

it.each([
  [{ serviceAllocatoin: { namespaces: ['shop'] } }, 'spec.serviceAllocatoin'],
  [{ serviceAllocation: { namespace: ['shop'] } }, 'spec.serviceAllocation.namespace'],
  [{ serviceAllocation: { namespaces: ['shop'], serviceSelector: [] } }, 'spec.serviceAllocation.serviceSelector'],
])('is for nobody where for whom it is kept is misspelt, and says so: %j', (spec, field) => {
  const { value, found } = pool(spec);
  expect(isFor(value, shop)).toBe(false);
  expect(found).toEqual([`FieldUnknown ${field}`, 'AddressInvalid spec.serviceAllocation']);
});

it('is for everybody beside an unknown field that is no such', () => {
  const { value, found } = pool({ colour: 'blue' });
  expect(isFor(value, shop)).toBe(true);
  expect(found).toEqual(['FieldUnknown spec.colour']);
});
