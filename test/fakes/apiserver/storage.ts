import { resourceKey, type Json, type ServedResource, type StoredObject } from './stored-object.ts';

/** One write, as etcd remembers it. */
export interface Change {
  readonly revision: number;
  readonly resource: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For DELETED: the last state, at the revision of the deletion. */
  readonly object: StoredObject;
  readonly previous: StoredObject | undefined;
}

/** An object before it has a uid and a resourceVersion. */
interface Fields extends Json {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Json & { readonly name: string; readonly namespace?: string };
}

/**
 * The part of etcd that clients can tell apart: one revision counter for all kinds, a history that
 * can be read at any revision since the last compaction, and a stream of changes.
 */
export class Storage {
  #revision = 1000;
  #compactedRevision = 0;
  #uids = 0;
  readonly #changes: Change[] = [];
  readonly #latest = new Map<string, StoredObject>();
  readonly #listeners = new Set<(change: Change) => void>();

  get revision(): number {
    return this.#revision;
  }

  /** Revisions below this one can no longer be read or watched from. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** Forgets the history before the present revision. */
  compact(): void {
    this.#compactedRevision = this.#revision;
  }

  get(resource: ServedResource, namespace: string | undefined, name: string): StoredObject | undefined {
    return this.#latest.get(keyOf(resource, namespace, name));
  }

  /** All objects of a resource as of `revision`, in etcd's order: by namespace and name. */
  at(resource: ServedResource, revision: number): readonly StoredObject[] {
    const objects = new Map<string, StoredObject>();
    const wanted = resourceKey(resource);
    for (const change of this.#changes) {
      if (change.revision > revision) break;
      if (change.resource !== wanted) continue;
      const key = keyOf(resource, change.object.metadata.namespace, change.object.metadata.name);
      if (change.type === 'DELETED') objects.delete(key);
      else objects.set(key, change.object);
    }
    return [...objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** What happened to a resource after `revision`. */
  since(resource: ServedResource, revision: number): readonly Change[] {
    const wanted = resourceKey(resource);
    return this.#changes.filter((change) => change.revision > revision && change.resource === wanted);
  }

  put(resource: ServedResource, fields: Fields): StoredObject {
    const { namespace, name } = fields.metadata;
    const key = keyOf(resource, namespace, name);
    const previous = this.#latest.get(key);
    const object: StoredObject = {
      ...fields,
      metadata: {
        ...fields.metadata,
        uid: previous?.metadata.uid ?? this.#nextUid(),
        resourceVersion: this.#nextRevision(),
      },
    };
    this.#latest.set(key, object);
    this.#record({ resource, type: previous === undefined ? 'ADDED' : 'MODIFIED', object, previous });
    return object;
  }

  delete(resource: ServedResource, object: StoredObject): void {
    this.#latest.delete(keyOf(resource, object.metadata.namespace, object.metadata.name));
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: this.#nextRevision() } };
    this.#record({ resource, type: 'DELETED', object: last, previous: object });
  }

  /** Calls back for every later change. Returns how to stop it. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** As if a backup of an empty etcd had been restored: nothing is there, nobody is told, and the count starts over. */
  restoreEmpty(): void {
    this.#latest.clear();
    this.#changes.length = 0;
    this.#revision = 10;
    this.#compactedRevision = 0;
  }

  #record({
    resource,
    type,
    object,
    previous,
  }: Omit<Change, 'revision' | 'resource'> & { resource: ServedResource }): void {
    const change = { revision: this.#revision, resource: resourceKey(resource), type, object, previous };
    this.#changes.push(change);
    for (const listener of this.#listeners) listener(change);
  }

  #nextRevision(): string {
    this.#revision += 1;
    return String(this.#revision);
  }

  #nextUid(): string {
    this.#uids += 1;
    return `00000000-0000-4000-8000-${String(this.#uids).padStart(12, '0')}`;
  }
}

function keyOf(resource: ServedResource, namespace: string | undefined, name: string): string {
  return `${resourceKey(resource)}/${namespace ?? ''}/${name}`;
}
