/** Objects as the fake keeps them: plain JSON. They are never changed in place, only replaced. */
import type { Resource } from '../../../src/kube/resource.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface StoredObject extends Json {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Json & {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

/** What the fake knows about a kind that it serves. */
export interface ServedResource extends Resource {
  /** Whether `/status` is a subresource: then a write to the object leaves the status alone, and the other way round. */
  readonly hasStatus: boolean;
  /** Items of a LIST of a custom resource carry apiVersion and kind; those of built-in kinds do not. */
  readonly isCustom: boolean;
}

export function asJson(value: unknown): Json {
  // Narrowing to an index signature of unknown: nothing is believed about the fields.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function resourceKey(resource: Pick<Resource, 'group' | 'plural'>): string {
  return `${resource.plural}.${resource.group}`;
}

function builtIn(
  group: string,
  version: string,
  kind: string,
  plural: string,
  more: Partial<ServedResource> = {},
): ServedResource {
  return { group, version, kind, plural, isNamespaced: true, hasStatus: false, isCustom: false, ...more };
}

/** The built-in kinds of which the fake serves a part. */
export const builtInResources: readonly ServedResource[] = [
  builtIn('', 'v1', 'Namespace', 'namespaces', { isNamespaced: false, hasStatus: true }),
  builtIn('', 'v1', 'Node', 'nodes', { isNamespaced: false, hasStatus: true }),
  builtIn('', 'v1', 'Service', 'services', { hasStatus: true }),
  builtIn('', 'v1', 'Endpoints', 'endpoints'),
  builtIn('', 'v1', 'Secret', 'secrets'),
  builtIn('', 'v1', 'ConfigMap', 'configmaps'),
  builtIn('', 'v1', 'Event', 'events'),
  builtIn('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  builtIn('networking.k8s.io', 'v1', 'Ingress', 'ingresses', { hasStatus: true }),
  builtIn('networking.k8s.io', 'v1', 'ServiceCIDR', 'servicecidrs', { isNamespaced: false, hasStatus: true }),
  builtIn('networking.k8s.io', 'v1', 'IngressClass', 'ingressclasses', { isNamespaced: false }),
  builtIn('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  builtIn('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', 'customresourcedefinitions', {
    isNamespaced: false,
    hasStatus: true,
  }),
];
