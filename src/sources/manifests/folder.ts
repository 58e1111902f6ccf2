import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../lib/fault.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { nameOf, type ObjectRef } from '../../model/object.ts';
import { admitObject, findingsKey, type Admission } from '../admit/admit.ts';
import { kindTypo } from '../admit/kind-typo.ts';
import type { Change } from '../change.ts';
import { parseFile, type RawDocument } from './document.ts';
import type { Place, PlaceTable } from './places.ts';
import { decodeText } from './text.ts';

/** Files larger than this are not read, in bytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * How often a file must be found empty until it counts as empty. On a busy machine some time passes between the moment
 * when a program empties a file and the one when it writes it: half a second has been seen, and a scan takes 25 ms at least.
 */
const EMPTY_SCANS = 40;

/** One object of a file with what admission made of it. */
interface Held {
  readonly digest: string;
  readonly place: Place;
  readonly admission: Admission;
}

interface FileState {
  /** Changes whenever the file may have. */
  readonly stamp: string;
  readonly held: readonly Held[];
  readonly findings: readonly Finding[];
}

/** A file that is being written, or may be. */
interface Unsettled {
  readonly stamp: string;
  /** How many scans have found it so, after the first. */
  readonly scans: number;
}

/** What a scan of the folder says ought to be in the Store; `key` is unique within `table`. */
export interface FolderContents {
  readonly changes: readonly Change[];
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  readonly places: PlaceTable;
  /** The folder and those below it, as absolute or given paths: what must be watched. */
  readonly directories: readonly string[];
  /** False while a file is still being written: the folder must be scanned again soon. */
  readonly isSettled: boolean;
}

/**
 * The manifests of one folder and its sub-folders, as they were at the last scan. Files that have not
 * changed are not read again; objects that have not changed stay the same objects.
 */
