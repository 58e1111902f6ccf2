import { lstatSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';

interface Watch {
  /** What the folder was known by when its watch was set up. */
  readonly identity: string;
  readonly watcher: FSWatcher;
}

/**
 * Watches folders, each by itself: Node's recursive watch misses files that are replaced by a rename, as `sed -i` and most editors do.
 */
export class FolderWatches {
  readonly #logger: Logger;
  readonly #onEvent: (name: string) => void;
  readonly #watches = new Map<string, Watch>();

  /** @param onEvent is called with paths relative to the root; with `''` for the root itself */
  constructor(logger: Logger, onEvent: (name: string) => void) {
    this.#logger = logger;
    this.#onEvent = onEvent;
  }

  /**
   * Watches these folders and no others, by their paths relative to the root with what each is known by: another folder in the place
   * of one, as when a link is swapped, has to be watched anew. Says whether all were watched already.
   */
  watchOnly(root: string, folders: ReadonlyMap<string, string>): boolean {
    for (const [path, { identity, watcher }] of this.#watches)
      if (path !== ABOVE && folders.get(path) !== identity) this.#unwatch(path, watcher);
    const added = [...folders].filter(([path]) => !this.#watches.has(path));
    for (const [path, identity] of added) this.#watch(join(root, path), path, identity, (name) => join(path, name));
    // A root that is a link, as git-sync makes it, is swapped in the folder above.
    if (!this.#watches.has(ABOVE) && lstatSync(root, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      this.#watch(dirname(root), ABOVE, '', (name) => (name === basename(root) ? '' : undefined));
    return added.length === 0;
  }

  close(): void {
    for (const [path, { watcher }] of this.#watches) this.#unwatch(path, watcher);
  }

  #watch(folder: string, path: string, identity: string, nameOf: (name: string) => string | undefined): void {
    const complain = (thrown: unknown): void =>
      this.#logger.warn('cannot watch a folder; it is read every few seconds instead', {
        directory: folder,
        error: messageOf(thrown),
      });
    try {
      const watcher = watch(folder, (_, name) => {
        const named = nameOf(name ?? '');
        if (named !== undefined) this.#onEvent(named);
      });
      watcher.on('error', (error) => {
        complain(error);
        this.#unwatch(path, watcher);
      });
      this.#watches.set(path, { identity, watcher });
    } catch (thrown) {
      // Gone since it was read, or the limit on watches is reached (inotify(7)); it is read now and then in any case.
      complain(thrown);
    }
  }

  #unwatch(path: string, watcher: FSWatcher): void {
    watcher.close();
    this.#watches.delete(path);
  }
}

/** No relative path is this one. */
const ABOVE = '..';
