import { copyFile, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Backend, Lab, Load } from './lab.ts';
import { ingress, service } from './manifest.ts';

const URL = 'http://p.test/';

describe('a folder of manifests under load', () => {
  let web: Backend;
  let lab: Lab;
  beforeEach(async () => {
    web = await Backend.start('web');
  });
  afterEach(async () => {
    await lab.stop();
    await web.stop();
  });

  const app = (): string => service('web', [web.port]) + ingress('p', 'p.test', { '/': 'web' });

  /** Asks all the while, until everything that `change` did has been believed, and gives what failed. */
  async function failuresDuring(change: () => Promise<void>): Promise<readonly string[]> {
    const load = new Load(lab, [URL]);
    await change();
    // For longer than the source takes to believe that something is gone.
    await sleep(1500);
    await load.stop();
    expect(load.sent).toBeGreaterThan(0);
    return load.failures;
  }

  it('loses no request while files are renamed', async () => {
    lab = await Lab.create({ 'a.yaml': app() });
    const names = ['a', 'b', 'c', 'a', 'd', 'a', 'z', 'b'];
    const failures = await failuresDuring(async () => {
      for (const [index, name] of names.slice(1).entries()) {
        await rename(join(lab.manifests, `${names[index] ?? ''}.yaml`), join(lab.manifests, `${name}.yaml`));
        await sleep(60);
      }
    });
    expect(failures).toEqual([]);
  });

  it('loses no request while a tree behind a link is swapped for one with other names, as git-sync does', async () => {
    lab = await Lab.create({});
    const swap = async (version: number): Promise<void> => {
      const tree = join(lab.root, `tree-${String(version)}`);
      await mkdir(tree);
      await writeFile(join(tree, `app-${String(version)}.yaml`), app());
      await symlink(tree, join(lab.root, 'next'));
      await rename(join(lab.root, 'next'), join(lab.manifests, 'current'));
      if (version > 0) await rm(join(lab.root, `tree-${String(version - 1)}`), { recursive: true });
    };
    await swap(0);
    await lab.until('served', async () => (await lab.get(URL)).status === 200);
    const failures = await failuresDuring(async () => {
      for (const version of [1, 2, 3, 4]) {
        await swap(version);
        await sleep(60);
      }
    });
    expect(failures).toEqual([]);
  });

  it('loses no request while a file is away for a moment', async () => {
    lab = await Lab.create({ 'a.yaml': app() });
    const failures = await failuresDuring(async () => {
      for (let round = 0; round < 5; round += 1) {
        await lab.remove('a.yaml');
        await sleep(80);
        await lab.write('a.yaml', app());
        await sleep(100);
      }
    });
    expect(failures).toEqual([]);
  });

  it('loses no request when something else stands in the place of a manifest, and says what', async () => {
    lab = await Lab.create({ 'a.yaml': app(), 'b.yaml': '# nothing\n' });
    const contents = [
      '<!DOCTYPE html>\n<p>Not Found</p>\n',
      '404: Not Found',
      'version https://git-lfs.github.com/spec/v1\n',
      '\0\0\0\0',
    ];
    const failures = await failuresDuring(async () => {
      for (const text of contents) {
        await lab.write('a.yaml', text);
        await lab.until('the finding', async () => (await lab.api('/api/v1/findings')).body.includes('SLU101'));
      }
    });
    expect(failures).toEqual([]);
  });

  it('loses no request when the volume of the folder is unmounted, nor by a restart then', async () => {
    lab = await Lab.create({ 'a.yaml': app() });
    const volume = join(lab.root, 'volume');
    const failures = await failuresDuring(async () => {
      await rename(lab.manifests, volume);
      await mkdir(lab.manifests);
    });
    expect(failures).toEqual([]);
    expect(lab.output).toContain('as when a volume is not mounted');
    await lab.signal('SIGTERM');
    lab.spawn();
    await lab.until('serving what was there', async () => (await lab.get(URL)).status === 200);
    await sleep(1500);
    expect((await lab.get(URL)).status).toBe(200);
    expect((await lab.api('/readyz')).status).not.toBe(200);
    for (const name of await readdir(volume)) await copyFile(join(volume, name), join(lab.manifests, name));
    await lab.until('ready', async () => (await lab.api('/readyz')).status === 200);
  });
});
