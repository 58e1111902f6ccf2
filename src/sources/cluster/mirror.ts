import type { RawObject } from '../../kube/raw-object.ts';
import type { ReflectionConsumer, ReflectionState } from '../../kube/reflection.ts';
import { qualifiedName, type Resource, type Selection } from '../../kube/resource.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { Kind } from '../../model/kinds.ts';
import { keyOf } from '../../model/object.ts';
import { admitObject, findingsKey, type Admission } from '../admit/admit.ts';
import type { Change, ObservedChange, Store } from '../store.ts';

/** What becomes of one object in the Store, in both of its parts. */
interface Changes {
  readonly changes: readonly Change[];
  readonly observed: readonly ObservedChange[];
}

/** Keeps the part of the Store that comes from one selection of objects in step with a reflector. */
export class Mirror implements ReflectionConsumer<Admission> {
  readonly #store: Store;
  readonly #selection: Selection;
  readonly #onState: () => void;
  /** What this mirror holds in the Store, by `namespace/name`. */
  readonly #held = new Map<string, Admission>();
  #reflection: ReflectionState = { kind: 'syncing' };
  #hasSynced = false;
  #refusedSinceMs: number | undefined;

  constructor(store: Store, selection: Selection, onState: () => void) {
    this.#store = store;
    this.#selection = selection;
    this.#onState = onState;
  }

  get reflection(): ReflectionState {
    return this.#reflection;
  }

  get resource(): Resource {
    return this.#selection.resource;
  }

  /** Whether it held a complete list at some time. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Since when the server refuses what was never seen, on the clock of `performance.now()`; undefined when it does not. */
  get refusedSinceMs(): number | undefined {
    return this.#refusedSinceMs;
  }

  /** What a reflector projects each raw object to, so that nothing else of it is kept. */
  static project(this: void, raw: RawObject): Admission | undefined {
    return admitObject(raw);
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
    const isRefused = state.kind === 'forbidden' && !this.#hasSynced;
    this.#refusedSinceMs = isRefused ? (this.#refusedSinceMs ?? performance.now()) : undefined;
    const value = state.kind === 'forbidden' ? [forbidden(this.#selection.resource, state.verbs)] : undefined;
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

function forbidden(resource: Resource, verbs: readonly string[]): Finding {
  // The resources that are followed are those of the register of kinds.
  const ref = { kind: resource.kind as Kind, namespace: '', name: qualifiedName(resource) };
  const message = `RBAC does not let Sluice ${verbs.join(', ')} ${qualifiedName(resource)}`;
  return finding('SourceForbidden', ref, '', message);
}
