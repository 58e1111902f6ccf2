import { closeSync, openSync, readSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../../lib/fault.ts';
import { readFile, type FileNews, type SentSections } from './file-reading.ts';
import { isManifestName, isNotFound, isThere, listFolder, statusOf, type FileStatus, type Listing } from './listing.ts';

/** Files larger than this are not read, in bytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Files larger than this are read on a thread of their own, so that others do not wait for them, in bytes. */
const LARGE_FILE_BYTES = 128 * 1024;

/**
 * Most editors and tools truncate a file before they write it, and half a manifest may well be valid YAML: after the start a file is
 * read once it has looked the same for so long, in milliseconds.
 */
export const SETTLE_MS = 15;

/** The same for a file that is shorter than it was, in the same place, and does not end as a file ends: it looks like half of itself. */
const HALF_SETTLE_MS = 250;

/** File systems date changes in steps; one in the same step as the reading would go unnoticed. In milliseconds. */
const CLOCK_STEP_MS = 20;

interface KnownFile {
  readonly stamp: string;
  readonly identity: string;
  readonly size: number;
  readonly sent: SentSections;
}

/** A file that looked different at the last look. */
interface Unsettled {
  readonly stamp: string;
  readonly sinceMs: number;
  readonly patienceMs: number;
}

/** What is to be looked at: everything, or what events have named, as paths relative to the root. */
export interface LookRequest {
  readonly names: readonly string[] | 'all';
  /** Whether a folder without a manifest that had some is to be believed. */
  readonly believesEmpty: boolean;
}

/** What a look has found, besides the news of single files. */
export interface LookReport {
  /** The folder that paths are relative to. */
  readonly root: string;
  /** Whether everything was looked at. */
  readonly isFull: boolean;
  /** How many files are being written, or may be. */
  readonly unsettled: number;
  /** How many manifests there are. */
  readonly manifests: number;
  /** What the root is known by. */
  readonly identity: string;
  /** The root has no manifest, and had some: what they held is kept. `isSame` says whether it is the folder that had them. */
  readonly emptied: { readonly isSame: boolean } | undefined;
  /** Folders and links that cannot be read, and why: what was in them is kept. */
  readonly troubles: ReadonlyMap<string, string>;
  /** The folders that must be watched: relative path and what each is known by. */
  readonly folders: ReadonlyMap<string, string>;
}

/** A step of a look. */
export type LookStep =
  { readonly kind: 'news'; readonly news: FileNews } | { readonly kind: 'report'; readonly report: LookReport };

/**
 * Looks at a folder, or at a single file, and tells what has changed since the last look. Everything here blocks, which is why
 * `sluice run` has it on a thread of its own.
 */
export class FolderReader {
  readonly #given: string;
  #isFile: boolean | undefined;
  #isFirst = true;
  readonly #files = new Map<string, KnownFile>();
  readonly #unsettled = new Map<string, Unsettled>();
  /** Folders with manifests in or below them, and what they were known by then. */
  #homes = new Map<string, string>();
  #last: LookReport | undefined;

  /** @param path of a folder, or of a single manifest */
  constructor(path: string) {
    this.#given = path;
  }

  /** The folder that paths are relative to. */
  get root(): string {
    return this.#isFile === true ? dirname(this.#given) : this.#given;
  }

  /** Tells the news of files one after the other, and at the end the report. @throws what the file system throws when the root cannot be read */
  *look({ names, believesEmpty }: LookRequest): Generator<LookStep, void> {
    const nowMs = performance.now();
    const last = this.#last;
    if (
      names === 'all' ||
      last === undefined ||
      this.#isFile === true ||
      names.some((name) => this.#isMoreThanAFile(name))
    )
      return yield* this.#lookAtAll(believesEmpty, nowMs);
    for (const path of new Set([
      ...names.filter((name) => isManifestName(basename(name))),
      ...this.#unsettled.keys(),
    ])) {
      try {
        yield* this.#lookAt(path, statusOf(join(this.root, path)), nowMs);
      } catch (thrown) {
        if (!isNotFound(thrown)) throw thrown;
        // Whether it went, or the folder that it is in: only a look at all of them tells.
        if (this.#files.has(path) || isThere(join(this.root, path)))
          return yield* this.#lookAtAll(believesEmpty, nowMs);
        this.#unsettled.delete(path);
      }
    }
    yield { kind: 'report', report: { ...last, isFull: false, unsettled: this.#unsettled.size } };
  }

  /** A file that a look has told as `large`. */
  *readLarge(path: string, stamp: string, sent: SentSections): Generator<FileNews, void> {
    this.#isFile ??= !statusOf(this.#given).isFolder;
    yield* readFile(this.root, path, stamp, sent);
  }

  *#lookAtAll(believesEmpty: boolean, nowMs: number): Generator<LookStep, void> {
    const listing = this.#list();
    const troubles = this.#troublesIn(listing);
    const isEmptied = listing.files.size === 0 && this.#files.size > 0 && !believesEmpty;
    const identity = listing.folders.get('') ?? '';
    const emptied = isEmptied ? { isSame: this.#homes.get('') === identity } : undefined;
    if (!isEmptied)
      for (const path of this.#files.keys())
        if (!listing.files.has(path) && !isWithin(path, troubles)) yield this.#forget(path);
    for (const path of this.#unsettled.keys()) if (!listing.files.has(path)) this.#unsettled.delete(path);
    for (const [path, status] of listing.files) yield* this.#lookAt(path, status, nowMs);
    this.#isFirst = false;
    if (!isEmptied) this.#homes = this.#homesIn(listing, troubles);
    this.#last = {
      root: this.root,
      isFull: true,
      unsettled: this.#unsettled.size,
      manifests: listing.files.size,
      identity,
      emptied,
      troubles,
      folders: listing.folders,
    };
    yield { kind: 'report', report: this.#last };
  }

  #list(): Listing {
    const status = statusOf(this.#given);
    if (!status.isFolder && !status.isRegular) throw new Fault('manifests', 'it is neither a folder nor a file');
    const isFile = !status.isFolder;
    if (this.#isFile !== undefined && this.#isFile !== isFile)
      throw new Fault('manifests', isFile ? 'it is not a folder any more' : 'it is not a file any more');
    this.#isFile = isFile;
    if (!isFile) return listFolder(this.#given);
    const folders = new Map([['', statusOf(this.root).identity]]);
    return { files: new Map([[basename(this.#given), status]]), folders, troubles: new Map(), dangling: [] };
  }

  /** What of a listing cannot be believed, and why. */
  #troublesIn(listing: Listing): ReadonlyMap<string, string> {
    const troubles = new Map(listing.troubles);
    for (const path of listing.dangling)
      if (this.#homes.has(path) || isManifestName(basename(path)))
        troubles.set(path, 'it is a link to something that is not there');
    const homes = foldersAbove(listing.files.keys());
    for (const [path, identity] of this.#homes) {
      const now = listing.folders.get(path);
      if (path !== '' && now !== undefined && now !== identity && !homes.has(path))
        troubles.set(path, 'it is empty, and another folder than before, as when a volume is unmounted');
    }
    return troubles;
  }

  #homesIn(listing: Listing, troubles: ReadonlyMap<string, string>): Map<string, string> {
    const homes = new Map([...this.#homes].filter(([path]) => isWithin(path, troubles)));
    for (const path of foldersAbove(listing.files.keys())) homes.set(path, listing.folders.get(path) ?? '');
    return homes;
  }

  /** Whether an event about this name may be about other manifests, such as all in a folder, or all behind a link. */
  #isMoreThanAFile(name: string): boolean {
    if (isManifestName(basename(name))) return false;
    // What happens to the folder itself is reported under its own name.
    if (name === basename(this.root)) return true;
    const path = join(this.root, name);
    try {
      // A link is one to a file of a ConfigMap volume (`..data`), or to a folder.
      return statusOf(path).isFolder;
    } catch {
      return this.#homes.has(name) || basename(name).startsWith('..') || isThere(path);
    }
  }

  *#lookAt(path: string, status: FileStatus, nowMs: number): Generator<LookStep, void> {
    const known = this.#files.get(path);
    if (known?.stamp === status.stamp) {
      this.#unsettled.delete(path);
      return;
    }
    if (!this.#isFirst && !this.#isSettled(path, status, nowMs)) return;
    const sent: SentSections = known?.sent ?? new Map();
    const keep = (stamp: string): void => {
      this.#files.set(path, { stamp, identity: status.identity, size: status.size, sent });
      this.#unsettled.delete(path);
      // At the start nothing has been looked at twice: what was changed a moment ago is read once more.
      if (this.#isFirst && status.changedMs > Date.now() - CLOCK_STEP_MS) {
        this.#files.set(path, { stamp: '', identity: status.identity, size: status.size, sent });
        this.#wait(path, status.stamp, nowMs, CLOCK_STEP_MS);
      }
    };
    const broken = (message: string): LookStep => ({ kind: 'news', news: { kind: 'broken', path, message, line: 0 } });
    if (!status.isRegular) {
      keep(status.stamp);
      // Reading a pipe or a device may never end, and everything behind it would wait.
      yield broken('it is not a regular file');
    } else if (status.size > MAX_FILE_BYTES) {
      keep(status.stamp);
      yield broken(`the file has ${String(status.size)} bytes`);
    } else if (status.size > LARGE_FILE_BYTES) {
      keep(status.stamp);
      yield { kind: 'news', news: { kind: 'large', path, stamp: status.stamp } };
    } else {
      for (const news of readFile(this.root, path, status.stamp, sent)) {
        if (news.kind === 'abandoned') this.#wait(path, '', nowMs, SETTLE_MS);
        // Tried again at every look, whether it changes or not.
        else if (news.kind === 'unreadable') keep('');
        else if (news.kind !== 'part') keep(status.stamp);
        yield { kind: 'news', news };
      }
    }
  }

  /** Whether a file that has changed has looked the same for long enough to be read. */
  #isSettled(path: string, status: FileStatus, nowMs: number): boolean {
    const before = this.#unsettled.get(path);
    if (before?.stamp === status.stamp) return nowMs - before.sinceMs >= before.patienceMs;
    const known = this.#files.get(path);
    const isShorter = known?.identity === status.identity && status.size > 0 && status.size < known.size;
    const looksHalf = isShorter && status.isRegular && !endsAsFilesEnd(join(this.root, path), status.size);
    this.#wait(path, status.stamp, nowMs, looksHalf ? HALF_SETTLE_MS : SETTLE_MS);
    return false;
  }

  #wait(path: string, stamp: string, sinceMs: number, patienceMs: number): void {
    this.#unsettled.set(path, { stamp, sinceMs, patienceMs });
  }

  #forget(path: string): LookStep {
    this.#files.delete(path);
    return { kind: 'news', news: { kind: 'gone', path } };
  }
}

/** With a line, or with the end of something in flow style. */
function endsAsFilesEnd(path: string, size: number): boolean {
  const file = openSync(path, 'r');
  try {
    const last = Buffer.alloc(1);
    readSync(file, last, 0, 1, size - 1);
    return /[\n}\]]/.test(last.toString());
  } finally {
    closeSync(file);
  }
}

/** All folders that the files are in, with those above. */
function foldersAbove(paths: Iterable<string>): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    let folder = path;
    do {
      folder = dirname(folder) === '.' ? '' : dirname(folder);
      if (folders.has(folder)) break;
      folders.add(folder);
    } while (folder !== '');
  }
  return folders;
}

/** Whether a path is one of those, or below one. */
function isWithin(path: string, troubles: ReadonlyMap<string, string>): boolean {
  if (troubles.size === 0) return false;
  if (troubles.has(path)) return true;
  const above = dirname(path);
  return above !== '.' && isWithin(above, troubles);
}
