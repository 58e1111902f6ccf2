import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../lib/fault.ts';

/** What a file is known by: nothing that usual tools keep equal when they put another content in its place. */
export interface FileStatus {
  /** Changes whenever the contents may have: `cp -p` and `tar -x` keep the size and the time of the last write, but not that of the last change. */
  readonly stamp: string;
  /** Device and inode: whether it is the same file, however often it is written. */
  readonly identity: string;
  /** In bytes. */
  readonly size: number;
  readonly isRegular: boolean;
  readonly isFolder: boolean;
  /** When it was last changed, by the clock of the file system, in milliseconds. */
  readonly changedMs: number;
}

/** Manifests and folders by their paths relative to the root, which is `''` itself. */
export interface Listing {
  readonly files: Map<string, FileStatus>;
  /** With what each is known by. */
  readonly folders: Map<string, string>;
  /** What cannot be read, and why. */
  readonly troubles: Map<string, string>;
  /** Links to what is not there. */
  readonly dangling: string[];
}

/** @throws what the file system throws */
export function statusOf(path: string): FileStatus {
  const stats = statSync(path, { bigint: true });
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  const identity = `${String(dev)} ${String(ino)}`;
  return {
    stamp: `${identity} ${String(size)} ${String(mtimeNs)} ${String(ctimeNs)}`,
    identity,
    size: Number(size),
    isRegular: stats.isFile(),
    isFolder: stats.isDirectory(),
    changedMs: Number(ctimeNs / 1_000_000n),
  };
}

/** Hidden files, such as editors' and `..data` of ConfigMap volumes, are none. */
export function isManifestName(name: string): boolean {
  return !name.startsWith('.') && /\.(?:ya?ml|json)$/.test(name);
}

/** Lists the manifests of a folder and those below it. @throws what the file system throws when the folder itself cannot be read */
export function listFolder(root: string): Listing {
  const listing: Listing = { files: new Map(), folders: new Map(), troubles: new Map(), dangling: [] };
  listInto(listing, root, '', []);
  return listing;
}

/** Links to folders are followed, but not back into one of `above`, the folders that this one is in. */
function listInto(listing: Listing, root: string, below: string, above: readonly string[]): void {
  const { identity } = statusOf(join(root, below));
  if (above.includes(identity)) return;
  const names = readdirSync(join(root, below));
  listing.folders.set(below, identity);
  for (const name of names) {
    if (name.startsWith('.')) continue;
    const path = below === '' ? name : `${below}/${name}`;
    try {
      const status = statusOf(join(root, path));
      if (status.isFolder) listInto(listing, root, path, [...above, identity]);
      else if (isManifestName(name)) listing.files.set(path, status);
    } catch (thrown) {
      // One that cannot be read, such as `lost+found`, keeps nobody from the others.
      if (!isNotFound(thrown)) listing.troubles.set(path, messageOf(thrown));
      else if (isThere(join(root, path))) listing.dangling.push(path);
    }
  }
}

/** Whether there is an entry of this name, even if it is a link that leads nowhere. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

export function isNotFound(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');
}
