import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Fault } from '../../lib/fault.ts';
import type { LookRequest } from './folder-reader.ts';
import { ThreadReader } from './thread-reader.ts';

let folder: string;
let reader: ThreadReader;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-thread-'));
  reader = new ThreadReader(folder);
});
afterEach(async () => {
  await reader.close();
  await rm(folder, { recursive: true, force: true });
});

it('takes a folder that cannot be read for a Fault, and a bug on the thread for a bug', async () => {
  const request: LookRequest = { names: 'all', believesEmpty: false };
  const take = (): Promise<void> => Promise.resolve();
  await reader.look(request, take);
  const bug = reader.look({ ...request, names: 5 as unknown as LookRequest['names'] }, take);
  await expect(bug).rejects.toThrow(TypeError);
  await expect(bug).rejects.not.toBeInstanceOf(Fault);
  await rm(folder, { recursive: true });
  await expect(new ThreadReader(folder).look(request, take)).rejects.toMatchObject({ isMissing: true });
});
