import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');

describe('Sluice without its types, as the container image has it', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-stripped-'));
    for (const name of ['bin', 'src', 'package.json'])
      await cp(join(ROOT, name), join(folder, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await run(process.execPath, [join(ROOT, 'scripts', 'strip-types.ts'), join(folder, 'src')]);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it('has neither TypeScript nor tests', async () => {
    const names = await readdir(join(folder, 'src'), { recursive: true });
    expect(names.filter((name) => name.endsWith('.ts') || name.includes('.test.'))).toEqual([]);
  });

  it('finds all that it imports, in whatever command', async () => {
    const { stdout } = await run(join(folder, 'bin', 'sluice'), ['version']);
    expect(stdout).toMatch(/^sluice \d/);
    await run(join(folder, 'bin', 'sluice'), ['check', join(ROOT, 'examples', 'quickstart')]);
    const scripts = (await readdir(join(folder, 'src'), { recursive: true })).filter(
      (name) => name.endsWith('.js') && name !== 'main.js',
    );
    expect(scripts).not.toEqual([]);
    const imports = scripts.map((name) => `await import(${JSON.stringify(join(folder, 'src', name))});`);
    await run(process.execPath, ['--input-type=module', '--eval', imports.join('\n')]);
  });
});
