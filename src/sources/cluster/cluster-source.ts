import type { KubeClient } from '../../kube/client.ts';
import type { ReflectionTimings } from '../../kube/reflection.ts';
import type { Selection } from '../../kube/resource.ts';
import { crash } from '../../lib/crash.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { resourceOf, type Kind } from '../../model/kinds.ts';
import type { Source, SourceState, Wants } from '../source.ts';
import type { Store } from '../store.ts';
import { Mirror } from './mirror.ts';
import { readsWanted, selectionsOf, type Interest } from './interest.ts';

export interface ClusterSourceOptions {
  readonly client: KubeClient;
  readonly store: Store;
  /** What the parts of the program read, together; two may read the same. */
  readonly interests: readonly Interest[];
  /** The patience of the reflectors; tests shorten it. */
  readonly timings?: Partial<ReflectionTimings>;
  /** In place of {@link FORBIDDEN_CONFIRM_MS}. */
  readonly forbiddenConfirmMs?: number;
}

/**
 * For how long a 403 must keep coming at the start before a kind counts as forbidden, and the rest is served without it. An API server
 * that has just started refuses everybody until it has read its RBAC objects (kubernetes#121635).
 */
const FORBIDDEN_CONFIRM_MS = 10_000;

/** A selection that is being followed. */
interface Following {
  readonly mirror: Mirror;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Desired state from a Kubernetes API server. */
export class ClusterSource implements Source {
  readonly name = 'cluster';
  readonly #options: ClusterSourceOptions;
  readonly #followed: readonly Selection[];
  readonly #kinds: Following[] = [];
  readonly #secrets = new Map<string, Following>();
  #wantedSecrets = PersistentMap.empty<true>();
  /** Whether it has been told what is wanted of it: before that, nothing is not all. */
  #isTold = false;
  #signal: AbortSignal | undefined;
  #onState: () => void = () => {};
  #state: SourceState = { kind: 'syncing', lacks: 'own' };
  #confirmation: NodeJS.Timeout | undefined;

  constructor(options: ClusterSourceOptions) {
    this.#options = options;
    this.#followed = selectionsOf(options.interests);
  }

  get state(): SourceState {
    return this.#state;
  }

  /** Whether all objects of a kind have been read at least once; until then, one that is not there is not known to be absent. */
  hasRead(kind: Kind): boolean {
    const { plural } = resourceOf(kind);
    const following = this.#kinds.filter(({ mirror }) => mirror.resource.plural === plural);
    return following.length > 0 && following.every(({ mirror }) => mirror.hasSynced);
  }

  /** Follows exactly the Secrets that the plan refers to, each by its name. */
  want(wants: Wants): void {
    const secrets = readsWanted(this.#options.interests, 'Secret') ? wants.secrets : PersistentMap.empty<true>();
    PersistentMap.diff(this.#wantedSecrets, secrets, (key, _, wanted) => {
      if (wanted === undefined) this.#unfollowSecret(key);
      else if (this.#signal !== undefined) this.#followSecret(key);
    });
    this.#wantedSecrets = secrets;
    this.#isTold = true;
    this.#updateState();
  }

  async run(signal: AbortSignal, onState: () => void): Promise<void> {
    this.#signal = signal;
    this.#onState = onState;
    signal.addEventListener('abort', () => clearTimeout(this.#confirmation), { once: true });
    for (const selection of this.#followed) this.#kinds.push(this.#follow(selection));
    for (const key of this.#wantedSecrets.keys()) this.#followSecret(key);
    await Promise.all(this.#kinds.map(({ ended }) => ended));
    await Promise.all([...this.#secrets.values()].map(({ ended }) => ended));
  }

  #follow(selection: Selection): Following {
    const { client, store, timings } = this.#options;
    const mirror = new Mirror(store, selection, () => this.#updateState());
    const reflector = client.reflector({ selection, project: Mirror.project, consumer: mirror, timings });
    const stop = new AbortController();
    const signal = this.#signal === undefined ? stop.signal : AbortSignal.any([stop.signal, this.#signal]);
    const ended = reflector.run(signal);
    // A reflector handles every Fault itself; nobody waits for those of Secrets.
    ended.catch(crash);
    return { mirror, stop, ended };
  }

  #followSecret(key: string): void {
    const [namespace = '', name = ''] = key.split('/');
    this.#secrets.set(
      key,
      this.#follow({ resource: resourceOf('Secret'), namespace, fieldSelector: `metadata.name=${name}` }),
    );
  }

  #unfollowSecret(key: string): void {
    const following = this.#secrets.get(key);
    this.#secrets.delete(key);
    following?.stop.abort();
    following?.mirror.clear();
  }

  /** The worst of its parts; a kind that RBAC forbids for long or the server does not have is told by a Finding, and not waited for. */
  #updateState(): void {
    const before = this.#state;
    this.#state = this.#currentState();
    if (before.kind !== this.#state.kind || lackOf(before) !== lackOf(this.#state)) this.#onState();
  }

  #currentState(): SourceState {
    const states = [...this.#kinds, ...this.#secrets.values()].map(({ mirror }) => mirror.reflection);
    const stale = states.find((state) => state.kind === 'stale');
    if (stale !== undefined) return { kind: 'stale', sinceMs: stale.sinceMs, reason: stale.cause.message };
    const refusal = this.#unconfirmedRefusal();
    if (refusal !== undefined) return refusal;
    const lacksOwn =
      this.#kinds.length < this.#followed.length ||
      this.#kinds.some(({ mirror }) => mirror.reflection.kind === 'syncing');
    if (lacksOwn) return { kind: 'syncing', lacks: 'own' };
    return !this.#isTold || states.some(({ kind }) => kind === 'syncing')
      ? { kind: 'syncing', lacks: 'wants' }
      : { kind: 'synced' };
  }

  /** Of Secrets a refusal is believed at once: they are asked for when other kinds have been read, and one of them holds up nothing. */
  #unconfirmedRefusal(): SourceState | undefined {
    const { forbiddenConfirmMs = FORBIDDEN_CONFIRM_MS } = this.#options;
    for (const { mirror } of this.#kinds) {
      const { reflection, refusedSinceMs } = mirror;
      if (reflection.kind !== 'forbidden' || refusedSinceMs === undefined) continue;
      const remainingMs = refusedSinceMs + forbiddenConfirmMs - performance.now();
      if (remainingMs <= 0) continue;
      clearTimeout(this.#confirmation);
      this.#confirmation = setTimeout(() => this.#updateState(), remainingMs);
      return { kind: 'stale', sinceMs: performance.timeOrigin + refusedSinceMs, reason: reflection.cause.message };
    }
    return undefined;
  }
}

function lackOf(state: SourceState): string | undefined {
  return state.kind === 'syncing' ? state.lacks : undefined;
}
