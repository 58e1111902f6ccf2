import { describe, expect, it } from 'vitest';
import { EMPTY_SNAPSHOT, type ResolvedName } from '../model/snapshot.ts';
import type { Change } from './change.ts';
import { Store } from './store.ts';

const answer: ResolvedName = { addresses: [] };

function put(key: string): Change {
  return { table: 'resolvedNames', key, value: answer };
}

function take(key: string): Change {
  return { table: 'resolvedNames', key, value: undefined };
}

describe('Store', () => {
  it('is empty at first', () => {
    expect(new Store().snapshot).toBe(EMPTY_SNAPSHOT);
  });

  it('shows a batch as a whole, once', () => {
    const store = new Store();
    const seen: number[] = [];
    store.subscribe(() => seen.push(store.snapshot.resolvedNames.size));
    store.commit([put('a'), put('b'), { table: 'findings', key: 'f', value: [] }]);
    store.commit([take('a'), put('c'), put('d')]);
    expect(seen).toEqual([2, 3]);
    expect(store.snapshot.findings.size).toBe(1);
  });

  it('leaves snapshots that were handed out, and tables that are not touched, as they are', () => {
    const store = new Store();
    store.commit([put('a')]);
    const before = store.snapshot;
    store.commit([put('b')]);
    expect([...before.resolvedNames.keys()]).toEqual(['a']);
    expect(store.snapshot.services).toBe(before.services);
    expect(store.snapshot.resolvedNames.get('a')).toBe(answer);
  });

  it('says nothing when nothing is different', () => {
    const store = new Store();
    store.commit([put('a')]);
    const before = store.snapshot;
    let told = 0;
    store.subscribe(() => (told += 1));
    store.commit([]);
    store.commit([put('a')]);
    store.commit([take('never was there')]);
    expect(told).toBe(0);
    expect(store.snapshot).toBe(before);
  });

  it('lets the last change of one object in a batch count', () => {
    const store = new Store();
    store.commit([put('a'), take('a'), take('b'), put('b')]);
    expect([...store.snapshot.resolvedNames.keys()]).toEqual(['b']);
  });

  it('tells nobody who has left', () => {
    const store = new Store();
    let told = 0;
    const leave = store.subscribe(() => (told += 1));
    leave();
    store.commit([put('a')]);
    expect(told).toBe(0);
  });
});
