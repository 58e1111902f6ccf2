import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkpointFiles } from '../../../test/fakes/checkpoint-files.ts';
import { bystanders, targets } from '../../../test/injection/objects.ts';
import { planOf } from '../../../test/injection/served.ts';
import { renderCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint.ts';

const files = (entries: Readonly<Record<string, readonly string[]>>): Checkpoint => Object.entries(entries);
const one = files({ 'haproxy.cfg': ['global\n', 'backend a\n'], 'certs/a.pem': ['key\n'] });
const two = files({ 'haproxy.cfg': ['global\n'], 'certs/b.pem': ['key\n'] });

const contents = (checkpoint: Checkpoint): readonly unknown[] => [...checkpointFiles(checkpoint)];

describe('renderCheckpoint', () => {
  it('gives equal bytes for equal plans, whatever the order of the objects', () => {
    const objects = [...targets, ...bystanders];
    const expected = contents(renderCheckpoint(planOf(objects).l7, 'skeleton\n', 'pem\n'));
    expect(contents(renderCheckpoint(planOf(objects.toReversed()).l7, 'skeleton\n', 'pem\n'))).toEqual(expected);
    expect(contents(renderCheckpoint(planOf(bystanders).l7, 'skeleton\n', 'pem\n'))).not.toEqual(expected);
  });
});

describe('writeCheckpoint', () => {
  let state: string;
  beforeEach(async () => {
    state = await mkdtemp(join(tmpdir(), 'sluice-checkpoint-'));
  });
  afterEach(() => rm(state, { recursive: true }));

  it('names a folder after what differs in names or contents, not after how it is cut', async () => {
    const write = (checkpoint: Checkpoint): Promise<string> => writeCheckpoint(state, checkpoint);
    expect(await write(files({ a: ['x', 'y'] }))).toBe(await write(files({ a: ['xy'] })));
    const folders: string[] = [];
    for (const each of [files({ a: ['x'] }), files({ a: ['y'] }), files({ b: ['x'] }), files({}), one, two])
      folders.push(await write(each));
    expect(new Set(folders).size).toBe(folders.length);
  });

  const read = (name: string): Promise<string> => readFile(join(state, 'current', name), 'utf8');

  it('writes everything, for its owner alone, and points the link at it', async () => {
    const folder = await writeCheckpoint(state, one);
    expect(join(state, await readlink(join(state, 'current')))).toBe(folder);
    expect(await read('haproxy.cfg')).toBe('global\nbackend a\n');
    expect(await read('certs/a.pem')).toBe('key\n');
    const modes = await Promise.all(
      ['', 'certs', 'haproxy.cfg', 'certs/a.pem'].map((name) => stat(join(folder, name))),
    );
    expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '700', '600', '600']);
  });

  it('writes files of any length', async () => {
    const pieces = Array.from({ length: 30_000 }, (_, index) => `line ${String(index)} with some more text\n`);
    await writeCheckpoint(state, files({ 'haproxy.cfg': pieces }));
    expect(await read('haproxy.cfg')).toBe(pieces.join(''));
  });

  it('replaces one checkpoint by another, and the same by itself', async () => {
    await writeCheckpoint(state, one);
    await writeCheckpoint(state, two);
    await writeCheckpoint(state, two);
    expect(await read('haproxy.cfg')).toBe('global\n');
    await writeCheckpoint(state, one);
    expect(await read('certs/a.pem')).toBe('key\n');
  });

  it('goes on over what a crash has left half done', async () => {
    const folder = await writeCheckpoint(state, one);
    await rm(join(state, 'current'));
    await mkdir(join(`${folder}.tmp`, 'certs'), { recursive: true });
    await writeFile(join(`${folder}.tmp`, 'certs', 'stale.pem'), 'stale');
    await writeFile(join(folder, 'haproxy.cfg'), 'cut off');
    await writeFile(join(state, 'current.tmp'), '');
    await writeCheckpoint(state, one);
    expect(await read('haproxy.cfg')).toBe('global\nbackend a\n');
    expect(await readdir(join(state, 'current', 'certs'))).toEqual(['a.pem']);
    expect((await lstat(join(state, 'current'))).isSymbolicLink()).toBe(true);
  });

  it('keeps no more checkpoints than it needs', async () => {
    for (let n = 0; n < 10; n += 1) await writeCheckpoint(state, files({ 'haproxy.cfg': [String(n)] }));
    expect((await readdir(state)).filter((name) => name.startsWith('checkpoint-')).length).toBeLessThanOrEqual(3);
  });
});
