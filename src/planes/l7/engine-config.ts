import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineConfig } from '../../model/http/engine-config.ts';
import { FILES } from './files.ts';

/** What is said of the engine in a checkpoint, which has been verified. @throws what the file system throws */
export async function engineConfigIn(folder: string): Promise<EngineConfig> {
  // Written by `renderCheckpoint` from a value of this type, and not changed since.
  return JSON.parse(await readFile(join(folder, FILES.engine), 'utf8')) as EngineConfig;
}

/** Whether the engine is told the same by both. */
export function isSameConfig(a: EngineConfig, b: EngineConfig): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** Whether it names ciphers or groups of TLS. */
export function hasNames({ tlsCiphers, tlsCurves }: EngineConfig): boolean {
  return tlsCiphers !== undefined || tlsCurves !== undefined;
}

export function withoutNames({ tlsCiphers: _, tlsCurves: __, ...rest }: EngineConfig): EngineConfig {
  return rest;
}
