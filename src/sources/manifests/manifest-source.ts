import { setImmediate as nextTurn } from 'node:timers/promises';
import { crash } from '../../lib/crash.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { Turns } from '../../lib/turns.ts';
import { EVERYTHING_READ } from '../change.ts';
import type { Source, SourceState } from '../source.ts';
import type { Store } from '../store.ts';
import type { FileNews } from './file-reading.ts';
import { FolderReader, SETTLE_MS, type LookReport } from './folder-reader.ts';
import { Folder } from './folder.ts';
import { FolderWatches } from './folder-watches.ts';
import { LargeFiles } from './large-files.ts';
import { Patience, type Scene } from './patience.ts';
import { ManifestPlaces } from './places.ts';
import { RememberedFolder, type FolderMemory } from './remembered-folder.ts';
import { FolderFault, ThreadReader } from './thread-reader.ts';

/** Work on objects is interrupted for everything else after so long, in milliseconds. */
const SLICE_MS = 8;

/** How long a folder must have been without a manifest until that is believed, as with an empty list of an API server, in milliseconds. */
const EMPTY_CONFIRM_MS = 10_000;

/** Events come in bursts; a look waits so long after one, in milliseconds. */
const BURST_MS = 2;

export interface ManifestSourceOptions {
  /** A folder, or a single file. */
  readonly directory: string;
  readonly store: Store;
  readonly logger: Logger;
  /** Where it is kept from one run to the next whether the folder held something; undefined for nowhere. */
  readonly memoryFile?: string;
  /** In place of {@link EMPTY_CONFIRM_MS}. */
  readonly emptyConfirmMs?: number;
}

