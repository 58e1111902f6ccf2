import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { selfSignedPem } from './self-signed.ts';

describe('selfSignedPem', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-self-signed-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is made once, for its owner alone', async () => {
    const made = await selfSignedPem(directory);
    expect(made).toMatch(/^-----BEGIN CERTIFICATE-----[^]+-----END PRIVATE KEY-----\n$/);
    expect(await selfSignedPem(directory)).toBe(made);
    expect((await stat(join(directory, 'self-signed.pem'))).mode & 0o777).toBe(0o600);
  });

  it.each([0, 100, 700])('is made again where only %i bytes of it were written', async (length) => {
    const path = join(directory, 'self-signed.pem');
    const made = await selfSignedPem(directory);
    await writeFile(path, made.slice(0, length));
    const again = await selfSignedPem(directory);
    expect(again).toMatch(/-----END PRIVATE KEY-----\n$/);
    expect(await readFile(path, 'utf8')).toBe(again);
  });

  it('says in one line that it cannot be kept', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(selfSignedPem(join(directory, 'file'))).rejects.toMatchObject({
      name: 'Fault',
      code: 'state-directory',
      message: expect.stringContaining('cannot write to the state directory'),
    });
  });
});
