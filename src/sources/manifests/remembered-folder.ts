import { readFile, rename, writeFile } from 'node:fs/promises';
import { isRecord } from '../../lib/is-record.ts';
import { messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';

/** What is to be known at the next start: whether the folder held something, and which one it was. */
export interface FolderMemory {
  readonly directory: string;
  /** Device and inode. */
  readonly identity: string;
  readonly holdsObjects: boolean;
}

/**
 * Keeps in the state directory whether the folder of manifests held objects, since an empty folder at a start may be one whose volume
 * is not mounted yet. A damaged file counts as none.
 */
export class RememberedFolder {
  readonly #file: string;
  readonly #logger: Logger;
  #written = '';

  constructor(file: string, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
  }

  async read(): Promise<FolderMemory | undefined> {
    try {
      this.#written = await readFile(this.#file, 'utf8');
      const value: unknown = JSON.parse(this.#written);
      if (!isRecord(value)) return undefined;
      const { directory, identity, holdsObjects } = value;
      if (typeof directory !== 'string' || typeof identity !== 'string' || typeof holdsObjects !== 'boolean')
        return undefined;
      return { directory, identity, holdsObjects };
    } catch {
      return undefined;
    }
  }

  /** Writes what is new. A disk that is full costs no more than the memory. */
  async write(memory: FolderMemory): Promise<void> {
    const text = `${JSON.stringify(memory)}\n`;
    if (text === this.#written) return;
    this.#written = text;
    try {
      await writeFile(`${this.#file}.tmp`, text, { mode: 0o600, flush: true });
      await rename(`${this.#file}.tmp`, this.#file);
    } catch (thrown) {
      this.#logger.warn('cannot note what the folder of manifests held', { error: messageOf(thrown) });
    }
  }
}
