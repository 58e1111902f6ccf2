import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FILES } from './files.ts';

/** How many ports of each kind a checkpoint needs for Gateways. @throws what the file system throws */
export async function readReserve(checkpoint: string): Promise<number> {
  const text = await readFile(join(checkpoint, FILES.reserve), 'utf8');
  return /^\d{1,5}\n$/.test(text) ? Number(text) : 0;
}
