import { mkdir, mkdtemp, copyFile, rename, rm, symlink, writeFile, appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderScene, serviceDocument as service } from '../../../test/fakes/folder-scene.ts';

describe('What of a folder is believed', () => {
  let root: string;
  let folder: FolderScene;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sluice-folder-'));
    folder = new FolderScene(root);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const write = (name: string, text: string): Promise<void> => writeFile(join(root, name), text);

  it('keeps and tells what a file held that holds no Kubernetes object any more', async () => {
    const contents = [
      '404: Not Found',
      '<!DOCTYPE html>\n<p>x</p>\n',
      'replicas: 3\nimage: x\n',
      'just text\n',
      '[1, 2]\n',
      '\0\0\0\0',
    ];
    await write('a.yaml', service('a'));
    await write('b.yaml', service('b'));
    folder.look();
    for (const text of contents) {
      await write('a.yaml', text);
      folder.settled();
      expect([folder.keys, folder.reasons], text).toEqual([
        'a b',
        [expect.stringMatching(/a\.yaml ManifestUnreadable/)],
      ]);
    }
    await write('a.yaml', '{ apiVersion: v1, kind: Pod, metadata: { name: a } }\n');
    folder.settled();
    expect([folder.keys, folder.reasons]).toEqual(['b', []]);
  });

  it('keeps what went until that is believed, and lets what moved count at once', async () => {
    await write('a.yaml', service('a', 1));
    await write('b.yaml', service('b', 1));
    folder.look();
    await rename(join(root, 'a.yaml'), join(root, 'c.yaml'));
    await rm(join(root, 'b.yaml'));
    await appendFile(join(root, 'c.yaml'), '# moved\n');
    while (folder.look({ believesGone: false }).unsettled > 0) expect(folder.ports).toBe('a:1 b:1');
    expect(folder.ports).toBe('a:1 b:1');
    await write('d.yaml', service('b', 2));
    while (folder.look({ believesGone: false }).unsettled > 0);
    expect([folder.ports, folder.reasons]).toEqual(['a:1 b:2', []]);
    await rm(join(root, 'c.yaml'));
    folder.settled();
    expect(folder.ports).toBe('b:2');
  });

  it('keeps everything when nothing is left, and says whether it is the same folder', async () => {
    const folderAt = join(root, 'manifests');
    await mkdir(folderAt);
    await write('manifests/a.yaml', service('a'));
    const scene = new FolderScene(folderAt);
    scene.look();
    await rename(join(folderAt, 'a.yaml'), join(root, 'a.yaml'));
    expect([scene.look({ believesEmpty: false }).emptied, scene.keys]).toEqual([{ isSame: true }, 'a']);
    await rename(folderAt, join(root, 'unmounted'));
    await mkdir(folderAt);
    expect([scene.look({ believesEmpty: false }).emptied, scene.keys]).toEqual([{ isSame: false }, 'a']);
    await write('manifests/none.yaml', '# nothing\n');
    scene.settled();
    expect([scene.look({ believesEmpty: false }).emptied, scene.keys]).toEqual([undefined, '']);
  });

  it('keeps what a sub-folder held in whose place another one is that is empty', async () => {
    await mkdir(join(root, 'sub/deeper'), { recursive: true });
    await write('a.yaml', service('a'));
    await write('sub/deeper/b.yaml', service('b'));
    folder.look();
    await rename(join(root, 'sub'), join(root, '.away'));
    await mkdir(join(root, 'sub'));
    folder.settled();
    expect([folder.keys, folder.reasons]).toEqual(['a b', ['Manifest/sub ManifestUnreadable']]);
    await rm(join(root, 'sub'), { recursive: true });
    folder.settled();
    expect([folder.keys, folder.reasons]).toEqual(['a', []]);
  });

  it('keeps what was behind a link that leads nowhere any more', async () => {
    await mkdir(join(root, '.volume'));
    await write('.volume/b.yaml', service('b'));
    await write('.a', service('a'));
    await symlink('.volume', join(root, 'link'));
    await symlink('.a', join(root, 'a.yaml'));
    folder.look();
    await rm(join(root, '.volume'), { recursive: true });
    await rm(join(root, '.a'));
    folder.settled();
    expect(folder.keys).toBe('a b');
    expect([...folder.reasons].sort()).toEqual([
      'Manifest/a.yaml ManifestUnreadable',
      'Manifest/link ManifestUnreadable',
    ]);
  });

  it.each([
    ['web.yaml', 'web (copy).yaml'],
    ['web.yaml', 'web - Copy.yaml'],
    ['web.yaml', 'Copy of web.yaml'],
    ['web.yaml', 'web copy 2.yaml'],
    ['web.yaml', 'web (1).yaml'],
    ['web.yaml', 'web-2.yaml'],
    ['web.yaml', 'web.bak.yaml'],
    ['zoo.yaml', 'app.old.yml'],
    ['zoo.yaml', 'app~.yaml'],
    ['copyright.yaml', 'web.yaml'],
  ])('lets %s count rather than %s, and says so', async (original, copy) => {
    await write(copy, service('a', 2));
    await write(original, service('a', 1));
    folder.look();
    expect(folder.ports).toBe('a:1');
    expect(folder.findings.map(({ message }) => message)).toEqual([
      expect.stringContaining(`in ${original}:2, which counts: `),
    ]);
  });

  it('goes on with the document that counts when another comes, whatever its name, until it goes', async () => {
    await write('web.yaml', service('a', 1));
    folder.look();
    await copyFile(join(root, 'web.yaml'), join(root, 'api.yaml'));
    await write('api.yaml', service('a', 2));
    folder.settled();
    expect([folder.ports, folder.findings[0]?.message]).toEqual(['a:1', expect.stringContaining('it was there first')]);
    await rm(join(root, 'web.yaml'));
    folder.settled();
    expect([folder.ports, folder.reasons]).toEqual(['a:2', []]);
  });

  it('reads a large file as any other', async () => {
    const names = Array.from({ length: 3000 }, (_, n) => `s${String(n)}`);
    await write('a.yaml', names.map((name) => service(name)).join(''));
    folder.look();
    expect(folder.store.snapshot.services.size).toBe(3000);
    const before = folder.store.snapshot.services.get('default/s7');
    await write('a.yaml', names.map((name) => service(name, name === 's8' ? 81 : 80)).join(''));
    folder.settled();
    expect(folder.store.snapshot.services.get('default/s7')).toBe(before);
    expect(folder.store.snapshot.services.get('default/s8')).toMatchObject({ ports: [{ port: 81 }] });
  });
});
