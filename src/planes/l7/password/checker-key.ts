import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../../lib/durable.ts';
import { Fault, messageOf } from '../../../lib/fault.ts';

/**
 * What only the HAProxy of a state directory and Sluice know, in 64 hexadecimal digits: made once and kept there, so that a Sluice that is
 * started anew is believed by the HAProxy that it finds. @throws Fault `state-directory` when it cannot be kept
 */
export async function checkerKey(stateDirectory: string): Promise<string> {
  const path = join(stateDirectory, 'checker-key');
  const known = await readFile(path, 'utf8').catch(() => '');
  if (/^[0-9a-f]{64}$/.test(known)) return known;
  const key = randomBytes(32).toString('hex');
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    await writeDurably(path, key);
  } catch (cause) {
    const message = `cannot write to the state directory ${stateDirectory}: ${messageOf(cause)}`;
    throw new Fault('state-directory', message, { cause, retryable: false });
  }
  return key;
}
