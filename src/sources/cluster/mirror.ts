import type { RawObject } from '../../kube/raw-object.ts';
import type { ReflectionConsumer, ReflectionState } from '../../kube/reflection.ts';
import { qualifiedName } from '../../kube/resource.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { keyOf } from '../../model/object.ts';
import { admitObject, findingsKey, type Admission } from '../admit/admit.ts';
import type { Change, ObservedChange } from '../change.ts';
import type { Store } from '../store.ts';
import { nameOfSelection, type KindSelection } from './interest.ts';
import type { Progress } from './standing.ts';

/** What becomes of one object in the Store, in both of its parts. */
interface Changes {
  readonly changes: readonly Change[];
  readonly observed: readonly ObservedChange[];
}

/** Keeps the part of the Store that comes from one selection of objects in step with a reflector. */
export class Mirror implements ReflectionConsumer<Admission> {
  readonly #store: Store;
  readonly #selection: KindSelection;
  readonly #onState: () => void;
  /** What this mirror holds in the Store, by `namespace/name`. */
  readonly #held = new Map<string, Admission>();
  #reflection: ReflectionState = { kind: 'syncing' };
  #hasSynced = false;
  #refusedSinceMs: number | undefined;

  constructor(store: Store, selection: KindSelection, onState: () => void) {
    this.#store = store;
    this.#selection = selection;
    this.#onState = onState;
  }

  get progress(): Progress {
    return {
      reflection: this.#reflection,
      hasSynced: this.#hasSynced,
      isFilled: this.#held.size > 0,
      refusedSinceMs: this.#refusedSinceMs,
    };
  }

  /** What a reflector projects each raw object to, so that nothing else of it is kept. */
  static project(this: void, raw: RawObject): Admission | undefined {
    return admitObject(raw, 'api-server');
  }

  replace(admissions: readonly Admission[]): void {
    const kept = new Set(admissions.map((admission) => keyOf(admission.ref)));
    const gone = [...this.#held].filter(([key]) => !kept.has(key));
    this.#commit([
      ...gone.map(([key, admission]) => this.#drop(key, admission)),
      ...admissions.map((admission) => this.#put(admission)),
    ]);
  }

  upsert(admission: Admission): void {
    this.#commit([this.#put(admission)]);
  }

  remove(namespace: string, name: string): void {
    const key = keyOf({ namespace, name });
    const held = this.#held.get(key);
    if (held !== undefined) this.#commit([this.#drop(key, held)]);
  }

  /** Takes everything back out, as when a Secret is not referred to any more. */
  clear(): void {
    this.#commit([...this.#held].map(([key, admission]) => this.#drop(key, admission)));
    this.#store.commit([{ table: 'findings', key: this.#accessKey(), value: undefined }]);
  }

  state(state: ReflectionState): void {
    this.#reflection = state;
    if (state.kind === 'synced') this.#hasSynced = true;
    const isRefused = state.kind === 'forbidden' || state.kind === 'absent';
    this.#refusedSinceMs = isRefused ? (this.#refusedSinceMs ?? steadyNowMs()) : undefined;
    const value = state.kind === 'forbidden' ? [forbidden(this.#selection, state.verbs)] : undefined;
    this.#store.commit([{ table: 'findings', key: this.#accessKey(), value }]);
    this.#onState();
  }

  #commit(batch: readonly Changes[]): void {
    this.#store.commit(
      batch.flatMap(({ changes }) => changes),
      batch.flatMap(({ observed }) => observed),
    );
  }

  #put(admission: Admission): Changes {
    const key = keyOf(admission.ref);
    const before = this.#held.get(key);
    const observed = isSame(before?.observed, admission.observed) ? [] : listOf(admission.observed);
    if (before !== undefined && isSameDesired(before, admission)) {
      if (observed.length > 0) this.#held.set(key, { ...before, observed: admission.observed });
      return { changes: [], observed };
    }
    this.#held.set(key, admission);
    // An object that became useless leaves the table, and one that changed its key, its old place.
    const stale =
      before?.change !== undefined && before.change.key !== admission.change?.key
        ? [{ ...before.change, value: undefined }]
        : [];
    const found: readonly Finding[] | undefined = admission.findings.length === 0 ? undefined : admission.findings;
    const findings: Change = { table: 'findings', key: findingsKey(admission.ref), value: found };
    const changes = admission.change === undefined ? [...stale, findings] : [...stale, admission.change, findings];
    return { changes, observed };
  }

  #drop(key: string, { ref, change, observed }: Admission): Changes {
    this.#held.delete(key);
    const findings: Change = { table: 'findings', key: findingsKey(ref), value: undefined };
    return {
      changes: change === undefined ? [findings] : [{ ...change, value: undefined }, findings],
      observed: listOf(observed).map((shown) => ({ ...shown, value: undefined })),
    };
  }

  #accessKey(): string {
    const { resource, namespace = '', fieldSelector = '' } = this.#selection;
    return `access:${qualifiedName(resource)} ${namespace} ${fieldSelector}`;
  }
}

/** Unix time in milliseconds, by a clock that never goes back. */
export function steadyNowMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Whether two admissions say the same, in which case the first stays: after a list that had to be fetched again, and after a
 * change to something that is not read, nothing is compiled. Not by resourceVersion, which an etcd that was restored from a
 * backup gives a second time. Keys do not show in JSON, but their fingerprints do.
 */
function isSameDesired(a: Admission, b: Admission): boolean {
  return isSame({ ...a, observed: undefined }, { ...b, observed: undefined });
}

function listOf<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function forbidden(selection: KindSelection, verbs: readonly string[]): Finding {
  const { resource } = selection;
  const ref = { kind: resource.kind, namespace: '', name: qualifiedName(resource) };
  const message = `RBAC does not let Sluice ${verbs.join(', ')} ${nameOfSelection(selection)}`;
  return finding('SourceForbidden', ref, '', message);
}
