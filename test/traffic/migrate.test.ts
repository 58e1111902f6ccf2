/** `sluice migrate` and `sluice diff` as a person types them. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SLUICE } from './lab.ts';

const FOLDER = join(import.meta.dirname, '../migrate');
const MANIFESTS = join(FOLDER, 'manifests');

function sluice(
  words: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(SLUICE, words, (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }));
  });
}

describe('moving, on the command line', () => {
  it('sluice migrate ends with 3 where something is to be done', async () => {
    const { code, stdout } = await sluice(['migrate', '--from', 'ingress-nginx', MANIFESTS, '-o', 'json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ summary: { dangerous: 2, same: 1 } });
  });

  it('sluice migrate says what it needs', async () => {
    expect(await sluice(['migrate', '--from', 'traefik', MANIFESTS])).toMatchObject({ code: 1 });
    const { code, stderr } = await sluice(['migrate', MANIFESTS, '--access-log', '/nowhere']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('cannot read /nowhere')]);
  });

  it('sluice diff ends with 0 where nothing changes, and with 3 where something does', async () => {
    const same = await sluice(['diff', '-f', join(MANIFESTS, 'shop.yaml'), MANIFESTS]);
    expect([same.code, same.stdout]).toEqual([0, 'Nothing changes.\n']);
    const strict = await sluice(['diff', '-f', '/nowhere', MANIFESTS]);
    expect([strict.code, strict.stderr]).toEqual([1, expect.stringContaining('cannot read /nowhere')]);
  });
});
