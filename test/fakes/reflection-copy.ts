import type { ReflectionConsumer, ReflectionState } from '../../src/kube/reflection.ts';
import type { RawObject } from '../../src/kube/raw-object.ts';

/** What the tests keep of an object. */
export interface Kept {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly data: string;
}

/** Keeps ConfigMaps, but for those that are labelled `keep: "no"`. */
export function projectConfigMap(object: RawObject): Kept | undefined {
  const { namespace = '', name, resourceVersion = '', labels } = object.metadata;
  if (JSON.stringify(labels) === '{"keep":"no"}') return undefined;
  return { namespace, name, resourceVersion, data: JSON.stringify(object['data'] ?? {}) };
}

/** A consumer that keeps the copy in a Map, and a record of what it was told. */
export class ReflectionCopy implements ReflectionConsumer<Kept> {
  readonly objects = new Map<string, Kept>();
  readonly states: ReflectionState[] = [];
  /** Sizes of the complete lists. */
  readonly replaces: number[] = [];
  /** Every object that ever left the copy, by whichever way. */
  readonly departed: string[] = [];
  /** Calls of any kind. */
  calls = 0;

  /** The kind of the present state. */
  get now(): ReflectionState['kind'] | undefined {
    return this.states.at(-1)?.kind;
  }

  /** The names that are held, sorted. */
  get names(): readonly string[] {
    return [...this.objects.values()].map(({ name }) => name).toSorted();
  }

  /** The kinds of state it has been through. */
  get path(): readonly string[] {
    return this.states.map(({ kind }) => kind);
  }

  replace(objects: readonly Kept[]): void {
    this.calls += 1;
    this.replaces.push(objects.length);
    const before = [...this.objects.keys()];
    this.objects.clear();
    for (const object of objects) this.objects.set(`${object.namespace}/${object.name}`, object);
    this.departed.push(...before.filter((key) => !this.objects.has(key)));
  }

  upsert(object: Kept): void {
    this.calls += 1;
    this.objects.set(`${object.namespace}/${object.name}`, object);
  }

  remove(namespace: string, name: string): void {
    this.calls += 1;
    const key = `${namespace}/${name}`;
    if (this.objects.delete(key)) this.departed.push(key);
  }

  state(state: ReflectionState): void {
    this.calls += 1;
    this.states.push(state);
  }
}
