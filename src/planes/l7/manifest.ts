import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../lib/fault.ts';
import { isRecord } from '../../lib/is-record.ts';

/** The file in a checkpoint that says what else is in it. */
export const MANIFEST = 'manifest.json';

/** What a checkpoint has to hold. */
export interface Manifest {
  /** The rules that the files were written for (`rulesOf`): other rules may read them otherwise. */
  readonly rules: string;
  /** SHA-256 in hexadecimal digits, by file. */
  readonly files: Readonly<Record<string, string>>;
}

export function printManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 1)}\n`;
}

/** The name of the folder for a checkpoint with this manifest: it vouches for the manifest, as that does for the files. */
export function folderName(manifest: string): string {
  return `checkpoint-${createHash('sha256').update(manifest).digest('hex').slice(0, 16)}`;
}

/** Why the checkpoint in a folder cannot be used with these rules; undefined when every byte is as it was written. */
export async function whyUnusable(folder: string, rules: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(folder, MANIFEST), 'utf8');
    if (folderName(text) !== basename(folder)) return `${MANIFEST} is damaged`;
    const manifest: unknown = JSON.parse(text);
    if (!isRecord(manifest) || !isRecord(manifest['files'])) return `${MANIFEST} is of another version`;
    if (manifest['rules'] !== rules) return 'it was written by another version';
    for (const [file, digest] of Object.entries(manifest['files']))
      if ((await digestOf(join(folder, file))) !== digest) return `${file} is damaged`;
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
