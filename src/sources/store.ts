import type { PersistentMap } from '../lib/persistent-map.ts';
import { NOTHING_OBSERVED, type Observed, type ObservedTables } from '../model/observed.ts';
import { EMPTY_SNAPSHOT, type Snapshot, type Tables } from '../model/snapshot.ts';
import type { Change, ObservedChange } from './change.ts';
import { ServedBefore } from './served-before.ts';
import { formerAfter, withLastGood } from './succession.ts';

/**
 * The one place where desired state is gathered, and what is observed beside it. Sources write changes; whoever subscribed to one of the
 * two is notified once per batch. A batch is seen as a whole or not at all.
 */
export class Store {
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #observed: Observed = NOTHING_OBSERVED;
  #servedBefore = new ServedBefore();
  readonly #listeners = new Set<() => void>();
  readonly #observers = new Set<() => void>();

  /** Takes over what the program before this one served, before any source says anything. */
  remember(servedBefore: ServedBefore): void {
    this.#servedBefore = servedBefore;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** What the world shows of objects; nothing of it decides what is served. */
  get observed(): Observed {
    return this.#observed;
  }

  /**
   * Applies all changes at once. Listeners are called, synchronously, only when something really is different; both parts are
   * there already when the first one is called.
   */
  commit(changes: Iterable<Change>, observations: Iterable<ObservedChange> = []): void {
    const { snapshot, observed } = this;
    this.#snapshot = succeeded(snapshot, changes, this.#servedBefore);
    for (const change of observations) this.#observed = withObservation(this.#observed, change);
    if (this.#snapshot !== snapshot) for (const listener of this.#listeners) listener();
    if (this.#observed !== observed) for (const observer of this.#observers) observer();
  }

  /** Calls `listener` after every batch that changed something, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `observer` after every batch in which something else was observed, until the returned function is called. */
  subscribeObserved(observer: () => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }
}

/** The Snapshot after these changes, with what of the objects outlives them; the same one where nothing is different. */
function succeeded(before: Snapshot, changes: Iterable<Change>, servedBefore: ServedBefore): Snapshot {
  // One copy for all of them: a copy for each is most of what ten thousand take.
  const draft: Draft = { ...before };
  for (const change of changes) {
    const former = formerAfter(draft, change, servedBefore);
    apply(draft, withLastGood(draft, change, servedBefore));
    if (former !== undefined) apply(draft, former);
  }
  return TABLES.every((table) => draft[table] === before[table]) ? before : draft;
}

/** A Snapshot of which a part has been changed. */
type Draft = { -readonly [Name in keyof Snapshot]: Snapshot[Name] };

const TABLES = Object.keys(EMPTY_SNAPSHOT) as readonly (keyof Snapshot)[];

function apply<Name extends keyof Tables>(draft: Draft, { table, key, value }: Change<Name>): void {
  const before: PersistentMap<Tables[Name]> = draft[table];
  const tables: { [Table in Name]: PersistentMap<Tables[Table]> } = draft;
  tables[table] = value === undefined ? before.delete(key) : before.set(key, value);
}

function withObservation<Name extends keyof ObservedTables>(
  observed: Observed,
  { table, key, value }: ObservedChange<Name>,
): Observed {
  const before: PersistentMap<ObservedTables[Name]> = observed[table];
  const after = value === undefined ? before.delete(key) : before.set(key, value);
  return after === before ? observed : { ...observed, [table]: after };
}