export class Folder {
  readonly #root: string;
  #files: Map<string, FileState> | undefined;
  /** Files that looked different at the last scan. */
  #unsettled = new Map<string, Unsettled>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Reads what has changed. @throws what the file system throws when the folder itself cannot be read. */
  async scan(): Promise<FolderContents> {
    const files = new Map<string, FileState>();
    const unsettled = new Map<string, Unsettled>();
    const found: Listing = { paths: [], directories: [], unreadable: new Map() };
    await listFolder(this.#root, '', [], found);
    for (const path of found.paths) {
      const state = await this.#scanFile(path, unsettled);
      if (state !== undefined) files.set(path, state);
    }
    for (const [path, message] of found.unreadable) this.#keepFolder(path, message, files);
    this.#files = files;
    this.#unsettled = unsettled;
    return { ...contentsOf(files), directories: found.directories, isSettled: unsettled.size === 0 };
  }

  async #scanFile(path: string, unsettled: Map<string, Unsettled>): Promise<FileState | undefined> {
    const known = this.#files?.get(path);
    const ref: ObjectRef = { kind: 'Manifest', namespace: '', name: path };
    const unreadable = (message: string, line: number, stamp: string): FileState => {
      const field = line > 0 ? `line ${String(line)}` : '';
      return { stamp, held: known?.held ?? [], findings: [finding('ManifestUnreadable', ref, field, message)] };
    };
    try {
      const file = join(this.#root, path);
      const { stamp, size, isRegular } = await stampOf(file);
      if (known?.stamp === stamp) return known;
      // Reading a pipe or a device may never end, and everything behind it would wait.
      if (!isRegular) return unreadable('it is not a regular file', 0, stamp);
      // Most editors and tools truncate a file before they write it, and half a manifest may well be valid YAML:
      // after the first scan a file is read once it looks the same twice.
      const before = this.#unsettled.get(path);
      const scans = before?.stamp === stamp ? before.scans + 1 : 0;
      if (this.#files !== undefined && scans < (size === 0 ? EMPTY_SCANS : 1)) {
        unsettled.set(path, { stamp, scans });
        return known;
      }
      if (size > MAX_FILE_BYTES) return unreadable(`the file has ${String(size)} bytes`, 0, stamp);
      const bytes = await readFile(file);
      if (bytes.length < size || (await stampOf(file)).stamp !== stamp) {
        // It was written anew while it was read, and what was read may be half of it.
        if (this.#files === undefined) return await this.#scanFile(path, unsettled);
        unsettled.set(path, { stamp, scans: 0 });
        return known;
      }
      const decoded = decodeText(bytes);
      const parsed = decoded.kind === 'broken' ? decoded : parseFile(decoded.text);
      if (parsed.kind === 'broken') return unreadable(parsed.message, parsed.line, stamp);
      return { stamp, ...admitDocuments(parsed.documents, path, known, ref) };
    } catch (thrown) {
      if (isNotFound(thrown)) return undefined;
      return unreadable(messageOf(thrown), 0, '');
    }
  }

  /** What a sub-folder held before it could not be read any more keeps being served, as with a file. */
  #keepFolder(folder: string, message: string, files: Map<string, FileState>): void {
    for (const [path, state] of this.#files ?? []) if (path.startsWith(`${folder}/`)) files.set(path, state);
    const ref: ObjectRef = { kind: 'Manifest', namespace: '', name: folder };
    files.set(folder, { stamp: '', held: [], findings: [finding('ManifestUnreadable', ref, '', message)] });
  }
}

/** What of a file changes whenever its contents may have. */
async function stampOf(
  path: string,
): Promise<{ readonly stamp: string; readonly size: number; readonly isRegular: boolean }> {
  const stats = await stat(path);
  const { mtimeMs, size, ino } = stats;
  return { stamp: `${String(mtimeMs)} ${String(size)} ${String(ino)}`, size, isRegular: stats.isFile() };
}

function admitDocuments(
  documents: readonly RawDocument[],
  path: string,
  known: FileState | undefined,
  ref: ObjectRef,
): Pick<FileState, 'held' | 'findings'> {
  const before = new Map(known?.held.map((held) => [`${held.digest} ${String(held.place.line)}`, held]));
  const findings: Finding[] = [];
  const held: Held[] = [];
  for (const document of documents) {
    const same = before.get(`${document.digest} ${String(document.line)}`);
    if (same !== undefined) {
      held.push(same);
      continue;
    }
    const { raw, line, index, item, digest } = document;
    const admission = admitObject(raw);
    const place: Place = { path, document: index, item, line };
    if (admission !== undefined)
      held.push({ digest, place, admission: document.isTooLarge ? tooLarge(admission, known) : admission });
    const typo = admission === undefined ? kindTypo(raw) : undefined;
    if (typo !== undefined)
      findings.push(finding('ObjectMalformed', ref, `line ${String(line)}`, typo.message, typo.remedy));
  }
  return { held, findings };
}

/** An object that no API server would take is refused; a smaller version from before is kept. */
function tooLarge(admission: Admission, known: FileState | undefined): Admission {
  const before = known?.held.find((held) => findingsKey(held.admission.ref) === findingsKey(admission.ref));
  const message = 'the object is larger than 1 MiB';
  return {
    ref: admission.ref,
    change: before?.admission.change,
    findings: [finding('ObjectTooLarge', admission.ref, '', message)],
    observed: undefined,
  };
}

/** Of two documents for one object the first counts, by path and then by place in the file. */
function contentsOf(files: ReadonlyMap<string, FileState>): Pick<FolderContents, 'changes' | 'findings' | 'places'> {
  const changes = new Map<string, Change>();
  const objects = new Map<string, Place>();
  const strays = new Map<Finding, Place>();
  const findings = new Map<string, readonly Finding[]>();
  const add = (key: string, more: readonly Finding[]): void => {
    if (more.length > 0) findings.set(key, [...(findings.get(key) ?? []), ...more]);
  };
  for (const [path, file] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    add(`Manifest/${path}`, file.findings);
    for (const { admission, place } of file.held) {
      const key = findingsKey(admission.ref);
      // What could not be admitted is no object, and may well have no name that tells it from another.
      if (admission.change === undefined) {
        for (const item of admission.findings) strays.set(item, place);
        add(key, admission.findings);
        continue;
      }
      const owner = objects.get(key);
      if (owner !== undefined) {
        const message = `${nameOf(admission.ref)} in ${placeText(place)} is already in ${placeText(owner)}, which counts`;
        const duplicate = finding('ObjectDuplicate', admission.ref, '', message);
        strays.set(duplicate, place);
        add(key, [duplicate]);
        continue;
      }
      objects.set(key, place);
      add(key, admission.findings);
      changes.set(changeKey(admission.change), admission.change);
    }
  }
  return { changes: [...changes.values()], findings, places: { objects, strays } };
}

function placeText({ path, line }: Place): string {
  return `${path}:${String(line)}`;
}

/** Paths of manifests relative to the root, and the folders that were looked into. */
interface Listing {
  readonly paths: string[];
  readonly directories: string[];
  /** Sub-folders, relative to the root, and why they cannot be read. */
  readonly unreadable: Map<string, string>;
}

/**
 * Hidden files, such as editors' and `..data` of ConfigMap volumes, are passed over; links to folders are followed, but not
 * back into one of `above`, the folders that this one is in.
 */
async function listFolder(root: string, below: string, above: readonly string[], found: Listing): Promise<void> {
  const directory = join(root, below);
  const identity = await identityOf(directory);
  if (above.includes(identity)) return;
  const entries = await readdir(directory, { withFileTypes: true });
  found.directories.push(directory);
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (await isDirectory(join(root, path))));
    if (isFolder) await listSubFolder(root, path, [...above, identity], found);
    else if (/\.(?:ya?ml|json)$/.test(entry.name)) found.paths.push(path);
  }
}

/** One that cannot be read, such as `lost+found`, keeps nobody from the others. */
async function listSubFolder(root: string, path: string, above: readonly string[], found: Listing): Promise<void> {
  try {
    await listFolder(root, path, above, found);
  } catch (thrown) {
    if (!isNotFound(thrown)) found.unreadable.set(path, messageOf(thrown));
  }
}

/** Equal for equal folders, whatever way leads there. */
async function identityOf(directory: string): Promise<string> {
  const { dev, ino } = await stat(directory);
  return `${String(dev)} ${String(ino)}`;
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}

/** The table and key of a change, as one string. */
export function changeKey(change: Change): string {
  return `${change.table} ${change.key}`;
}
