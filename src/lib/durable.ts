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
 * Writes a file as a whole, for its owner alone: whoever reads it after a crash or a loss of power, finds the old text or the new one.
 * A file `PATH.tmp` may stay behind then. @throws what the file system throws
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFile(temporary, text, { mode: 0o600, flush: true });
  await rename(temporary, path);
  await makeDurable(dirname(path));
}
