import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withFolderLock } from './folder-lock.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-lock-'));
});

afterEach(() => rm(folder, { recursive: true }));

function refuseToWait(): never {
  throw new Error('the lock is taken');
}

function doNothing(): void {}

/** Another process that holds the lock until it is killed. */
const holder = `
  const { withFolderLock } = await import(process.argv[1]);
  await withFolderLock(process.argv[2], () => {}, () => {
    process.stdout.write('locked');
    return new Promise(() => setInterval(() => {}, 60_000));
  });
`;

describe('the lock on a folder', () => {
  it('lets one in after the other', async () => {
    const log: string[] = [];
    const waiting = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const first = withFolderLock(folder, refuseToWait, async () => {
      started.resolve();
      await waiting.promise;
      log.push('first');
    });
    await started.promise;
    const second = withFolderLock(folder, waiting.resolve, () => Promise.resolve(log.push('second')));
    await Promise.all([first, second]);
    expect(log).toEqual(['first', 'second']);
  });

  it('is given back when the work fails', async () => {
    const failing = withFolderLock(folder, refuseToWait, () => Promise.reject(new Error('no disk')));
    await expect(failing).rejects.toThrow('no disk');
    // Waiting is no failure here: the process that held it may be on its way out still.
    expect(await withFolderLock(folder, doNothing, () => Promise.resolve('in'))).toBe('in');
  });

  it('is free again when its holder was killed', async () => {
    const lock = join(import.meta.dirname, 'folder-lock.ts');
    const other = spawn(process.execPath, ['--input-type=module', '--eval', holder, lock, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(other.stdout, 'data');
    const waiting = Promise.withResolvers<void>();
    const mine = withFolderLock(folder, waiting.resolve, () => Promise.resolve('in'));
    await waiting.promise;
    other.kill('SIGKILL');
    expect(await mine).toBe('in');
  });
});
