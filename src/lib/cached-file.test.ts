import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CachedFile } from './cached-file.ts';

let dir: string;
let nowMs: number;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cached-file-'));
  nowMs = 0;
});
afterEach(() => rm(dir, { recursive: true }));

async function fileWith(content: string): Promise<CachedFile> {
  await writeFile(join(dir, 'file'), content);
  return new CachedFile(join(dir, 'file'), 1000, () => nowMs);
}

describe('CachedFile', () => {
  it('reads again only when the content is old enough', async () => {
    const file = await fileWith('one');
    await expect(file.read()).resolves.toBe('one');
    await writeFile(file.path, 'two');
    nowMs = 999;
    await expect(file.read()).resolves.toBe('one');
    nowMs = 1000;
    await expect(file.read()).resolves.toBe('two');
  });

  it('reads again at once when told that the content is no good', async () => {
    const file = await fileWith('one');
    await file.read();
    await writeFile(file.path, 'two');
    file.expire();
    await expect(file.read()).resolves.toBe('two');
  });

  it('keeps the last content while the file is being replaced', async () => {
    const file = await fileWith('one');
    await file.read();
    await rm(file.path);
    nowMs = 5000;
    await expect(file.read()).resolves.toBe('one');
    await writeFile(file.path, 'two');
    await expect(file.read()).resolves.toBe('two');
  });

  it('fails when there never was any content', async () => {
    await expect(new CachedFile(join(dir, 'missing'), 1000).read()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
