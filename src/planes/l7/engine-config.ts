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

/**
 * What may be started with in place of a configuration with which no process starts, the one with most of it first. Which names of ciphers and
 * groups there are, only the TLS library knows: with another one the configuration `isInvalid`. How many connections a process can have, it
 * learns when it starts.
 */
export function lesserConfigs(config: EngineConfig, isInvalid: boolean): readonly EngineConfig[] {
  const { maxConnections: _, ...fewer } = config;
  const { tlsCiphers, tlsCurves, ...nameless } = config;
  const { maxConnections, ...neither } = nameless;
  if (!isInvalid) return maxConnections === undefined ? [] : [fewer];
  if (tlsCiphers === undefined && tlsCurves === undefined) return [];
  return maxConnections === undefined ? [nameless] : [nameless, neither];
}
