import {
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Checkpoint } from './checkpoint.ts';
import { CheckpointStore } from './checkpoint-store.ts';

const RULES = 'rules';

const files = (entries: Readonly<Record<string, readonly string[]>>): Checkpoint => Object.entries(entries);
const one = files({
  'backends.cfg': ['backend a\n', 'backend b\n'],
  'routes.map': ['a b\n'],
  'certs/a.pem': ['key\n'],
});
const two = files({ 'backends.cfg': ['backend c\n'], 'certs/b.pem': ['key\n'] });

describe('CheckpointStore', () => {
  let root: string;
  let state: string;
  let store: CheckpointStore;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sluice-checkpoint-'));
    state = join(root, 'state');
    await mkdir(state);
    store = new CheckpointStore(state, RULES);
  });
  afterEach(() => rm(root, { recursive: true }));

  const keep = async (checkpoint: Checkpoint): Promise<string> => {
    const folder = await store.layDown(checkpoint);
    await store.keep();
    return folder;
  };
  const read = (name: string): Promise<string> => readFile(join(state, 'current', name), 'utf8');
  /** As a program does that starts. */
  const found = (rules = RULES): ReturnType<CheckpointStore['lastGood']> =>
    new CheckpointStore(state, rules).lastGood();

  it('names a folder after what differs in names or contents, not after how it is cut', async () => {
    expect(await keep(files({ a: ['x', 'y'] }))).toBe(await keep(files({ a: ['xy'] })));
    const folders: string[] = [];
    for (const each of [files({ a: ['x'] }), files({ a: ['y'] }), files({ b: ['x'] }), files({}), one, two])
      folders.push(await keep(each));
    expect(new Set(folders).size).toBe(folders.length);
  });

  it('writes everything, for its owner alone, and points the link at it', async () => {
    const folder = await keep(one);
    expect(join(state, await readlink(join(state, 'current')))).toBe(folder);
    expect(await read('backends.cfg')).toBe('backend a\nbackend b\n');
    expect(await read('certs/a.pem')).toBe('key\n');
    const names = ['', 'certs', 'backends.cfg', 'certs/a.pem', 'manifest.json'];
    const modes = await Promise.all(names.map((name) => stat(join(folder, name))));
    expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '700', '600', '600', '600']);
  });

  it('writes files of any length', async () => {
    const pieces = Array.from({ length: 30_000 }, (_, index) => `line ${String(index)} with some more text\n`);
    await keep(files({ 'backends.cfg': pieces }));
    expect(await read('backends.cfg')).toBe(pieces.join(''));
  });

  it('replaces one checkpoint by another, and the same by itself', async () => {
    for (const each of [one, two, two]) await keep(each);
    expect(await read('backends.cfg')).toBe('backend c\n');
    await keep(one);
    expect(await read('certs/a.pem')).toBe('key\n');
  });

  it('does not serve again what was only laid down', async () => {
    const folder = await keep(one);
    await store.layDown(two);
    expect(await found()).toEqual({ folder, damaged: [] });
  });

  it('goes on over what a crash has left half done', async () => {
    const folder = await keep(one);
    await rm(join(state, 'current'));
    await mkdir(join(state, 'checkpoint.tmp', 'certs'), { recursive: true });
    await writeFile(join(state, 'checkpoint.tmp', 'certs', 'stale.pem'), 'stale');
    await writeFile(join(folder, 'backends.cfg'), 'cut off');
    await writeFile(join(state, 'current.tmp'), '');
    await keep(one);
    expect(await read('backends.cfg')).toBe('backend a\nbackend b\n');
    expect(await readdir(join(state, 'current', 'certs'))).toEqual(['a.pem']);
    expect((await lstat(join(state, 'current'))).isSymbolicLink()).toBe(true);
    expect(await readdir(state)).not.toContain('checkpoint.tmp');
  });

  it('leaves no keys behind where a checkpoint cannot be written to its end', async () => {
    const broken = (function* (): Checkpoint {
      yield ['certs/a.pem', ['key\n']];
      yield ['no/such/folder', ['x']];
    })();
    await expect(store.layDown(broken)).rejects.toThrow('ENOENT');
    expect(await readdir(state)).toEqual([]);
  });

  it('keeps no more checkpoints than it needs', async () => {
    for (let n = 0; n < 10; n += 1) await keep(files({ 'backends.cfg': [String(n)] }));
    expect((await readdir(state)).filter((name) => name.startsWith('checkpoint-'))).toHaveLength(2);
  });

  it('finds nothing in a fresh folder', async () => {
    expect(await found()).toEqual({ folder: undefined, damaged: [] });
  });

  describe('of a damaged checkpoint', () => {
    const everyFile = ['manifest.json', 'backends.cfg', 'routes.map', 'certs/a.pem'];
    const damages: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
      emptied: (path) => truncate(path),
      'cut off': async (path) => truncate(path, (await stat(path)).size - 1),
      'with a bit flipped': async (path) => {
        const bytes = await readFile(path);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        await writeFile(path, bytes);
      },
      removed: (path) => rm(path),
      'a folder now': async (path) => {
        await rm(path);
        await mkdir(path);
      },
    };
    const cases = everyFile.flatMap((file) => Object.keys(damages).map((damage) => [file, damage] as const));

    it.each(cases)('serves the one before: %s is %s', async (file, damage) => {
      const before = await keep(two);
      const folder = await keep(one);
      await damages[damage]?.(join(folder, file));
      expect(await found()).toEqual({ folder: before, damaged: [{ folder, reason: expect.any(String) as string }] });
    });

    it('serves nothing where there is none before it, and says why', async () => {
      const folder = await keep(one);
      await truncate(join(folder, 'routes.map'));
      expect(await found()).toEqual({ folder: undefined, damaged: [{ folder, reason: 'routes.map is damaged' }] });
    });

    it('writes it anew when the same is to be served again', async () => {
      const folder = await keep(one);
      await truncate(join(folder, 'routes.map'));
      store = new CheckpointStore(state, RULES);
      expect(await keep(one)).toBe(folder);
      expect(await found()).toEqual({ folder, damaged: [] });
    });

    it.each(['', 'checkpoint-0123456789abcdef'])('serves the one before where the link leads to %j', async (target) => {
      const before = await keep(two);
      await keep(one);
      await rm(join(state, 'current'));
      if (target !== '') await symlink(target, join(state, 'current'));
      expect((await found()).folder).toBe(before);
    });
  });

  it('serves none of another version, nor of the format that had no manifest', async () => {
    const folder = await keep(one);
    const reason = 'it was written by another version';
    expect(await found('other rules')).toEqual({ folder: undefined, damaged: [{ folder, reason }] });
    await rm(join(folder, 'manifest.json'));
    expect((await found()).damaged).toEqual([{ folder, reason: expect.stringContaining('manifest.json') as string }]);
  });

  it('serves a copy of the whole folder', async () => {
    const folder = await keep(one);
    await cp(state, join(root, 'copy'), { recursive: true, verbatimSymlinks: true });
    await rm(state, { recursive: true });
    const copied = await new CheckpointStore(join(root, 'copy'), RULES).lastGood();
    expect(copied).toEqual({ folder: join(root, 'copy', basename(folder)), damaged: [] });
  });
});
