import { watch, type FSWatcher } from 'node:fs';
import { messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Finding } from '../../model/finding.ts';
import type { Source, SourceState } from '../source.ts';
import { EVERYTHING_READ, type Change } from '../change.ts';
import type { Store } from '../store.ts';
import { changeKey, Folder, type FolderContents } from './folder.ts';
import { ManifestPlaces } from './places.ts';

/** How long a burst of file events may last before the folder is read, in milliseconds. */
const SETTLE_MS = 25;

/** The folder is read this often whatever the kernel tells, since watches miss network file systems, in milliseconds. */
const POLL_MS = 2_000;

export interface ManifestSourceOptions {
  readonly directory: string;
  readonly store: Store;
  readonly logger: Logger;
}

/** Desired state from a folder of YAML and JSON files, followed as they change. */
export class ManifestSource implements Source {
  readonly name = 'manifests';
  readonly #options: ManifestSourceOptions;
  readonly #folder: Folder;
  #state: SourceState = { kind: 'syncing', lacks: 'own' };
  readonly #watchers = new Map<string, FSWatcher>();
  #wake: () => void = () => {};
  #isSettled = true;
  /** What this source has put into the Store. */
  #committed = new Map<string, Change>();
  #committedFindings = new Map<string, readonly Finding[]>();

  constructor(options: ManifestSourceOptions) {
    this.#options = options;
    this.#folder = new Folder(options.directory);
  }

  get state(): SourceState {
    return this.#state;
  }

  /** A folder holds everything already; nothing more can be wanted of it. */
  want(): void {}

  async run(signal: AbortSignal, onState: () => void): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const woken = this.#nextWake(signal);
      this.#setState(await this.#scan(), onState);
      if (!this.#isSettled) this.#wake();
      await woken;
    }
    this.#watchOnly([]);
  }

  async #scan(): Promise<SourceState> {
    try {
      const contents = await this.#folder.scan();
      // What changed in a folder between its being read and being watched is found by another scan.
      const isWatched = this.#watchOnly(contents.directories);
      this.#isSettled = contents.isSettled && isWatched;
      this.#commit(contents);
      return { kind: 'synced' };
    } catch (thrown) {
      const sinceMs = this.#state.kind === 'stale' ? this.#state.sinceMs : Date.now();
      this.#watchOnly([]);
      this.#isSettled = true;
      return { kind: 'stale', sinceMs, reason: reasonOf(this.#options.directory, thrown) };
    }
  }

  #commit({ changes, findings }: FolderContents): void {
    const wanted = new Map(changes.map((change) => [changeKey(change), change]));
    const batch: Change[] = [...EVERYTHING_READ, ...changes];
    for (const [key, change] of this.#committed) if (!wanted.has(key)) batch.push({ ...change, value: undefined });
    for (const [key, value] of findings)
      batch.push({ table: 'findings', key, value: keep(this.#committedFindings.get(key), value) });
    for (const key of this.#committedFindings.keys())
      if (!findings.has(key)) batch.push({ table: 'findings', key, value: undefined });
    this.#committed = wanted;
    this.#committedFindings = new Map(findings);
    this.#options.store.commit(batch);
  }

  #setState(state: SourceState, onState: () => void): void {
    const isNews = state.kind !== this.#state.kind;
    this.#state = state;
    if (isNews) onState();
  }

  /** Resolves a little after the next file event, at the next poll, or when `signal` is aborted. */
  #nextWake(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const poll = setTimeout(resolve, POLL_MS);
      this.#wake = () => {
        clearTimeout(poll);
        setTimeout(resolve, signal.aborted ? 0 : SETTLE_MS);
      };
    });
  }

  /**
   * Watches these folders and no others, each by itself: Node's recursive watch misses files that are
   * replaced by a rename, as `sed -i` and most editors do. Returns whether all were watched already.
   */
  #watchOnly(directories: readonly string[]): boolean {
    for (const [directory, watcher] of this.#watchers)
      if (!directories.includes(directory)) this.#unwatch(directory, watcher);
    const added = directories.filter((directory) => !this.#watchers.has(directory));
    for (const directory of added) this.#watch(directory);
    return added.length === 0;
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, () => this.#wake());
      watcher.on('error', (error) => {
        this.#options.logger.warn('cannot watch a folder; it is read every few seconds instead', {
          directory,
          error: error.message,
        });
        this.#unwatch(directory, watcher);
      });
      this.#watchers.set(directory, watcher);
    } catch (thrown) {
      // Gone since it was read, or the limit on watches is reached (inotify(7)); the poll goes on in any case.
      this.#options.logger.warn('cannot watch a folder; it is read every few seconds instead', {
        directory,
        error: messageOf(thrown),
      });
    }
  }

  #unwatch(directory: string, watcher: FSWatcher): void {
    watcher.close();
    this.#watchers.delete(directory);
  }
}

function reasonOf(directory: string, thrown: unknown): string {
  const isMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
  return isMissing ? `the folder ${directory} does not exist` : `cannot read ${directory}: ${messageOf(thrown)}`;
}

/** The same list again when it says the same, so that nothing is compiled for it. */
function keep(before: readonly Finding[] | undefined, after: readonly Finding[]): readonly Finding[] {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(after) ? before : after;
}

/** Reads a folder once, for `sluice check`. @throws what the file system throws when it cannot be read. */
export async function readManifests(directory: string, store: Store): Promise<ManifestPlaces> {
  const { changes, findings, places } = await new Folder(directory).scan();
  store.commit([
    ...EVERYTHING_READ,
    ...changes,
    ...[...findings].map(([key, value]) => ({ table: 'findings', key, value }) as const),
  ]);
  return new ManifestPlaces(directory, places);
}
