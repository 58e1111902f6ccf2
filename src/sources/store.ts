import { EMPTY_SNAPSHOT, type Snapshot, type Tables } from '../model/snapshot.ts';

/** One change of one object; `value` undefined removes it. */
export type Change = {
  readonly [Name in keyof Tables]: {
    readonly table: Name;
    readonly key: string;
    readonly value: Tables[Name] | undefined;
  };
}[keyof Tables];

/**
 * The one place where desired state is gathered. Sources write changes; whoever subscribed is told
 * once per batch and reads the Snapshot. A batch is seen as a whole or not at all.
 */
export class Store {
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  readonly #listeners = new Set<() => void>();

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Applies all changes at once. Listeners are called, synchronously, only when something really is different. */
  commit(changes: Iterable<Change>): void {
    let next = this.#snapshot;
    for (const change of changes) next = applied(next, change);
    if (next === this.#snapshot) return;
    this.#snapshot = next;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after every batch that changed something, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function applied(snapshot: Snapshot, change: Change): Snapshot {
  switch (change.table) {
    case 'ingresses':
      return withTable(snapshot, change.table, change.key, change.value);
    case 'ingressClasses':
      return withTable(snapshot, change.table, change.key, change.value);
    case 'services':
      return withTable(snapshot, change.table, change.key, change.value);
    case 'endpointSlices':
      return withTable(snapshot, change.table, change.key, change.value);
    case 'nodes':
      return withTable(snapshot, change.table, change.key, change.value);
    case 'secrets':
      return withTable(snapshot, change.table, change.key, change.value);
    case 'resolvedNames':
      return withTable(snapshot, change.table, change.key, change.value);
    case 'findings':
      return withTable(snapshot, change.table, change.key, change.value);
  }
}

function withTable<Name extends keyof Tables>(
  snapshot: Snapshot,
  table: Name,
  key: string,
  value: Tables[Name] | undefined,
): Snapshot {
  const before = snapshot[table];
  const after = value === undefined ? before.delete(key) : before.set(key, value);
  return after === before ? snapshot : { ...snapshot, [table]: after };
}
