import type { Resource, Selection } from '../../kube/resource.ts';

const INGRESSES: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingresses',
  kind: 'Ingress',
  isNamespaced: true,
};
const INGRESS_CLASSES: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingressclasses',
  kind: 'IngressClass',
  isNamespaced: false,
};
const SERVICES: Resource = { group: '', version: 'v1', plural: 'services', kind: 'Service', isNamespaced: true };
const ENDPOINT_SLICES: Resource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  isNamespaced: true,
};
const NODES: Resource = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', isNamespaced: false };

/** What a process needs to know of the cluster. */
export interface Interest {
  /** Ingresses, their classes and, by name, their Secrets. */
  readonly hasRouting: boolean;
  /** The Node that this machine is, where it programs its kernel. */
  readonly nodeName: string | undefined;
}

/** What is followed as a whole. Secrets are not among them: they are read by name, where an Ingress refers to them. */
export function followedFor({ hasRouting, nodeName }: Interest): readonly Selection[] {
  const routing = hasRouting ? [{ resource: INGRESSES }, { resource: INGRESS_CLASSES }] : [];
  const node = nodeName === undefined ? [] : [{ resource: NODES, fieldSelector: `metadata.name=${nodeName}` }];
  return [...routing, { resource: SERVICES }, { resource: ENDPOINT_SLICES }, ...node];
}

export const SECRETS: Resource = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', isNamespaced: true };
