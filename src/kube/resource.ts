/** One kind of object as the API server serves it: what a URL and an error message need to know. */
export interface Resource {
  /** API group; empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The name in URLs and in RBAC rules: `ingresses`. */
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
}

/** Names one object of a {@link Resource}; cluster-scoped objects have no namespace. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Which objects of one resource: all of them, unless narrowed. */
export interface Selection {
  readonly resource: Resource;
  /** Only this namespace; without it, all namespaces. */
  readonly namespace?: string | undefined;
  /** For example `metadata.name=tls`. */
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

/** The `apiVersion` that objects of `resource` carry: `v1`, `networking.k8s.io/v1`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** The name that RBAC and people use: `services`, `ingresses.networking.k8s.io`. */
export function qualifiedName(resource: Resource): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** URL path of all objects of `resource`, in one namespace or in all. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === '' ? '/api' : `/apis/${encodeURIComponent(resource.group)}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}/${encodeURIComponent(resource.version)}${scope}/${encodeURIComponent(resource.plural)}`;
}

/** URL path of one object, or of one of its subresources (`status`). */
export function objectPath(resource: Resource, object: ObjectName, subresource?: string): string {
  const path = `${collectionPath(resource, object.namespace)}/${encodeURIComponent(object.name)}`;
  return subresource === undefined ? path : `${path}/${encodeURIComponent(subresource)}`;
}
