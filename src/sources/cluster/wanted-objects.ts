import type { ReflectionConsumer, ReflectionState } from '../../kube/reflection.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { KINDS, resourceOf, type Kind } from '../../model/kinds.ts';
import { idOf, keyOf } from '../../model/object.ts';
import type { Unread } from '../../model/snapshot.ts';
import type { Want } from '../../model/want.ts';
import type { Admission } from '../admit/admit.ts';
import type { Store } from '../store.ts';
import { follow, type Following, type FollowOptions } from './following.ts';
import type { KindSelection } from './interest.ts';
import { Mirror } from './mirror.ts';

/** How long a plan waits for one object, in milliseconds. */
const PATIENCE_MS = 3_000;

export interface WantedObjectsOptions extends FollowOptions {
  readonly store: Store;
  /** In place of {@link PATIENCE_MS}. */
  readonly patienceMs?: number | undefined;
  /** Kinds of which objects may be read in this way. */
  readonly kinds: ReadonlySet<Kind>;
  /** Called when nothing is waited for any more. */
  readonly onKnown: () => void;
}

/**
 * Follows the objects that a plan refers to, each by its name, and says of each in the Snapshot what is known of it. None waits
 * for another, and one that cannot be read is waited for no longer than {@link PATIENCE_MS}; it is tried on.
 */
export class WantedObjects {
  readonly #options: WantedObjectsOptions;
  readonly #followed = new Map<string, Wanted>();
  /** Of which nothing is known yet. */
  readonly #waiting = new Set<Wanted>();
  #wants = PersistentMap.empty<Want>();

  constructor(options: WantedObjectsOptions) {
    this.#options = options;
  }

  /** Whether there is an object of which nothing is known yet. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Follows exactly these. */
  want(wants: PersistentMap<Want>): void {
    PersistentMap.diff(this.#wants, wants, (id, before, after) => {
      if (after === undefined) this.#forget(id);
      else if (before === undefined && this.#options.kinds.has(after.ref.kind)) this.#follow(id, after);
    });
    this.#wants = wants;
  }

  /** Resolves when every connection is closed, once the signal has been aborted. */
  async ended(): Promise<void> {
    await Promise.all([...this.#followed.values()].map((wanted) => wanted.ended));
  }

  #follow(id: string, want: Want): void {
    const wanted = new Wanted(want, this.#options, () => {
      if (this.#waiting.delete(wanted) && this.#waiting.size === 0) this.#options.onKnown();
    });
    this.#followed.set(id, wanted);
    this.#waiting.add(wanted);
  }

  #forget(id: string): void {
    const wanted = this.#followed.get(id);
    if (wanted === undefined) return;
    wanted.forget();
    this.#followed.delete(id);
    this.#waiting.delete(wanted);
  }
}

/** One object, and what is known of it. */
class Wanted implements ReflectionConsumer<Admission> {
  readonly #options: WantedObjectsOptions;
  readonly #ref: Want['ref'];
  readonly #mirror: Mirror;
  readonly #following: Following;
  readonly #patience: NodeJS.Timeout;
  readonly #onKnown: () => void;
  /** Whether the server has said once whether there is such an object: what it says of troubles after that changes nothing. */
  #isAnswered = false;
  #isOverdue = false;
  #trouble = 'the API server has not answered yet';

  constructor({ ref }: Want, options: WantedObjectsOptions, onKnown: () => void) {
    this.#options = options;
    this.#onKnown = onKnown;
    this.#ref = ref;
    const { namespace, name } = ref;
    const selection: KindSelection = {
      resource: resourceOf(ref.kind),
      ...(namespace === '' ? {} : { namespace }),
      fieldSelector: `metadata.name=${name}`,
    };
    this.#mirror = new Mirror(options.store, selection, () => {});
    this.#patience = setTimeout(() => this.#giveUp(), options.patienceMs ?? PATIENCE_MS);
    options.signal.addEventListener('abort', this.#stopWaiting, { once: true });
    this.#following = follow(options, selection, true, this);
  }

  get ended(): Promise<void> {
    return this.#following.ended;
  }

  replace(admissions: readonly Admission[]): void {
    // In this order, so that there is no moment at which nothing is known.
    if (admissions.length === 0) this.#say({ kind: 'absent' });
    this.#mirror.replace(admissions);
    this.#answer();
  }

  upsert(admission: Admission): void {
    this.#mirror.upsert(admission);
    this.#answer();
  }

  remove(namespace: string, name: string): void {
    this.#say({ kind: 'absent' });
    this.#mirror.remove(namespace, name);
    this.#answer();
  }

  state(state: ReflectionState): void {
    this.#mirror.state(state);
    if (this.#isAnswered || !('cause' in state)) return;
    this.#trouble = state.cause.message;
    // What RBAC forbids, it forbids for long: the kinds that every start waits for have been read before.
    if (state.kind === 'forbidden' || this.#isOverdue) this.#giveUp();
  }

  /** Forgets the object, because nothing refers to it any more. */
  forget(): void {
    this.#stopWaiting();
    this.#options.signal.removeEventListener('abort', this.#stopWaiting);
    this.#following.stop();
    this.#mirror.clear();
    this.#say(undefined);
  }

  #answer(): void {
    this.#isAnswered = true;
    this.#stopWaiting();
    const { store } = this.#options;
    const isThere = store.snapshot[KINDS[this.#ref.kind].table].has(keyOf(this.#ref));
    this.#say(isThere ? undefined : { kind: 'absent' });
    this.#onKnown();
  }

  #giveUp(): void {
    this.#isOverdue = true;
    this.#stopWaiting();
    this.#say({ kind: 'unreadable', message: this.#trouble });
    this.#onKnown();
  }

  readonly #stopWaiting = (): void => clearTimeout(this.#patience);

  #say(value: Unread | undefined): void {
    const { store } = this.#options;
    const key = idOf(this.#ref);
    const known = store.snapshot.unread.get(key);
    if (JSON.stringify(known) === JSON.stringify(value)) return;
    store.commit([{ table: 'unread', key, value }]);
  }
}
