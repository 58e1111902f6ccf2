import type { KubeClient } from '../../kube/client.ts';
import type { ReflectionTimings } from '../../kube/reflection.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Kind } from '../../model/kinds.ts';
import type { Want, Wants } from '../../model/want.ts';
import type { Source, SourceState } from '../source.ts';
import type { Store } from '../store.ts';
import { follow, type Following } from './following.ts';
import { followedFor, wantedKinds, type Followed, type Interest } from './interest.ts';
import { Mirror, steadyNowMs } from './mirror.ts';
import { standingOf, type Standing } from './standing.ts';
import { WantedObjects } from './wanted-objects.ts';

export interface ClusterSourceOptions {
  readonly client: KubeClient;
  readonly store: Store;
  /** What the parts of the program read, together; two may read the same. */
  readonly interests: readonly Interest[];
  /** Only these; undefined: all of them. */
  readonly namespaces?: readonly string[] | undefined;
  /** The patience of the reflectors; tests shorten it. */
  readonly timings?: Partial<ReflectionTimings>;
  /** In place of {@link FORBIDDEN_CONFIRM_MS}. */
  readonly forbiddenConfirmMs?: number;
  /** How long a plan waits for one object that it wants. */
  readonly patienceMs?: number;
}

/** For how long a kind that may be forbidden must be, at a start, before the rest is served without it, in milliseconds. */
const FORBIDDEN_CONFIRM_MS = 10_000;

interface FollowedKind extends Following {
  readonly followed: Followed;
  readonly mirror: Mirror;
}

/** Desired state from a Kubernetes API server. */
export class ClusterSource implements Source {
  readonly name = 'cluster';
  readonly #options: ClusterSourceOptions;
  readonly #followed: readonly Followed[];
  readonly #kinds: FollowedKind[] = [];
  #wanted: WantedObjects | undefined;
  #wants = PersistentMap.empty<Want>();
  /** Whether it has been told what is wanted of it: before that, nothing is not all. */
  #isTold = false;
  #signal: AbortSignal | undefined;
  #onState: () => void = () => {};
  #state: SourceState = { kind: 'syncing', lacks: 'own' };
  #confirmation: NodeJS.Timeout | undefined;

  constructor(options: ClusterSourceOptions) {
    this.#options = options;
    this.#followed = followedFor(options.interests, options.namespaces);
  }

  get state(): SourceState {
    return this.#state;
  }

  /**
   * Whether all objects of a kind have been read at least once; until then, one that is not there is not known to be absent. Where only
   * some namespaces are watched, what no Role grants is done without for good.
   */
  hasRead(kind: Kind): boolean {
    const followed = this.#kinds.filter((each) => each.followed.selection.resource.kind === kind);
    const isWithoutForGood = (each: FollowedKind): boolean =>
      this.#options.namespaces !== undefined && this.#standingOf(each, steadyNowMs()).kind === 'complete';
    return followed.length > 0 && followed.every((each) => each.mirror.progress.hasSynced || isWithoutForGood(each));
  }

  /** Follows exactly the objects that the plan refers to, each by its name; of kinds that somebody reads in this way. */
  want({ objects }: Wants): void {
    this.#wants = objects;
    this.#isTold = true;
    this.#followWanted();
    this.#updateState();
  }

  async run(signal: AbortSignal, onState: () => void): Promise<void> {
    const { client, store, timings, patienceMs, interests } = this.#options;
    this.#signal = signal;
    this.#onState = onState;
    signal.addEventListener('abort', () => clearTimeout(this.#confirmation), { once: true });
    const update = (): void => this.#updateState();
    for (const followed of this.#followed) {
      const mirror = new Mirror(store, followed.selection, update);
      const isRequired = followed.presence === 'required';
      const following = follow({ client, timings, signal }, followed.selection, isRequired, mirror);
      this.#kinds.push({ followed, mirror, ...following });
    }
    const kinds = wantedKinds(interests);
    this.#wanted = new WantedObjects({ client, store, timings, signal, patienceMs, kinds, onKnown: update });
    this.#followWanted();
    await Promise.all(this.#kinds.map(({ ended }) => ended));
    await this.#wanted.ended();
  }

  #followWanted(): void {
    if (this.#signal?.aborted === false) this.#wanted?.want(this.#wants);
  }

  #updateState(): void {
    const before = this.#state;
    this.#state = this.#currentState();
    if (before.kind !== this.#state.kind || lackOf(before) !== lackOf(this.#state)) this.#onState();
  }

  /** The worst of its kinds. An object that is wanted by its name is waited for, but it makes nothing else old. */
  #currentState(): SourceState {
    const nowMs = steadyNowMs();
    const standings = this.#kinds.map((each) => this.#standingOf(each, nowMs));
    const stale = standings.filter((standing) => standing.kind === 'stale');
    const moments = stale.flatMap(({ untilMs }) => untilMs ?? []);
    this.#lookAgainAt(moments, nowMs);
    const [first] = stale;
    if (first !== undefined) return { kind: 'stale', sinceMs: first.sinceMs, reason: first.reason };
    const lacksOwn = standings.length < this.#followed.length || standings.some(({ kind }) => kind === 'syncing');
    if (lacksOwn) return { kind: 'syncing', lacks: 'own' };
    return !this.#isTold || this.#wanted?.isWaiting !== false
      ? { kind: 'syncing', lacks: 'wants' }
      : { kind: 'synced' };
  }

  #standingOf({ followed, mirror }: FollowedKind, nowMs: number): Standing {
    const { forbiddenConfirmMs = FORBIDDEN_CONFIRM_MS } = this.#options;
    return standingOf(followed, mirror.progress, forbiddenConfirmMs, nowMs);
  }

  /** When the first of these moments comes, the state may be another although nothing has happened. */
  #lookAgainAt(moments: readonly number[], nowMs: number): void {
    clearTimeout(this.#confirmation);
    if (moments.length === 0 || this.#signal?.aborted !== false) return;
    this.#confirmation = setTimeout(() => this.#updateState(), Math.min(...moments) - nowMs);
  }
}

function lackOf(state: SourceState): string | undefined {
  return state.kind === 'syncing' ? state.lacks : undefined;
}
