import { describe, expect, it } from 'vitest';
import { addressText } from '../../model/published-address.ts';
import { observeBalancing } from './observe.ts';

function owner(manager: string, fieldsV1: object, subresource = 'status'): object {
  return { manager, operation: 'Apply', subresource, fieldsV1 };
}

const ADDRESSES = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };

describe('observeBalancing', () => {
  it('keeps uid, addresses, and who owns these', () => {
    const observed = observeBalancing({
      metadata: {
        uid: 'u-1',
        managedFields: [owner('sluice', ADDRESSES), owner('kubectl', { 'f:spec': {} }), owner('nginx', ADDRESSES)],
      },
      status: {
        loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'lb.example.com' }, { ip: '2001:DB8::1' }] },
      },
    });
    expect({ ...observed, addresses: observed.addresses.map(addressText) }).toEqual({
      uid: 'u-1',
      addresses: ['192.0.2.1', 'lb.example.com', '2001:db8::1'],
      managers: ['nginx', 'sluice'],
      annotations: {},
    });
  });

  it('has one list for all objects with the same managers, and with the same addresses', () => {
    const raw = (): Parameters<typeof observeBalancing>[0] => ({
      metadata: { managedFields: [owner('sluice', ADDRESSES)] },
    });
    expect(observeBalancing(raw()).managers).toBe(observeBalancing(raw()).managers);
    const shown = (): Parameters<typeof observeBalancing>[0] => ({
      status: { loadBalancer: { ingress: [{ ip: '::1' }] } },
    });
    expect(observeBalancing(shown()).addresses).toBe(observeBalancing(shown()).addresses);
  });

  it.each<readonly [string, Parameters<typeof observeBalancing>[0]]>([
    ['nothing', {}],
    ['no status', { metadata: {}, status: null }],
    [
      'other shapes',
      { metadata: { managedFields: 'x', uid: 1 }, status: { loadBalancer: { ingress: [1, null, {}] } } },
    ],
    [
      'owners of other shapes',
      { metadata: { managedFields: [null, { manager: 1, fieldsV1: ADDRESSES }, { fieldsV1: 3 }] } },
    ],
  ])('never throws: %s', (_what, raw) => {
    expect(observeBalancing(raw)).toEqual({ uid: '', addresses: [], managers: [], annotations: {} });
  });
});
