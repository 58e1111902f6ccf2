import { execFileSync } from 'node:child_process';
import { appendFile, chmod, mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderScene, serviceDocument as service } from '../../../test/fakes/folder-scene.ts';

describe('Folder', () => {
  let root: string;
  let folder: FolderScene;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sluice-folder-'));
    folder = new FolderScene(root);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const write = (name: string, text: string): Promise<void> => writeFile(join(root, name), text);

  it('throws when it is not there, and when it is neither a folder nor a file', () => {
    expect(() => new FolderScene(join(root, 'nowhere')).look()).toThrow('ENOENT');
    expect(() => new FolderScene('/dev/null').look()).toThrow('neither a folder nor a file');
  });

  it('reads a single file, whatever its name, and nothing beside it', async () => {
    await write('one.txt', service('a'));
    await write('other.yaml', service('b'));
    const file = new FolderScene(join(root, 'one.txt'));
    expect([file.look().root, file.keys]).toEqual([root, 'a']);
    await write('one.txt', service('c'));
    file.settled();
    expect(file.keys).toBe('c');
  });

  it('does not take a file for the folder that it was', async () => {
    await mkdir(join(root, 'sub'));
    await write('sub/a.yaml', service('a'));
    const sub = new FolderScene(join(root, 'sub'));
    sub.look();
    await rm(join(root, 'sub'), { recursive: true });
    await write('sub', '');
    expect(() => sub.look()).toThrow('not a folder any more');
    expect(sub.keys).toBe('a');
  });

  it('reads manifests by the end of their names, in sub-folders and behind links, and says what must be watched', async () => {
    await mkdir(join(root, 'sub'));
    await mkdir(join(root, '.git'));
    await write('a.yaml', service('a'));
    await write('b.yml', service('b'));
    await write('sub/c.json', '{"apiVersion":"v1","kind":"Service","metadata":{"name":"c"}}');
    await write('.hidden.yaml', service('hidden'));
    await write('.git/x.yaml', service('hidden'));
    await write('d.yaml~', service('hidden'));
    await write('readme.md', service('hidden'));
    await symlink('sub', join(root, 'link'));
    await symlink('nowhere', join(root, 'dangling.yaml'));
    const { folders } = folder.look();
    expect(folder.keys).toBe('a b c');
    expect([...folders.keys()].sort()).toEqual(['', 'link', 'sub']);
    expect(folder.reasons).toContain('Manifest/dangling.yaml ManifestUnreadable');
  });

  it('never takes a file for half of itself that is written again and again', async () => {
    const text = service('a') + service('b');
    await write('a.yaml', text);
    folder.look();
    let isWriting = true;
    const writer = (async () => {
      for (let n = 0; isWriting; n += 1) await write('a.yaml', `${text}# ${String(n % 7)}\n`);
    })();
    const seen = new Set<string>();
    for (let n = 0; n < 150; n += 1) {
      folder.look({ believesGone: false });
      seen.add(folder.keys);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    isWriting = false;
    await writer;
    expect([...seen]).toEqual(['a b']);
  });

  it('waits for the rest of a file that ends within a line and is shorter than it was', async () => {
    const whole = 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec:\n  ports:\n  - name: x\n    port: 80\n';
    await write('a.yaml', `${whole}# end\n`);
    folder.look();
    await write('a.yaml', whole.slice(0, whole.indexOf('0')));
    const first = folder.look();
    // Longer than another file would be waited for.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = folder.look();
    await write('a.yaml', whole);
    folder.settled();
    expect([first.unsettled, second.unsettled, folder.ports]).toEqual([1, 1, 'a:80']);
  });

  it('lets go of what an empty file, or one of comments, held', async () => {
    await write('a.yaml', service('a'));
    await write('b.yaml', service('b'));
    folder.look();
    await truncate(join(root, 'a.yaml'), 0);
    await write('b.yaml', '# nothing yet\n');
    while (folder.look({ believesGone: false }).unsettled > 0);
    expect(folder.keys).toBe('a b');
    folder.settled();
    expect([folder.keys, folder.reasons]).toEqual(['', []]);
  });

  it('ends where links to folders lead back', async () => {
    await mkdir(join(root, 'sub', 'deeper'), { recursive: true });
    await write('sub/a.yaml', service('a'));
    await symlink('..', join(root, 'sub', 'up'));
    await symlink('../..', join(root, 'sub', 'deeper', 'top'));
    folder.look();
    expect([folder.keys, folder.reasons]).toEqual(['a', []]);
  });

  it('does not wait for a pipe or a device to end', async () => {
    await write('z.yaml', service('a'));
    execFileSync('mkfifo', [join(root, 'pipe.yaml')]);
    await symlink('/dev/zero', join(root, 'zero.yaml'));
    folder.look();
    expect(folder.keys).toBe('a');
    expect(folder.reasons).toEqual(['pipe', 'zero'].map((name) => `Manifest/${name}.yaml ManifestUnreadable`));
  });

  it('reads the others beside a sub-folder that cannot be read', async () => {
    await write('a.yaml', service('a'));
    // From the inside out, because no path to the innermost folder is short enough for the kernel, whoever asks.
    const names = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(2, '0')}${'x'.repeat(250)}`);
    for (const [index, name] of names.entries()) {
      await mkdir(join(root, name));
      const inner = names[index - 1];
      if (inner !== undefined) await rename(join(root, inner), join(root, name, inner));
    }
    folder.look();
    expect(folder.keys).toBe('a');
    expect(folder.reasons).toEqual([expect.stringMatching(/^Manifest\/.* ManifestUnreadable$/)]);
    execFileSync('rm', ['-r', join(root, names.at(-1) ?? '')]);
  });

  it.skipIf(process.getuid?.() === 0)('keeps what a sub-folder held that cannot be read any more', async () => {
    await mkdir(join(root, 'sub'));
    await write('a.yaml', service('a'));
    await write('sub/b.yaml', service('b'));
    folder.look();
    await chmod(join(root, 'sub'), 0);
    await write('a.yaml', service('c'));
    folder.settled();
    await chmod(join(root, 'sub'), 0o700);
    expect([folder.keys, folder.reasons]).toEqual(['b c', ['Manifest/sub ManifestUnreadable']]);
  });

  it('gives the same objects again for files that have not changed, for parts that have not, and after a rename', async () => {
    await write('a.yaml', service('a') + service('b'));
    await write('c.yaml', service('c'));
    folder.look();
    const held = (): readonly unknown[] =>
      ['a', 'b', 'c'].map((name) => folder.store.snapshot.services.get(`default/${name}`));
    const [a, b, c] = held();
    await write('a.yaml', `# comment\n${service('a')}${service('b', 81)}`);
    await rename(join(root, 'c.yaml'), join(root, 'd.yaml'));
    folder.settled();
    const after = held();
    expect([after[0] === a, after[1] === b, after[2] === c]).toEqual([true, false, true]);
  });

  it('reads a file that has changed once it has looked the same for a while', async () => {
    await write('a.yaml', service('a'));
    folder.look();
    await write('a.yaml', service('b'));
    const first = folder.look();
    expect([folder.keys, first.unsettled]).toEqual(['a', 1]);
    await appendFile(join(root, 'a.yaml'), service('c'));
    const second = folder.look();
    expect([folder.keys, second.unsettled]).toEqual(['a', 1]);
    folder.settled();
    expect(folder.keys).toBe('b c');
  });

  it('notices a change that leaves the length, the time and the inode as they were, as cp -p', async () => {
    const when = new Date('1980-01-01');
    for (const name of ['a', 'b']) {
      await write(`../${name}-${root.slice(-6)}`, service(name));
      await utimes(join(root, `../${name}-${root.slice(-6)}`), when, when);
    }
    for (const name of ['a', 'b']) {
      const original = join(root, `../${name}-${root.slice(-6)}`);
      execFileSync('cp', ['-p', original, join(root, 'x.yaml')]);
      await rm(original);
      folder.settled();
      expect(folder.keys).toBe(name);
    }
  });

  it('notices another file with the same length and time, as tar -x leaves it', async () => {
    const when = new Date('1980-01-01');
    for (const name of ['a', 'b']) {
      await rm(join(root, 'x.yaml'), { force: true });
      await write('x.yaml', service(name));
      await utimes(join(root, 'x.yaml'), when, when);
      folder.settled();
      expect(folder.keys).toBe(name);
    }
  });

  it('keeps what a broken file held, and lets go of what a removed file held', async () => {
    await write('a.yaml', service('a'));
    await write('b.yaml', service('b'));
    folder.look();
    await write('a.yaml', 'a: [1\n');
    await rm(join(root, 'b.yaml'));
    folder.settled();
    expect(folder.keys).toBe('a');
    expect(folder.reasons).toEqual([expect.stringMatching(/^Manifest\/a\.yaml ManifestUnreadable line \d$/)]);
    await write('a.yaml', service('c'));
    folder.settled();
    expect([folder.keys, folder.reasons]).toEqual(['c', []]);
  });

  it('does not read what is far too large', async () => {
    await write('a.yaml', service('a'));
    await truncate(join(root, 'a.yaml'), 65 * 1024 * 1024);
    folder.look();
    expect(folder.reasons).toEqual(['Manifest/a.yaml ManifestUnreadable']);
  });

  it('tells of documents that are no objects, and passes over kinds that are not read', async () => {
    await write('a.yaml', 'just text\n---\n[1, 2]\n---\nkind: Service\n---\n{ apiVersion: v1, kind: Pod }\n');
    folder.look();
    expect(folder.keys).toBe('');
    expect(folder.reasons).toEqual([1, 3, 5].map((line) => `Manifest/a.yaml ObjectMalformed line ${String(line)}`));
  });

  it.each([
    ['v1', 'Ingress', 'networking.k8s.io/v1'],
    ['networking.k8s.io/v1alpha1', 'Ingress', 'networking.k8s.io/v1'],
    ['extensions/v1beta1', 'IngressClass', 'networking.k8s.io/v1'],
    ['discovery.k8s.io/v1', 'Service', 'v1'],
    ['serving.knative.dev/v1', 'Service', undefined],
    ['networking.internal.knative.dev/v1alpha1', 'Ingress', undefined],
    ['v1', 'Service', undefined],
  ])('of %s %s, tells that %s is meant', async (apiVersion, kind, meant) => {
    await write('a.yaml', `{ apiVersion: ${apiVersion}, kind: ${kind}, metadata: { name: a } }\n`);
    folder.look();
    const remedies = (folder.store.snapshot.findings.get('Manifest/a.yaml') ?? []).map(({ remedy }) => remedy);
    expect(remedies).toEqual(meant === undefined ? [] : [`Write apiVersion: ${meant}.`]);
  });

  it('tells the place of each object, and of duplicates both places', async () => {
    await write('b.yaml', service('a', 82));
    await write('a.yaml', `# comment\n${service('a', 81)}${service('a', 83)}`);
    folder.look();
    expect(folder.ports).toBe('a:81');
    expect(folder.places.objects.get('Service/default/a')).toMatchObject({ path: 'a.yaml', line: 3, document: 0 });
    expect(folder.reasons).toEqual(['Service/default/a ObjectDuplicate', 'Service/default/a ObjectDuplicate']);
    const messages = folder.findings.map(({ message }) => message);
    expect(messages[0]).toContain('a.yaml:5');
    expect(messages[1]).toContain('b.yaml:2');
    for (const finding of folder.findings) expect(folder.places.strays.get(finding)?.path).toMatch(/^[ab]\.yaml$/);
    for (const message of messages) expect(message).toContain('already in a.yaml:3');
  });

  it('keeps the smaller version of an object that has become too large', async () => {
    await write('a.yaml', service('a', 81));
    folder.look();
    await write(
      'a.yaml',
      `${service('a', 82)}# x\n`.replace('metadata: {', `x: "${'x'.repeat(2 ** 20)}", metadata: {`),
    );
    folder.settled();
    expect(folder.ports).toBe('a:81');
    expect(folder.reasons).toEqual(['Service/default/a ObjectTooLarge']);
  });
});
