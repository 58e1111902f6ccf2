import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDurable } from '../../lib/durable.ts';
import type { Checkpoint } from './checkpoint.ts';
import { folderName, MANIFEST, printManifest, whyUnusable } from './manifest.ts';

/** The link to the checkpoint that was kept last, and to the one before it. */
const LINKS = { current: 'current', previous: 'previous' } as const;

/** What is not whole yet. */
const TEMPORARY = 'checkpoint.tmp';

/** How much is handed to the disk at once, in characters. */
const BATCH = 262_144;

/** How many files are made durable at the same time: the file system makes one effort of them. */
const AT_ONCE = 16;

/** A checkpoint that was not what it should be. */
export interface Damage {
  readonly folder: string;
  readonly reason: string;
}

/**
 * The checkpoints in a state directory. Keys are in them: everything is readable by the owner only. Whoever uses one of these methods
 * waits until the one before has ended.
 */
export class CheckpointStore {
  readonly #stateDirectory: string;
  readonly #rules: string;
  /** The one that was written last: a process may be starting on it. */
  #laidDown: { readonly name: string; readonly files: readonly string[] } | undefined;

  /** `rules`: see {@link whyUnusable}. */
  constructor(stateDirectory: string, rules: string) {
    this.#stateDirectory = stateDirectory;
    this.#rules = rules;
  }

  /**
   * Writes a checkpoint into a folder of its own, which it returns. HAProxy can start on it; it outlasts a loss of power, and is found
   * by {@link lastGood}, once it is kept. @throws what the file system throws
   */
  async layDown(checkpoint: Checkpoint): Promise<string> {
    // Whatever a crash has left makes room first.
    await this.#removeOthers();
    const temporary = this.#path(TEMPORARY);
    try {
      const manifest = await this.#write(temporary, checkpoint);
      const name = folderName(manifest.text);
      if ((await whyUnusable(this.#path(name), this.#rules)) !== undefined) {
        await rm(this.#path(name), { recursive: true, force: true });
        await rename(temporary, this.#path(name));
      }
      this.#laidDown = { name, files: manifest.files };
      return this.#path(name);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async #write(
    folder: string,
    checkpoint: Checkpoint,
  ): Promise<{ readonly text: string; readonly files: readonly string[] }> {
    await mkdir(join(folder, 'certs'), { recursive: true, mode: 0o700 });
    const digests: Record<string, string> = {};
    for (const [file, pieces] of checkpoint) digests[file] = await writePieces(join(folder, file), pieces);
    const text = printManifest({ rules: this.#rules, files: digests });
    await writeFile(join(folder, MANIFEST), text, { mode: 0o600 });
    return { text, files: [MANIFEST, ...Object.keys(digests)] };
  }

  /**
   * Makes the checkpoint that was laid down last the one that is served when there is nothing else, once all of it is on the disk.
   * The one before it stays, for when this one is damaged. @throws what the file system throws
   */
  async keep(): Promise<void> {
    if (this.#laidDown === undefined) return;
    const { name, files } = this.#laidDown;
    const before = await this.#linked('current');
    if (name === before) return;
    await makeFilesDurable(this.#path(name), files);
    await makeDurable(this.#stateDirectory);
    if (before !== undefined) await this.#link('previous', before);
    await this.#link('current', name);
    await makeDurable(this.#stateDirectory);
    await this.#removeOthers();
  }

  /** The newest checkpoint every byte of which is as it was written, if there is one, and those that were passed over. */
  async lastGood(): Promise<{ readonly folder: string | undefined; readonly damaged: readonly Damage[] }> {
    const damaged: Damage[] = [];
    for (const link of [LINKS.current, LINKS.previous]) {
      const name = await this.#linked(link);
      if (name === undefined) continue;
      const folder = this.#path(name);
      const reason = await whyUnusable(folder, this.#rules);
      if (reason === undefined) return { folder, damaged };
      damaged.push({ folder, reason });
    }
    return { folder: undefined, damaged };
  }

  #path(name: string): string {
    return join(this.#stateDirectory, name);
  }

  async #linked(link: keyof typeof LINKS): Promise<string | undefined> {
    return readlink(this.#path(link)).catch(() => undefined);
  }

  async #link(link: keyof typeof LINKS, name: string): Promise<void> {
    const temporary = this.#path(`${link}.tmp`);
    await rm(temporary, { force: true });
    await symlink(name, temporary);
    await rename(temporary, this.#path(link));
  }

  /** Old checkpoints fill the disk, and hold keys. */
  async #removeOthers(): Promise<void> {
    const kept = new Set([this.#laidDown?.name, await this.#linked('current'), await this.#linked('previous')]);
    for (const name of await readdir(this.#stateDirectory)) {
      const isCheckpoint = name.startsWith('checkpoint-') || name === TEMPORARY;
      if (isCheckpoint && !kept.has(name)) await rm(this.#path(name), { recursive: true, force: true });
    }
  }
}

/**
 * Joined, hashed and written bit by bit, so that a change never waits for the checkpoint of ten thousand backends. Returns the SHA-256.
 */
async function writePieces(path: string, pieces: Iterable<string>): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'w', 0o600);
  const write = async (text: string): Promise<void> => {
    hash.update(text);
    await file.writeFile(text);
  };
  try {
    let batch: string[] = [];
    let length = 0;
    for (const piece of pieces) {
      batch.push(piece);
      length += piece.length;
      if (length < BATCH) continue;
      await write(batch.join(''));
      [batch, length] = [[], 0];
    }
    await write(batch.join(''));
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

async function makeFilesDurable(folder: string, files: readonly string[]): Promise<void> {
  for (let start = 0; start < files.length; start += AT_ONCE)
    await Promise.all(files.slice(start, start + AT_ONCE).map((file) => makeDurable(join(folder, file))));
  for (const inner of new Set(files.map((file) => dirname(join(folder, file))))) await makeDurable(inner);
}
