import { expect, it } from 'vitest';
import { groupVersionOf, isKind, resourceOf } from './kinds.ts';

it.each([
  ['v1', { group: '', version: 'v1' }],
  ['networking.k8s.io/v1beta1', { group: 'networking.k8s.io', version: 'v1beta1' }],
])('splits %s', (apiVersion, parts) => {
  expect(groupVersionOf(apiVersion)).toEqual(parts);
});

it('asks for a kind in the version that it prefers', () => {
  const ingresses = { group: 'networking.k8s.io', version: 'v1', plural: 'ingresses', isNamespaced: true };
  expect(resourceOf('Ingress')).toEqual({ kind: 'Ingress', ...ingresses });
  expect(resourceOf('Node')).toMatchObject({ group: '', version: 'v1', plural: 'nodes', isNamespaced: false });
});

it.each(['constructor', 'toString', '', undefined, 5])('takes %s for no kind', (text) => {
  expect(isKind(text)).toBe(false);
});
