import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FILES } from './configuration.ts';
import { Keepalived } from './keepalived.ts';

const TEXT = 'global_defs {\n}\n';

describe('Keepalived', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-keepalived-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('knows of a configuration that was put into its place that it has not been read, also after a restart', async () => {
    const paths = { keepalived: 'true', folder, isUnit: false, enter: [] };
    await new Keepalived(paths).install(TEXT);
    expect(await new Keepalived(paths).hasRead(TEXT)).toBe(false);
    // As keepalived does when it has read it.
    await rm(join(folder, FILES.reloading));
    expect(await new Keepalived(paths).hasRead(TEXT)).toBe(true);
    expect(await new Keepalived(paths).hasRead(`${TEXT}\n`)).toBe(false);
  });

  it('is given no empty configuration, by which it would release everything, and keeps the one that it has', async () => {
    const keepalived = new Keepalived({ keepalived: 'true', folder, isUnit: false, enter: [] });
    await keepalived.install(TEXT);
    await expect(keepalived.install('\n')).rejects.toMatchObject({ code: 'keepalived-refused' });
    expect(await readFile(join(folder, FILES.configuration), 'utf8')).toBe(TEXT);
  });
});
