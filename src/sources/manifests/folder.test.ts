import { execFileSync } from 'node:child_process';
import { appendFile, chmod, mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Folder, type FolderContents } from './folder.ts';

function service(name: string, port = 80): string {
  return `---\n{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { ports: [{ port: ${String(port)} }] } }\n`;
}

describe('Folder', () => {
  let root: string;
  let folder: Folder;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sluice-folder-'));
    folder = new Folder(root);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const write = (name: string, text: string): Promise<void> => writeFile(join(root, name), text);
  const keys = ({ changes }: FolderContents): readonly string[] =>
    changes.map(({ key }) => key.replace('default/', ''));
  const reasons = ({ findings }: FolderContents): readonly string[] =>
    [...findings].flatMap(([key, list]) => list.map(({ reason, field }) => `${key} ${reason} ${field}`.trim()));

  /** Scans until nothing is being written any more. */
  async function settled(): Promise<FolderContents> {
    for (;;) {
      const contents = await folder.scan();
      if (contents.isSettled) return contents;
    }
  }

  it('throws when it is not there, and when it is a file', async () => {
    await expect(new Folder(join(root, 'nowhere')).scan()).rejects.toThrow('ENOENT');
    await write('file', '');
    await expect(new Folder(join(root, 'file')).scan()).rejects.toThrow('ENOTDIR');
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
    const contents = await folder.scan();
    expect([...new Set(keys(contents))]).toEqual(['a', 'b', 'c']);
    expect([...contents.directories].sort()).toEqual([root, join(root, 'link'), join(root, 'sub')]);
  });

  it('never takes a file for empty, or for half of itself, that is written again and again', async () => {
    const text = service('a') + service('b');
    await write('a.yaml', text);
    await folder.scan();
    let isWriting = true;
    let written = Promise.resolve();
    const writer = (async () => {
      for (let n = 0; isWriting; n += 1) await (written = write('a.yaml', `${text}# ${String(n % 7)}\n`));
    })();
    const seen = new Set<string>();
    for (let n = 0; n < 150; n += 1) {
      seen.add(keys(await folder.scan()).join(' '));
      await new Promise((resolve) => setTimeout(resolve, 10));
      // A busy disk leaves a file empty for half a second between the emptying and the writing: for more scans than one may be empty.
      await written;
    }
    isWriting = false;
    await writer;
    expect([...seen]).toEqual(['a b']);
  });

  it('takes a file for empty once it stays so', async () => {
    await write('a.yaml', service('a'));
    await folder.scan();
    await truncate(join(root, 'a.yaml'), 0);
    for (let n = 0; n < 40; n += 1) expect(keys(await folder.scan())).toEqual(['a']);
    expect(keys(await settled())).toEqual([]);
  });

  it('ends where links to folders lead back', async () => {
    await mkdir(join(root, 'sub', 'deeper'), { recursive: true });
    await write('sub/a.yaml', service('a'));
    await symlink('..', join(root, 'sub', 'up'));
    await symlink('../..', join(root, 'sub', 'deeper', 'top'));
    const contents = await folder.scan();
    expect([keys(contents), reasons(contents)]).toEqual([['a'], []]);
  });

  it('does not wait for a pipe or a device to end', async () => {
    await write('z.yaml', service('a'));
    execFileSync('mkfifo', [join(root, 'pipe.yaml')]);
    await symlink('/dev/zero', join(root, 'zero.yaml'));
    const contents = await folder.scan();
    expect(keys(contents)).toEqual(['a']);
    expect(reasons(contents)).toEqual(['pipe', 'zero'].map((name) => `Manifest/${name}.yaml ManifestUnreadable`));
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
    const contents = await folder.scan();
    expect(keys(contents)).toEqual(['a']);
    expect(reasons(contents)).toEqual([expect.stringMatching(/^Manifest\/.* ManifestUnreadable$/)]);
    execFileSync('rm', ['-r', join(root, names.at(-1) ?? '')]);
  });

  it.skipIf(process.getuid?.() === 0)('keeps what a sub-folder held that cannot be read any more', async () => {
    await mkdir(join(root, 'sub'));
    await write('a.yaml', service('a'));
    await write('sub/b.yaml', service('b'));
    await folder.scan();
    await chmod(join(root, 'sub'), 0);
    await write('a.yaml', service('c'));
    const contents = await settled();
    await chmod(join(root, 'sub'), 0o700);
    expect([keys(contents), reasons(contents)]).toEqual([['c', 'b'], ['Manifest/sub ManifestUnreadable']]);
  });

  it('gives the same objects again for files that have not changed, and for parts that have not', async () => {
    await write('a.yaml', service('a') + service('b'));
    await write('c.yaml', service('c'));
    const before = await folder.scan();
    const again = await folder.scan();
    expect(again.changes.map(({ value }, index) => value === before.changes[index]?.value)).toEqual([true, true, true]);
    await write('a.yaml', service('a') + service('b', 81));
    const after = await settled();
    expect(after.changes.map(({ value }, index) => value === before.changes[index]?.value)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('reads a file that has changed once it looks the same twice', async () => {
    await write('a.yaml', service('a'));
    await folder.scan();
    await write('a.yaml', service('b'));
    const first = await folder.scan();
    expect([keys(first), first.isSettled]).toEqual([['a'], false]);
    await appendFile(join(root, 'a.yaml'), service('c'));
    const second = await folder.scan();
    expect([keys(second), second.isSettled]).toEqual([['a'], false]);
    const third = await folder.scan();
    expect([keys(third), third.isSettled]).toEqual([['b', 'c'], true]);
  });

  it('notices a change that leaves the length and the time as they were', async () => {
    await write('a.yaml', service('a'));
    const when = new Date(1_000_000);
    await utimes(join(root, 'a.yaml'), when, when);
    await folder.scan();
    await rm(join(root, 'a.yaml'));
    await write('next.yaml', service('b'));
    await rm(join(root, 'next.yaml'));
    await write('a.yaml', service('b'));
    expect(keys(await settled())).toEqual(['b']);
  });

  it('keeps what a broken file held, and lets go of what a removed file held', async () => {
    await write('a.yaml', service('a'));
    await write('b.yaml', service('b'));
    await folder.scan();
    await write('a.yaml', 'a: [1\n');
    await rm(join(root, 'b.yaml'));
    const contents = await settled();
    expect(keys(contents)).toEqual(['a']);
    expect(reasons(contents)).toEqual([expect.stringMatching(/^Manifest\/a\.yaml ManifestUnreadable line \d$/)]);
    await write('a.yaml', service('c'));
    const mended = await settled();
    expect([keys(mended), reasons(mended)]).toEqual([['c'], []]);
  });

  it('does not read what is far too large', async () => {
    await write('a.yaml', service('a'));
    await truncate(join(root, 'a.yaml'), 65 * 1024 * 1024);
    expect(reasons(await folder.scan())).toEqual(['Manifest/a.yaml ManifestUnreadable']);
  });

  it('tells of documents that are no objects, and passes over kinds that are not read', async () => {
    await write('a.yaml', 'just text\n---\n[1, 2]\n---\nkind: Service\n---\n{ apiVersion: v1, kind: ConfigMap }\n');
    const contents = await folder.scan();
    expect(keys(contents)).toEqual([]);
    expect(reasons(contents)).toEqual([1, 3, 5].map((line) => `Manifest/a.yaml ObjectMalformed line ${String(line)}`));
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
    const { findings } = await folder.scan();
    const remedies = (findings.get('Manifest/a.yaml') ?? []).map(({ remedy }) => remedy);
    expect(remedies).toEqual(meant === undefined ? [] : [`Write apiVersion: ${meant}.`]);
  });

  it('tells the place of each object, and of duplicates both places', async () => {
    await write('b.yaml', service('a', 82));
    await write('a.yaml', `# comment\n${service('a', 81)}${service('a', 83)}`);
    const contents = await folder.scan();
    expect(contents.changes).toMatchObject([{ value: { ports: [{ port: 81 }] } }]);
    expect(contents.places.objects.get('Service/default/a')).toMatchObject({ path: 'a.yaml', line: 3, document: 0 });
    expect(reasons(contents)).toEqual(['Service/default/a ObjectDuplicate', 'Service/default/a ObjectDuplicate']);
    const messages = [...contents.findings.values()].flat().map(({ message }) => message);
    expect(messages[0]).toContain('a.yaml:5');
    expect(messages[1]).toContain('b.yaml:2');
    for (const message of messages) expect(message).toContain('already in a.yaml:3');
  });

  it('keeps the smaller version of an object that has become too large', async () => {
    await write('a.yaml', service('a', 81));
    await folder.scan();
    await write(
      'a.yaml',
      `${service('a', 82)}# x\n`.replace('metadata: {', `x: "${'x'.repeat(2 ** 20)}", metadata: {`),
    );
    const contents = await settled();
    expect(contents.changes).toMatchObject([{ value: { ports: [{ port: 81 }] } }]);
    expect(reasons(contents)).toEqual(['Service/default/a ObjectTooLarge']);
  });
});
