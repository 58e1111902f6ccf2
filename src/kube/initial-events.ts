import type { Listing, Project } from './list.ts';
import { objectKey, type RawObject } from './raw-object.ts';

/**
 * The initial events of a watch-list (KEP-3157), until the bookmark that ends them: what exists, in
 * no particular order, mixed with what changes meanwhile.
 */
export class InitialEvents<T> {
  readonly #project: Project<T>;
  readonly #kept = new Map<string, T | undefined>();

  constructor(project: Project<T>) {
    this.#project = project;
  }

  upsert(object: RawObject): void {
    this.#kept.set(objectKey(object.metadata), this.#project(object));
  }

  remove(object: RawObject): void {
    this.#kept.delete(objectKey(object.metadata));
  }

  /** What a LIST at `resourceVersion` would have given. */
  end(resourceVersion: string): Listing<T> {
    const objects = [...this.#kept.values()].filter((kept) => kept !== undefined);
    return { objects, total: this.#kept.size, resourceVersion };
  }
}
