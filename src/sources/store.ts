import type { PersistentMap } from '../lib/persistent-map.ts';
import { EMPTY_SNAPSHOT, type Snapshot, type Tables } from '../model/snapshot.ts';

/** One change of one object; `value` undefined removes it. */
export type Change<Name extends keyof Tables = keyof Tables> = {
  readonly [Each in Name]: {
    readonly table: Each;
    readonly key: string;
    readonly value: Tables[Each] | undefined;
  };
}[Name];

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

function applied<Name extends keyof Tables>(snapshot: Snapshot, { table, key, value }: Change<Name>): Snapshot {
  const before: PersistentMap<Tables[Name]> = snapshot[table];
  const after = value === undefined ? before.delete(key) : before.set(key, value);
  return after === before ? snapshot : { ...snapshot, [table]: after };
}