/** Desired state from a folder of YAML and JSON files, followed as they change. */
export class ManifestSource implements Source {
  readonly name = 'manifests';
  readonly #options: ManifestSourceOptions;
  readonly #folder = new Folder();
  readonly #patience: Patience;
  readonly #watches: FolderWatches;
  readonly #memory: RememberedFolder | undefined;
  /** What was so at the end of the run before. */
  #remembered: FolderMemory | undefined;
  /** Either something is taken in, or it is committed: what is committed is whole. */
  readonly #turns = new Turns();
  readonly #largeFiles = new LargeFiles(
    (news) => this.#take(news),
    () => this.#wake.abort(),
  );
  #state: SourceState = { kind: 'syncing', lacks: 'own' };
  /** What events have named since the last look. */
  #names = new Set<string>();
  #last: LookReport | undefined;
  #hasCommitted = false;
  /** Whether the folder holds nothing and used to hold something; and whether that has been so for long. */
  #isEmptied = false;
  #isEmptyForLong = false;
  #wake = new AbortController();
  #breathMs = 0;

  constructor(options: ManifestSourceOptions) {
    const { logger, memoryFile } = options;
    this.#options = options;
    this.#patience = new Patience(options.emptyConfirmMs ?? EMPTY_CONFIRM_MS);
    this.#memory = memoryFile === undefined ? undefined : new RememberedFolder(memoryFile, logger);
    this.#watches = new FolderWatches(logger, (name) => {
      this.#names.add(name);
      this.#wake.abort();
    });
  }

  get state(): SourceState {
    return this.#state;
  }

  /** A folder holds everything already; nothing more can be wanted of it. */
  want(): void {}

  async run(signal: AbortSignal, onState: () => void): Promise<void> {
    if (signal.aborted) return;
    this.#remembered = await this.#memory?.read();
    const reader = new ThreadReader(this.#options.directory);
    const end = (): void => {
      this.#wake.abort();
      reader.close().catch(crash);
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      while (!signal.aborted) {
        this.#wake = new AbortController();
        const state = await this.#look(reader);
        if (signal.aborted) break;
        this.#setState(state, onState);
        await this.#rest();
      }
      await this.#largeFiles.end();
    } catch (thrown) {
      // The threads are ended with whatever they are at.
      if (!signal.aborted) throw thrown;
    } finally {
      signal.removeEventListener('abort', end);
      this.#watches.close();
      await reader.close();
    }
  }

  async #look(reader: ThreadReader): Promise<SourceState> {
    const beganMs = performance.now();
    const patience = this.#patience;
    const { emptied } = this.#last ?? {};
    const isAll =
      this.#names.has('') || patience.isPollDue(beganMs) || patience.goneSince(this.#scene, beganMs) !== undefined;
    this.#isEmptyForLong = patience.believesEmpty(this.#isEmptied, beganMs);
    const believesEmpty = this.#isEmptyForLong && emptied?.isSame === true;
    const names = isAll || believesEmpty ? 'all' : [...this.#names];
    this.#names = new Set();
    try {
      const report = await reader.look({ names, believesEmpty }, (news) => {
        this.#largeFiles.note(news);
        return this.#take(news);
      });
      this.#last = report;
      this.#isEmptied = report.emptied !== undefined || this.#isSuspect(report);
      const nowMs = performance.now();
      if (report.isFull) {
        patience.lookedAtAll(nowMs, nowMs - beganMs);
        this.#largeFiles.retry();
      }
      if (report.unsettled > 0) patience.active(nowMs);
      this.#folder.setTroubles(report.troubles);
      // What changed in a folder between its being read and being watched is found by another look.
      if (!this.#watches.watchOnly(report.root, report.folders)) this.#names.add('');
      this.#largeFiles.read(reader);
      return await this.#believe(report);
    } catch (thrown) {
      if (!(thrown instanceof FolderFault)) throw thrown;
      patience.failed(performance.now());
      this.#watches.close();
      return this.#stale(reasonOf(this.#options.directory, thrown));
    }
  }

  /** Commits what may be committed, and says how the source is then. */
  async #believe(report: LookReport): Promise<SourceState> {
    const nowMs = performance.now();
    const { directory } = this.#options;
    const goneSinceMs = this.#patience.goneSince(this.#scene, nowMs);
    if (goneSinceMs !== undefined) this.#folder.expire(goneSinceMs);
    if (!this.#hasCommitted) {
      const reason = this.#whyNotEmpty(report);
      if (reason !== undefined) return this.#stale(reason);
      if (!this.#patience.mayStart(this.#scene, nowMs)) return this.#state.kind === 'stale' ? SYNCING : this.#state;
      await this.#commit(report);
    } else if (this.#patience.mayCommit(this.#scene, nowMs)) await this.#commit(report);
    if (report.emptied === undefined) return { kind: 'synced' };
    return this.#stale(report.emptied.isSame ? `${directory} ${WAITS_EMPTY}` : `${directory} ${IS_ANOTHER}`);
  }

  /** Whether a folder that holds nothing at a start held something in the run before. */
  #isSuspect({ manifests }: LookReport): boolean {
    const before = this.#remembered;
    return (
      !this.#hasCommitted && manifests === 0 && before?.directory === this.#options.directory && before.holdsObjects
    );
  }

  /** Why the folder is not believed to hold nothing at a start; undefined where it is. */
  #whyNotEmpty(report: LookReport): string | undefined {
    const { directory } = this.#options;
    if (!this.#isSuspect(report)) return undefined;
    if (this.#remembered?.identity !== report.identity) return `${directory} ${IS_ANOTHER}`;
    return this.#isEmptyForLong ? undefined : `${directory} ${WAITS_EMPTY}`;
  }

  async #commit({ identity, emptied }: LookReport): Promise<void> {
    await this.#turns.take(async () =>
      this.#options.store.commit([...EVERYTHING_READ, ...(await this.#drive(this.#folder.takeChanges()))]),
    );
    this.#hasCommitted = true;
    this.#patience.committed();
    const holdsObjects = this.#folder.objects > 0;
    if (emptied === undefined)
      await this.#memory?.write({ directory: this.#options.directory, identity, holdsObjects });
  }

  get #scene(): Scene {
    const { missing, hasChanges } = this.#folder;
    const isReadingLarge = this.#largeFiles.isReading;
    return { unsettled: this.#last?.unsettled ?? 0, isReadingLarge, missing, hasChanges };
  }

  async #take(news: FileNews): Promise<void> {
    this.#patience.active(performance.now());
    if (news.kind === 'large') return;
    if (news.kind === 'part') await this.#drive(this.#folder.take(news, performance.now()));
    else await this.#turns.take(() => this.#drive(this.#folder.take(news, performance.now())));
  }

  /** Does work in slices, with room for everything else between them. */
  async #drive<Result>(work: Generator<undefined, Result>): Promise<Result> {
    for (;;) {
      const step = work.next();
      if (step.done === true) return step.value;
      if (performance.now() - this.#breathMs < SLICE_MS) continue;
      await nextTurn();
      this.#breathMs = performance.now();
    }
  }

  /** Until something happens in the folder, or a look is due. */
  async #rest(): Promise<void> {
    const nowMs = performance.now();
    if (this.#names.size > 0) await sleep(BURST_MS);
    else
      await sleep(
        Math.max(this.#patience.nextLookMs(this.#scene, SETTLE_MS, nowMs) - nowMs, BURST_MS),
        this.#wake.signal,
      );
  }

  #stale(reason: string): SourceState {
    const sinceMs = this.#state.kind === 'stale' ? this.#state.sinceMs : Date.now();
    return { kind: 'stale', sinceMs, reason };
  }

  #setState(state: SourceState, onState: () => void): void {
    const isNews = state.kind !== this.#state.kind || reasonIn(state) !== reasonIn(this.#state);
    this.#state = state;
    if (isNews) onState();
  }
}

function reasonIn(state: SourceState): string | undefined {
  return state.kind === 'stale' ? state.reason : undefined;
}

const SYNCING: SourceState = { kind: 'syncing', lacks: 'own' };

const WAITS_EMPTY = `has no manifest any more; what it held is kept, until it has been so for ${String(EMPTY_CONFIRM_MS / 1000)} seconds`;
const IS_ANOTHER =
  'is empty, and another folder than the one that had the manifests, as when a volume is not mounted; what it held is kept. Put a manifest into it, if only one with a comment, where it is meant to be so';

function reasonOf(directory: string, { message, isMissing }: FolderFault): string {
  return isMissing ? `${directory} does not exist` : `cannot read ${directory}: ${message}`;
}

/** Reads a folder, or a single file, once, for `sluice check`. @throws what the file system throws when it cannot be read. */
export function readManifests(path: string, store: Store): ManifestPlaces {
  const folder = new Folder();
  const reader = new FolderReader(path);
  const take = (news: FileNews): void => {
    if (news.kind === 'large') for (const part of reader.readLarge(news.path, news.stamp, new Map())) take(part);
    else resultOf(folder.take(news, 0));
  };
  for (const step of reader.look({ names: 'all', believesEmpty: false })) {
    if (step.kind === 'news') take(step.news);
    else folder.setTroubles(step.report.troubles);
  }
  store.commit([...EVERYTHING_READ, ...resultOf(folder.takeChanges())]);
  return new ManifestPlaces(reader.root, folder.places());
}

function resultOf<Result>(work: Generator<undefined, Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
