import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger.ts';
import { Store } from '../store.ts';
import { ManifestSource } from './manifest-source.ts';

function service(name: string, port = 80): string {
  return `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { ports: [{ port: ${String(port)} }] }\n---\n`;
}

describe('ManifestSource', () => {
  let root: string;
  let folder: string;
  let store: Store;
  let source: ManifestSource;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sluice-manifests-'));
    folder = join(root, 'manifests');
    await mkdir(folder);
    store = new Store();
    source = new ManifestSource({ directory: folder, store, logger: silentLogger });
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await rm(root, { recursive: true, force: true });
  });

  async function until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = Date.now() + 60_000;
    while (!condition()) {
      if (Date.now() > deadlineMs) throw new Error(`waited in vain for: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async function start(): Promise<void> {
    running = source.run(stop.signal, () => {});
    await until('the first scan', () => source.state.kind !== 'syncing');
  }

  const has = (name: string): boolean => store.snapshot.services.has(`default/${name}`);
  const portOf = (name: string): number | undefined => store.snapshot.services.get(`default/${name}`)?.ports[0]?.port;
  const findings = (): string =>
    [...store.snapshot.findings.values()]
      .flat()
      .map((item) => item.reason)
      .join();

  it('reads YAML and JSON, several documents, Lists and sub-folders, and passes hidden files over', async () => {
    await mkdir(join(folder, 'sub/deeper'), { recursive: true });
    await writeFile(join(folder, 'two.yml'), service('a') + service('b'));
    await writeFile(join(folder, 'sub/deeper/c.yaml'), service('c'));
    const item = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'd' }, spec: { clusterIP: 'None' } };
    await writeFile(join(folder, 'list.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item] }));
    await writeFile(join(folder, '.hidden.yaml'), service('hidden'));
    await writeFile(join(folder, 'notes.txt'), 'not a manifest');
    await start();
    expect(['a', 'b', 'c', 'd', 'hidden'].map(has)).toEqual([true, true, true, true, false]);
    expect(findings()).toBe('');
  });

  it('follows files that are added, edited, replaced by a rename, and removed', async () => {
    await start();
    await writeFile(join(folder, 'a.yaml'), service('a'));
    await until('added', () => has('a'));
    await appendFile(join(folder, 'a.yaml'), service('b'));
    await until('edited', () => has('b'));
    // Several times, as `sed -i` does: each time the file is another inode.
    for (const port of [81, 82, 83, 84]) {
      await writeFile(join(folder, 'next'), service('a', port));
      await rename(join(folder, 'next'), join(folder, 'a.yaml'));
      await until(`port ${String(port)}`, () => portOf('a') === port);
    }
    await writeFile(join(folder, 'other.yaml'), '# something is left\n');
    await rm(join(folder, 'a.yaml'));
    await until('removed', () => !has('a') && !has('b'));
  });

  it('follows folders that appear later', async () => {
    await start();
    await mkdir(join(folder, 'late'));
    await writeFile(join(folder, 'late/a.yaml'), service('a'));
    await until('added', () => has('a'));
    await writeFile(join(folder, 'late/a.yaml'), service('b'));
    await until('edited', () => has('b') && !has('a'));
  });

  it('never shows the half of a file that is being written', async () => {
    await writeFile(join(folder, 'a.yaml'), service('a') + service('b'));
    await start();
    let missing = 0;
    store.subscribe(() => (missing += has('a') && has('b') ? 0 : 1));
    for (let round = 0; round < 20; round += 1) {
      await writeFile(join(folder, 'a.yaml'), '');
      await writeFile(join(folder, 'a.yaml'), service('a', 100 + round));
      await appendFile(join(folder, 'a.yaml'), service('b', 100 + round));
      await new Promise((resolve) => setTimeout(resolve, round));
    }
    await until('the last version', () => portOf('b') === 119);
    expect(missing).toBe(0);
  });

  it('keeps the objects of a file that does not parse until it is mended', async () => {
    await writeFile(join(folder, 'a.yaml'), service('a'));
    await start();
    await writeFile(join(folder, 'a.yaml'), 'kind: [unclosed');
    await until('the finding', () => findings().includes('ManifestUnreadable'));
    expect(has('a')).toBe(true);
    await writeFile(join(folder, 'a.yaml'), service('b'));
    await until('mended', () => has('b') && !has('a') && findings() === '');
  });

  it('lets the first of two documents for one object count, and tells the other', async () => {
    await writeFile(join(folder, '1.yaml'), service('a', 81));
    await writeFile(join(folder, '2.yaml'), service('a', 82));
    await start();
    expect([portOf('a'), findings()]).toEqual([81, 'ObjectDuplicate']);
  });

  it('refuses an object of more than 1 MiB, keeping its earlier version', async () => {
    await writeFile(join(folder, 'a.yaml'), service('a', 81));
    await start();
    const padding = `metadata: { name: a, annotations: { x: "${'y'.repeat(2 * 1024 * 1024)}" } }`;
    await writeFile(join(folder, 'a.yaml'), service('a', 82).replace('metadata: { name: a }', padding));
    await until('the finding', () => findings().includes('ObjectTooLarge'));
    expect(portOf('a')).toBe(81);
  });

  it('follows a ConfigMap volume, whose files are links through ..data', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(folder, `..${version}`));
      await writeFile(join(folder, `..${version}/a.yaml`), service(version));
    }
    await symlink('..v1', join(folder, '..data'));
    await symlink('..data/a.yaml', join(folder, 'a.yaml'));
    await start();
    expect(has('v1')).toBe(true);
    await symlink('..v2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await until('the new version', () => has('v2') && !has('v1'));
  });

  it('is stale and keeps everything when the folder vanishes, and goes on when it is back', async () => {
    await writeFile(join(folder, 'a.yaml'), service('a'));
    await start();
    await rename(folder, `${folder}-away`);
    await until('stale', () => source.state.kind === 'stale');
    expect(source.state).toMatchObject({ reason: `${folder} does not exist` });
    expect(has('a')).toBe(true);
    await rename(`${folder}-away`, folder);
    await until('synced', () => source.state.kind === 'synced');
    await writeFile(join(folder, 'b.yaml'), service('b'));
    await until('a change after it', () => has('b'));
  });

  it('keeps everything when the folder is empty and another one, as when its volume is unmounted, and says how to mean it', async () => {
    await writeFile(join(folder, 'a.yaml'), service('a'));
    await start();
    await rename(folder, `${folder}-volume`);
    await mkdir(folder);
    await until(
      'stale',
      () => source.state.kind === 'stale' && source.state.reason.includes('is empty, and another folder'),
    );
    expect(has('a')).toBe(true);
    await writeFile(join(folder, 'none.yaml'), '# nothing\n');
    await until('gone', () => !has('a'));
    expect(source.state.kind).toBe('synced');
  });

  it('believes after a while that a folder was emptied', async () => {
    source = new ManifestSource({ directory: folder, store, logger: silentLogger, emptyConfirmMs: 100 });
    await writeFile(join(folder, 'a.yaml'), service('a'));
    await start();
    await rm(join(folder, 'a.yaml'));
    await until('stale', () => source.state.kind === 'stale' || !has('a'));
    await until('gone', () => !has('a') && source.state.kind === 'synced');
  });

  it('does not believe an empty folder at a start that held something in the run before', async () => {
    const memoryFile = join(root, 'manifests.json');
    const run = (emptyConfirmMs?: number): void => {
      stop = new AbortController();
      source = new ManifestSource({
        directory: folder,
        store: (store = new Store()),
        logger: silentLogger,
        memoryFile,
        ...(emptyConfirmMs !== undefined && { emptyConfirmMs }),
      });
      running = source.run(stop.signal, () => {});
    };
    const end = (): Promise<void> => {
      stop.abort();
      return running;
    };
    run();
    await until('synced with nothing, as for a newcomer', () => source.state.kind === 'synced');
    await writeFile(join(folder, 'a.yaml'), service('a'));
    await until('added', () => has('a'));
    await until('noted', () => existsSync(memoryFile) && readFileSync(memoryFile, 'utf8').includes('true'));
    await end();
    await rename(folder, `${folder}-volume`);
    await mkdir(folder);
    run();
    await until('stale', () => source.state.kind === 'stale');
    await end();
    // The same folder, emptied by somebody.
    await rm(folder, { recursive: true });
    await rename(`${folder}-volume`, folder);
    await rename(join(folder, 'a.yaml'), join(root, 'a.yaml'));
    run();
    await until('stale for a while', () => source.state.kind === 'stale');
    expect(source.state).toMatchObject({ reason: expect.stringMatching(/until it has been so for 10 seconds/) });
    await rename(join(root, 'a.yaml'), join(folder, 'a.yaml'));
    await until('synced', () => source.state.kind === 'synced');
    expect(has('a')).toBe(true);
    await end();
    await rm(join(folder, 'a.yaml'));
    run(100);
    await until('believed after a while', () => source.state.kind === 'synced');
    expect(has('a')).toBe(false);
    await until('noted', () => readFileSync(memoryFile, 'utf8').includes('false'));
    await end();
    run();
    await until('believed at once', () => source.state.kind === 'synced');
    await end();
    await writeFile(memoryFile, 'damaged');
    run();
    await until('synced with nothing', () => source.state.kind === 'synced');
  });

  it('follows a single file, and says so when it is missing', async () => {
    const file = join(folder, 'one.yaml');
    source = new ManifestSource({ directory: file, store, logger: silentLogger });
    await start();
    expect(source.state).toMatchObject({ kind: 'stale', reason: `${file} does not exist` });
    await writeFile(file, service('a'));
    await writeFile(join(folder, 'other.yaml'), service('b'));
    await until('read', () => has('a'));
    await writeFile(join(folder, 'next'), service('a', 81));
    await rename(join(folder, 'next'), file);
    await until('changed', () => portOf('a') === 81);
    expect([has('b'), source.state.kind]).toEqual([false, 'synced']);
  });

  it('follows a folder that is a link which is swapped, as git-sync does, without losing what both have', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(root, version));
      await writeFile(join(root, version, `${version}.yaml`), service('both') + service(version));
    }
    const link = join(root, 'current');
    await symlink('v1', link);
    source = new ManifestSource({ directory: link, store, logger: silentLogger });
    await start();
    let missing = 0;
    store.subscribe(() => (missing += has('both') ? 0 : 1));
    await symlink('v2', join(root, 'next'));
    await rename(join(root, 'next'), link);
    await until('swapped', () => has('v2') && !has('v1'));
    await writeFile(join(root, 'v2', 'more.yaml'), service('more'));
    await until('a change behind the new link', () => has('more'));
    expect(missing).toBe(0);
  });

  it('goes on with others while a large file is read', async () => {
    await start();
    const large = Array.from({ length: 4000 }, (_, n) => service(`s${String(n)}`)).join('');
    const order: string[] = [];
    store.subscribe(() => {
      if (has('a') && !order.includes('a')) order.push('a');
      if (has('s3999') && !order.includes('large')) order.push('large');
    });
    // One document, which cannot be read in pieces.
    const items = JSON.stringify(Array.from({ length: 4000 }, (_, n) => ({ n, text: 'x'.repeat(200) })));
    await writeFile(join(folder, 'large.yaml'), `${large}kind: { x: ${items} }\n`);
    await writeFile(join(folder, 'a.yaml'), service('a'));
    await until('both', () => order.length === 2);
    expect(order).toEqual(['a', 'large']);
  });
});
