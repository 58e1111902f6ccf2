import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/**
 * Does `work` while no other process does so for the same folder, and waits for its turn.
 *
 * The lock is flock(2)'s, held by a small process that ends when our end of its pipe closes, so that
 * no crash of ours leaves a stale lock behind. Node has no flock of its own.
 *
 * @param onWait called once when somebody else holds the lock
 */
export async function withFolderLock<T>(folder: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, '.lock');
  const release = (await takeLock(file, ['--nonblock'])) ?? (await waitForLock(file, onWait));
  try {
    return await work();
  } finally {
    release();
  }
}

async function waitForLock(file: string, onWait: () => void): Promise<() => void> {
  onWait();
  const release = await takeLock(file, []);
  if (release === undefined) throw new Error(`flock(1) gave up on ${file}; is the disk full or read-only?`);
  return release;
}

/** Undefined when flock ended without the lock. */
async function takeLock(file: string, flags: readonly string[]): Promise<(() => void) | undefined> {
  const holder = spawn('flock', [...flags, '--conflict-exit-code', '75', file, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = once(holder, 'close');
  const failure = text(holder.stderr);
  const isLocked = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (isLocked) return () => holder.stdin.end();
  if (holder.exitCode !== 75)
    throw new Error(`flock(1) on ${file} ended with status ${holder.exitCode}: ${await failure}`);
  return undefined;
}
