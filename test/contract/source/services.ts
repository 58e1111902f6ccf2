import type { Store } from '../../../src/sources/store.ts';

/** A Service whose version is its port. */
export function serviceObject(
  namespace: string,
  name: string,
  version: number,
): { readonly apiVersion: string; readonly kind: string; readonly metadata: object; readonly spec: object } {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { ports: [{ port: version }] },
  };
}

/** The Services of a namespace in the Store, by name. */
export function heldServices(store: Store, namespace: string): ReadonlyMap<string, unknown> {
  return new Map(
    [...store.snapshot.services.values()]
      .filter(({ meta }) => meta.namespace === namespace)
      .map((service) => [service.meta.name, service]),
  );
}

/** The version of what {@link heldServices} gave. */
export function versionOfService(held: unknown): number {
  const { ports } = Object(held) as { readonly ports: readonly { readonly port: number }[] };
  return ports[0]?.port ?? 0;
}
