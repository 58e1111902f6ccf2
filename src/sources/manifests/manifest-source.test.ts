import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
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
    const deadlineMs = Date.now() + 10_000;
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
    // A pause that is as long as the source's patience looks like the end of the writing, on a machine that is busy.
    let pauses = 0;
    store.subscribe(() => (missing += has('a') && has('b') ? 0 : 1));
    for (let round = 0; round < 20; round += 1) {
      const begunMs = performance.now();
      await writeFile(join(folder, 'a.yaml'), '');
      await writeFile(join(folder, 'a.yaml'), service('a', 100 + round));
      await appendFile(join(folder, 'a.yaml'), service('b', 100 + round));
      if (performance.now() - begunMs > 15) pauses += 1;
      await new Promise((resolve) => setTimeout(resolve, round));
    }
    await until('the last version', () => portOf('b') === 119);
    expect(missing).toBeLessThanOrEqual(pauses);
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
    expect(source.state).toMatchObject({ reason: `the folder ${folder} does not exist` });
    expect(has('a')).toBe(true);
    await rename(`${folder}-away`, folder);
    await until('synced', () => source.state.kind === 'synced');
    await writeFile(join(folder, 'b.yaml'), service('b'));
    await until('a change after it', () => has('b'));
  });
});
