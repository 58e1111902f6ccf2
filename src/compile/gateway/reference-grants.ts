import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { ReferenceGrant } from '../../model/gateway/reference-grant.ts';

/** Who refers: the kind of the object, and where it is. */
export interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** What is referred to. */
export interface Referent extends Referrer {
  readonly name: string;
}

type Grants = PersistentMap<ReferenceGrant>;

/** The grants of a table by namespace. There is one table for thousands of references. */
const byNamespace = new WeakMap<Grants, ReadonlyMap<string, readonly ReferenceGrant[]>>();

/** Whether an object may refer to another one: within a namespace always, across by a ReferenceGrant beside what is referred to. */
export function mayRefer(from: Referrer, to: Referent, grants: Grants): boolean {
  if (from.namespace === to.namespace) return true;
  return grantsIn(to.namespace, grants).some(
    (grant) =>
      grant.from.some(
        ({ group, kind, namespace }) => group === from.group && kind === from.kind && namespace === from.namespace,
      ) &&
      grant.to.some(
        ({ group, kind, name }) => group === to.group && kind === to.kind && (name === undefined || name === to.name),
      ),
  );
}

function grantsIn(namespace: string, grants: Grants): readonly ReferenceGrant[] {
  let known = byNamespace.get(grants);
  if (known === undefined) {
    known = Map.groupBy(grants.values(), ({ meta }) => meta.namespace);
    byNamespace.set(grants, known);
  }
  return known.get(namespace) ?? [];
}
