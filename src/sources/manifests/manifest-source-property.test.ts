import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger.ts';
import { Store } from '../store.ts';
import { ManifestSource } from './manifest-source.ts';

/** What people and tools do to files, none of which takes an object away. */
const KINDS = ['rename', 'recreate', 'rewrite', 'save', 'backup', 'move', 'swap'] as const;

interface Operation {
  readonly kind: (typeof KINDS)[number];
  /** Which files it is about, as a number that is taken modulo how many there are. */
  readonly from: number;
  readonly to: number;
  /** In the middle of it, in milliseconds. */
  readonly pauseMs: number;
}

const operations: fc.Arbitrary<readonly Operation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    from: fc.nat(20),
    to: fc.nat(20),
    pauseMs: fc.constantFrom(0, 1, 20, 80),
  }),
  { minLength: 1, maxLength: 12 },
);

const OBJECTS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** A folder behind a link, its files with the objects that they hold, and the version of each object. */
class World {
  readonly root: string;
  readonly files = new Map<string, string[]>([
    ['one.yaml', ['a', 'b']],
    ['two.yaml', ['c']],
    ['three.yaml', ['d', 'e', 'f']],
  ]);
  readonly versions = new Map(OBJECTS.map((name) => [name, 1]));
  #serial = 0;
  #tree = '.tree-0';

  constructor(root: string) {
    this.root = root;
  }

  async make(): Promise<void> {
    await mkdir(join(this.root, this.#tree), { recursive: true });
    for (const name of this.files.keys()) await writeFile(this.path(name), this.text(name));
    await symlink(this.#tree, join(this.root, 'current'));
  }

  path(name: string): string {
    return join(this.root, this.#tree, name);
  }

  text(name: string): string {
    return (this.files.get(name) ?? [])
      .map(
        (object) =>
          `apiVersion: v1\nkind: Service\nmetadata: { name: ${object} }\nspec:\n  ports:\n  - port: ${String(this.versions.get(object))}\n---\n`,
      )
      .join('');
  }

  async do({ kind, from, to, pauseMs }: Operation): Promise<void> {
    const names = [...this.files.keys()];
    const name = names[from % names.length] ?? '';
    for (const object of this.files.get(name) ?? []) this.versions.set(object, (this.versions.get(object) ?? 0) + 1);
    const path = this.path(name);
    const next = join(this.root, '.next');
    switch (kind) {
      case 'rename':
        await writeFile(path, this.text(name));
        await sleep(pauseMs);
        await rename(path, this.path(this.#rename(name)));
        break;
      case 'recreate':
        await rm(path);
        await sleep(pauseMs);
        await writeFile(path, this.text(name));
        break;
      case 'rewrite':
        await writeFile(path, this.text(name).slice(0, this.text(name).length / 2));
        await sleep(pauseMs);
        await writeFile(path, this.text(name));
        break;
      case 'save':
        await writeFile(next, this.text(name));
        await rename(next, path);
        break;
      case 'backup':
        await rename(path, `${path}~`);
        await sleep(pauseMs);
        await writeFile(path, this.text(name));
        await rm(`${path}~`);
        break;
      case 'move':
        await this.#move(name, names[to % names.length] ?? '', pauseMs);
        break;
      case 'swap':
        await this.#swap(pauseMs);
        break;
    }
  }

  #rename(name: string): string {
    const other = `n${String((this.#serial += 1))}.yaml`;
    this.files.set(other, this.files.get(name) ?? []);
    this.files.delete(name);
    return other;
  }

  /** An object from one file into another; it is in neither for a moment. */
  async #move(from: string, to: string, pauseMs: number): Promise<void> {
    const moved = from === to ? undefined : this.files.get(from)?.shift();
    await writeFile(this.path(from), this.text(from));
    await sleep(pauseMs);
    if (moved !== undefined) this.files.get(to)?.push(moved);
    await writeFile(this.path(to), this.text(to));
  }

  /** Another tree in place of this one, with a file by another name, as git-sync does. */
  async #swap(pauseMs: number): Promise<void> {
    const [first = ''] = this.files.keys();
    const before = join(this.root, this.#tree);
    this.#tree = `.tree-${String((this.#serial += 1))}`;
    this.#rename(first);
    await mkdir(join(this.root, this.#tree));
    for (const name of this.files.keys()) await writeFile(this.path(name), this.text(name));
    await symlink(this.#tree, join(this.root, '.link'));
    await rename(join(this.root, '.link'), join(this.root, 'current'));
    await sleep(pauseMs);
    await rm(before, { recursive: true });
  }
}

it('never misses an object that is there before an operation and after it, and ends with what the files hold', async () => {
  await fc.assert(
    fc.asyncProperty(operations, async (list) => {
      const root = await mkdtemp(join(tmpdir(), 'sluice-property-'));
      const world = new World(root);
      await world.make();
      const store = new Store();
      const stop = new AbortController();
      const source = new ManifestSource({ directory: join(root, 'current'), store, logger: silentLogger });
      const ports = (): string =>
        OBJECTS.map((name) => `${name}${String(store.snapshot.services.get(`default/${name}`)?.ports[0]?.port)}`).join(
          ' ',
        );
      const wanted = (): string => OBJECTS.map((name) => `${name}${String(world.versions.get(name))}`).join(' ');
      const running = source.run(stop.signal, () => {});
      try {
        while (ports() !== wanted()) await sleep(5);
        const missed: string[] = [];
        store.subscribe(() => {
          if (ports().includes('undefined')) missed.push(ports());
        });
        for (const operation of list) await world.do(operation);
        while (ports() !== wanted()) await sleep(5);
        expect(missed).toEqual([]);
        expect([...store.snapshot.findings.values()].flat().map(({ message }) => message)).toEqual([]);
      } finally {
        stop.abort();
        await running;
        await rm(root, { recursive: true, force: true });
      }
    }),
    { numRuns: 12, endOnFailure: true },
  );
});
