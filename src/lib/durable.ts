import { open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Has what was written to a file, or the names in a folder, outlast a loss of power. @throws what the file system throws */
export async function makeDurable(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file as a whole, for its owner alone: whoever reads it finds the old text or the new one. After a crash, a file `PATH.tmp` may stay
 * behind; after a loss of power, the file may be empty. @throws what the file system throws
 */
export async function replaceFile(path: string, text: string, { flush = false } = {}): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFile(temporary, text, { mode: 0o600, flush });
  await rename(temporary, path);
}

/** The same for a file that is found whole after a loss of power, too: with its old text or the new one. @throws what the file system throws */
export async function writeDurably(path: string, text: string): Promise<void> {
  await replaceFile(path, text, { flush: true });
  await makeDurable(dirname(path));
}
