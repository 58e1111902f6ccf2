import { beforeEach, describe, expect, it } from 'vitest';
import { resourceOf } from '../../model/kinds.ts';
import type { RawObject } from '../../kube/raw-object.ts';
import type { Admission } from '../admit/admit.ts';
import { Store } from '../store.ts';
import { Mirror } from './mirror.ts';

interface Given {
  readonly uid?: string;
  readonly host?: string;
  readonly address?: string;
}

function ingress({ uid = 'u-1', host = 'a.test', address }: Given): Admission {
  const raw: RawObject = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      namespace: 'shop',
      name: 'web',
      uid,
      managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }],
    },
    spec: { ingressClassName: 'sluice', rules: [{ host }] },
    status: { loadBalancer: address === undefined ? {} : { ingress: [{ ip: address }] } },
  };
  const admission = Mirror.project(raw);
  if (admission === undefined) throw new Error('an Ingress is admitted');
  return admission;
}

describe('Mirror', () => {
  let store: Store;
  let mirror: Mirror;
  let told: string[];

  beforeEach(() => {
    store = new Store();
    mirror = new Mirror(store, { resource: resourceOf('Ingress') }, () => {});
    mirror.replace([ingress({})]);
    told = [];
    store.subscribe(() => told.push('snapshot'));
    store.subscribeObserved(() => told.push('observed'));
  });

  it('keeps what is wanted and what is observed apart', () => {
    expect(store.snapshot.ingresses.get('shop/web')?.rules).toHaveLength(1);
    expect(store.observed.ingresses.get('shop/web')).toEqual({
      uid: 'u-1',
      addresses: [],
      managers: [],
      annotations: {},
    });
  });

  it('leaves the Snapshot as it is when only the status changes', () => {
    const before = store.snapshot;
    mirror.upsert(ingress({ address: '192.0.2.1' }));
    expect(store.snapshot).toBe(before);
    expect(store.observed.ingresses.get('shop/web')?.addresses).toEqual([{ ip: '192.0.2.1' }]);
    mirror.replace([ingress({ address: '192.0.2.1' })]);
    expect(told).toEqual(['observed']);
    mirror.upsert(ingress({}));
    expect(told).toEqual(['observed', 'observed']);
  });

  it('leaves what is observed as it is when only what is wanted changes', () => {
    const before = store.observed;
    mirror.upsert(ingress({ host: 'b.test' }));
    expect(store.observed).toBe(before);
    expect(told).toEqual(['snapshot']);
  });

  it('sees another life of an object of the same name, and its end', () => {
    mirror.upsert(ingress({ uid: 'u-2' }));
    expect(store.observed.ingresses.get('shop/web')?.uid).toBe('u-2');
    mirror.remove('shop', 'web');
    expect(store.observed.ingresses.size).toBe(0);
    expect(store.snapshot.ingresses.size).toBe(0);
    mirror.upsert(ingress({}));
    mirror.replace([]);
    expect(store.observed.ingresses.size).toBe(0);
    mirror.upsert(ingress({}));
    mirror.clear();
    expect(store.observed.ingresses.size).toBe(0);
  });
});
