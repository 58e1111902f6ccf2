import { describe, expect, it } from 'vitest';
import { collectionPath } from '../../kube/resource.ts';
import { followedFor, wantedKinds, type Interest } from './interest.ts';

const INTERESTS: readonly Interest[] = [
  { kind: 'Ingress', objects: 'all' },
  { kind: 'IngressClass', objects: 'all' },
  { kind: 'Secret', objects: 'wanted' },
  { kind: 'Ingress', objects: 'all' },
  { kind: 'Node', objects: { named: 'node-a' } },
];

/** Each selection as the URL that it is asked for by, and what a refusal of it means. */
function shown(namespaces?: readonly string[]): readonly string[] {
  return followedFor(INTERESTS, namespaces).map(({ presence, selection: { resource, namespace, fieldSelector } }) =>
    [collectionPath(resource, namespace), fieldSelector ?? '-', presence].join(' '),
  );
}

describe('followedFor', () => {
  it('is what all are interested in, once, and nothing that is read by name', () => {
    expect(shown()).toEqual([
      '/apis/networking.k8s.io/v1/ingresses - required',
      '/apis/networking.k8s.io/v1/ingressclasses - optional',
      '/api/v1/nodes metadata.name=node-a required',
    ]);
    expect(wantedKinds(INTERESTS)).toEqual(new Set(['Secret']));
  });

  it('is each namespace by itself where only some are watched, and does without what no Role grants', () => {
    expect(shown(['blog', 'shop'])).toEqual([
      '/apis/networking.k8s.io/v1/namespaces/blog/ingresses - required',
      '/apis/networking.k8s.io/v1/namespaces/shop/ingresses - required',
      '/apis/networking.k8s.io/v1/ingressclasses - optional',
      '/api/v1/nodes metadata.name=node-a optional',
    ]);
  });
});
