import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PersistentMap } from './persistent-map.ts';

type Change = readonly [key: string, value: number | undefined];

const changes = fc.array(
  fc.tuple(fc.stringMatching(/^[a-d]{1,3}$/), fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined })),
  { maxLength: 60 },
);

function applied(steps: readonly Change[], start = PersistentMap.empty<number>()): PersistentMap<number> {
  return steps.reduce((map, [key, value]) => (value === undefined ? map.delete(key) : map.set(key, value)), start);
}

function plain(steps: readonly Change[], start: ReadonlyMap<string, number> = new Map()): Map<string, number> {
  const map = new Map(start);
  for (const [key, value] of steps) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return map;
}

describe('PersistentMap', () => {
  it('holds what a Map holds after the same changes', () => {
    fc.assert(
      fc.property(changes, (steps) => {
        const map = applied(steps);
        const model = plain(steps);
        expect(new Map(map.entries())).toEqual(model);
        expect(map.size).toBe(model.size);
        for (const key of model.keys()) expect(map.get(key)).toBe(model.get(key));
      }),
    );
  });

  it('has one iteration order for one set of contents', () => {
    fc.assert(
      fc.property(changes, (steps) => {
        const map = applied(steps);
        expect([...PersistentMap.from(map.sorted()).entries()]).toEqual([...map.entries()]);
      }),
    );
  });

  it('diff names exactly the keys that differ', () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const before = applied(first);
        const after = applied(second, before);
        const found = new Map<string, readonly [number | undefined, number | undefined]>();
        PersistentMap.diff(before, after, (key, left, right) => {
          expect(found.has(key)).toBe(false);
          found.set(key, [left, right]);
        });
        const model = plain(second, new Map(before.entries()));
        const expected = new Map<string, readonly [number | undefined, number | undefined]>();
        for (const key of new Set([...before.keys(), ...model.keys()])) {
          if (before.get(key) !== model.get(key)) expected.set(key, [before.get(key), model.get(key)]);
        }
        expect(found).toEqual(expected);
      }),
    );
  });

  it('visits only what differs among 20,000 entries', () => {
    const before = PersistentMap.from(Array.from({ length: 20_000 }, (_, n) => [`key-${String(n)}`, { n }] as const));
    const after = before.set('key-77', { n: -1 }).delete('key-78').set('new', { n: 0 });
    const visited: string[] = [];
    PersistentMap.diff(before, after, (key) => visited.push(key));
    expect(visited.toSorted()).toEqual(['key-77', 'key-78', 'new']);
  });

  it('keeps keys apart whose hashes collide', () => {
    // 200,000 keys make about five collisions of a 32-bit hash (birthday bound).
    const byHash = new Map<string, number>();
    for (let n = 0; n < 200_000; n += 1) byHash.set(`k${String(n)}`, n);
    const map = PersistentMap.from(byHash);
    expect(map.size).toBe(200_000);
    for (const [key, value] of byHash) if (map.get(key) !== value) expect.fail(key);
  });

  it('returns itself when nothing changes', () => {
    const map = PersistentMap.from([['a', 1]]);
    expect(map.set('a', 1)).toBe(map);
    expect(map.delete('b')).toBe(map);
  });
});
