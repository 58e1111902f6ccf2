import { GATEWAY_GROUP, type BackendReference } from '../../model/gateway/reference.ts';
import type { BackendRef } from '../../model/http/backend-ref.ts';
import { keyOf } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { no, type Verdict } from './condition.ts';
import { mayRefer } from './reference-grants.ts';

/** What a reference to a backend leads to, or why to nothing, as the condition ResolvedRefs has it. */
export type ResolvedBackend =
  | { readonly kind: 'service'; readonly backend: BackendRef }
  | { readonly kind: 'unresolved'; readonly verdict: Verdict };

/** `namespace/name` of the Service that a reference names; undefined where it names something else. */
export function serviceKeyOf(reference: BackendReference, namespace: string): string | undefined {
  if (reference.group !== '' || reference.kind !== 'Service') return undefined;
  return keyOf({ namespace: reference.namespace ?? namespace, name: reference.name });
}

/** Resolves a BackendRef of a route of this kind in this namespace. */
export function resolveBackendReference(
  reference: BackendReference,
  from: { readonly kind: string; readonly namespace: string },
  { services, referenceGrants }: Pick<Snapshot, 'services' | 'referenceGrants'>,
): ResolvedBackend {
  const unresolved = (reason: string, message: string): ResolvedBackend => ({
    kind: 'unresolved',
    verdict: no(reason, `${reference.field}: ${message}`),
  });
  const key = serviceKeyOf(reference, from.namespace);
  if (key === undefined) return unresolved('InvalidKind', `a backend is a Service, not a ${reference.kind}`);
  const { name, port } = reference;
  const namespace = reference.namespace ?? from.namespace;
  const referent = { group: '', kind: 'Service', namespace, name };
  if (!mayRefer({ group: GATEWAY_GROUP, ...from }, referent, referenceGrants)) {
    const message = `no ReferenceGrant in namespace ${namespace} lets an ${from.kind} of namespace ${from.namespace} refer to Service ${name}`;
    return unresolved('RefNotPermitted', message);
  }
  const service = services.get(key);
  if (service === undefined) {
    const message = name === '' ? 'it names no Service' : `Service ${key} does not exist`;
    return unresolved('BackendNotFound', message);
  }
  const ports = service.ports.filter((item) => item.port === port);
  // An ExternalName Service needs no ports: the number in the route is the one to connect to.
  const isFree = service.type === 'ExternalName' && service.ports.length === 0;
  if (port === undefined || (ports.length === 0 && !isFree))
    return unresolved('BackendNotFound', `Service ${key} has no port ${String(port)}`);
  if (!isFree && !ports.some(({ protocol }) => protocol === 'TCP'))
    return unresolved('UnsupportedProtocol', `port ${String(port)} of Service ${key} is not TCP`);
  return { kind: 'service', backend: { namespace, service: name, port } };
}
