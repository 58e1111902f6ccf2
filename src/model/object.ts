import type { Kind } from './kinds.ts';

/** What a Finding can be about: an object of a kind that Sluice reads, or `Manifest`, a file that could not be read as objects. */
export type ObjectKind = Kind | 'Manifest';

/** Names one object. `namespace` is empty for objects that live in the cluster scope. */
export interface ObjectRef {
  readonly kind: ObjectKind;
  readonly namespace: string;
  readonly name: string;
}

/** What every admitted object carries, reduced to what compile and status read. */
export interface ObjectMeta {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Milliseconds since 1970; 0 where the object has no creationTimestamp, as in most manifests. */
  readonly createdMs: number;
}

/** The key of an object within its kind's table: `namespace/name`, or `name` in the cluster scope. */
export function keyOf(object: { readonly namespace: string; readonly name: string }): string {
  // Joined, not concatenated: V8 keeps a concatenation as a tree of its parts, and keys live as long as their objects.
  return object.namespace === '' ? object.name : [object.namespace, object.name].join('/');
}

/** The object that a key names; the inverse of {@link keyOf}. */
export function nameParts(key: string): { readonly namespace: string | undefined; readonly name: string } {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The namespaced object that a key of {@link keyOf} is for. */
export function objectAt<K extends ObjectKind>(kind: K, key: string): ObjectRef & { readonly kind: K } {
  const { namespace = '', name } = nameParts(key);
  return { kind, namespace, name };
}

/** What names an object among those of all kinds: `kind/namespace/name`. */
export function idOf(ref: ObjectRef): string {
  return [ref.kind, keyOf(ref)].join('/');
}

/** How an object is named to people, as kubectl does: `Ingress shop/web`. */
export function nameOf(ref: ObjectRef): string {
  return `${ref.kind} ${keyOf(ref)}`;
}

/**
 * Oldest first, then by name: the order in which objects that want the same thing are served, as the
 * Ingress and Gateway API controllers do.
 */
export function byAge(a: ObjectMeta, b: ObjectMeta): number {
  if (a.createdMs !== b.createdMs) return a.createdMs - b.createdMs;
  const left = keyOf(a);
  const right = keyOf(b);
  return left === right ? 0 : left < right ? -1 : 1;
}
