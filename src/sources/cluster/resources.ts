import type { Resource } from '../../kube/resource.ts';

/** What is followed as a whole. Secrets are not among them: they are read by name, where an Ingress refers to them. */
export const FOLLOWED: readonly Resource[] = [
  { group: 'networking.k8s.io', version: 'v1', plural: 'ingresses', kind: 'Ingress', isNamespaced: true },
  { group: 'networking.k8s.io', version: 'v1', plural: 'ingressclasses', kind: 'IngressClass', isNamespaced: false },
  { group: '', version: 'v1', plural: 'services', kind: 'Service', isNamespaced: true },
  { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', kind: 'EndpointSlice', isNamespaced: true },
];

export const SECRETS: Resource = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', isNamespaced: true };
