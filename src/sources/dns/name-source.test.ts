import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { Store } from '../store.ts';
import { NameSource } from './name-source.ts';

/** DNS: names with their addresses; others have no answer. Lookups of names in `held` wait. */
class Dns {
  readonly answers = new Map<string, readonly string[]>();
  readonly held = new Map<string, Promise<void>>();
  readonly asked: string[] = [];

  readonly resolve = async (name: string): Promise<readonly string[]> => {
    this.asked.push(name);
    await this.held.get(name);
    const answer = this.answers.get(name);
    if (answer === undefined) throw new Error('ENOTFOUND');
    return answer;
  };
}

describe('NameSource', () => {
  let dns: Dns;
  let store: Store;
  let source: NameSource;
  let stop: AbortController;
  let running: Promise<void>;
  beforeEach(() => {
    dns = new Dns();
    store = new Store();
    source = new NameSource({ store, logger: silentLogger, resolve: dns.resolve, everyMs: 3 });
    stop = new AbortController();
    running = Promise.resolve();
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  const start = (): void => void (running = source.run(stop.signal, () => {}));
  const want = (...names: readonly string[]): void =>
    source.want({ objects: PersistentMap.empty(), names: PersistentMap.from(names.map((name) => [name, true])) });
  const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 2 });
  const addresses = (name: string): readonly string[] | undefined => store.snapshot.resolvedNames.get(name)?.addresses;

  it('is synced with nothing to look up, and syncing while a name has had no answer of either kind', async () => {
    expect(source.state.kind).toBe('syncing');
    start();
    expect(source.state.kind).toBe('synced');
    const answer = Promise.withResolvers<void>();
    dns.held.set('a.test', answer.promise);
    want('a.test', 'nobody.test');
    await until(() => expect(dns.asked.filter((name) => name === 'nobody.test').length).toBeGreaterThan(1));
    expect(source.state.kind).toBe('syncing');
    dns.answers.set('a.test', ['192.0.2.1']);
    answer.resolve();
    await until(() => expect(source.state.kind).toBe('synced'));
    expect([addresses('a.test'), addresses('nobody.test')]).toEqual([['192.0.2.1'], []]);
  });

  it('does not wait without end for a server that says nothing, and takes a late answer', async () => {
    const told: string[] = [];
    source = new NameSource({ store, logger: silentLogger, resolve: dns.resolve, everyMs: 3, firstAnswerMs: 5 });
    const answer = Promise.withResolvers<void>();
    dns.held.set('a.test', answer.promise);
    dns.answers.set('a.test', ['192.0.2.1']);
    running = source.run(stop.signal, () => told.push(source.state.kind));
    want('a.test');
    await until(() => expect(told).toEqual(['synced', 'syncing', 'synced']));
    expect(addresses('a.test')).toEqual([]);
    answer.resolve();
    await until(() => expect(addresses('a.test')).toEqual(['192.0.2.1']));
  });

  it('takes an answer in another order, with repetitions, for the same answer', async () => {
    dns.answers.set('a.test', ['192.0.2.2', '192.0.2.1']);
    start();
    want('a.test');
    await until(() => expect(addresses('a.test')).toEqual(['192.0.2.1', '192.0.2.2']));
    const { snapshot } = store;
    dns.answers.set('a.test', ['192.0.2.1', '192.0.2.2', '192.0.2.1']);
    const asked = dns.asked.length;
    await until(() => expect(dns.asked.length).toBeGreaterThan(asked + 2));
    expect(store.snapshot).toBe(snapshot);
  });

  it('leaves out what is not an address', async () => {
    dns.answers.set('a.test', ['192.0.2.1', 'x;y', 'fe80::1%eth0', '2001:DB8::1']);
    start();
    want('a.test');
    await until(() => expect(addresses('a.test')).toEqual(['192.0.2.1', '2001:db8::1']));
  });

  it('follows a change, and keeps the last answer while there is none', async () => {
    dns.answers.set('a.test', ['192.0.2.1']);
    start();
    want('a.test');
    await until(() => expect(addresses('a.test')).toEqual(['192.0.2.1']));
    dns.answers.delete('a.test');
    const asked = dns.asked.length;
    await until(() => expect(dns.asked.length).toBeGreaterThan(asked + 2));
    expect(addresses('a.test')).toEqual(['192.0.2.1']);
    dns.answers.set('a.test', ['192.0.2.2']);
    await until(() => expect(addresses('a.test')).toEqual(['192.0.2.2']));
  });

  it('says once that a name has no answer, and again when it has lost one', async () => {
    const warned: unknown[] = [];
    const logger = { ...silentLogger, warn: (_: string, about: unknown) => void warned.push(about) };
    source = new NameSource({ store, logger, resolve: dns.resolve, everyMs: 3 });
    start();
    want('a.test');
    await until(() => expect(dns.asked.length).toBeGreaterThan(3));
    expect(warned).toEqual([{ externalName: 'a.test', error: 'ENOTFOUND' }]);
    dns.answers.set('a.test', ['192.0.2.1']);
    await until(() => expect(addresses('a.test')).toEqual(['192.0.2.1']));
    dns.answers.delete('a.test');
    await until(() => expect(warned).toHaveLength(2));
  });

  it('forgets a name that nobody wants, though its answer is still on the way', async () => {
    const answer = Promise.withResolvers<void>();
    dns.held.set('a.test', answer.promise);
    dns.answers.set('a.test', ['192.0.2.1']);
    dns.answers.set('b.test', ['192.0.2.2']);
    start();
    want('a.test', 'b.test');
    await until(() => expect(addresses('b.test')).toBeDefined());
    want('b.test');
    expect(source.state.kind).toBe('synced');
    answer.resolve();
    const asked = dns.asked.length;
    await until(() => expect(dns.asked.length).toBeGreaterThan(asked + 3));
    expect([...store.snapshot.resolvedNames.keys()]).toEqual(['b.test']);
    expect(dns.asked.slice(asked)).not.toContain('a.test');
    want();
    expect(store.snapshot.resolvedNames.size).toBe(0);
  });

  it('says synced when a name that it waited for is not wanted any more', () => {
    const told: string[] = [];
    running = source.run(stop.signal, () => told.push(source.state.kind));
    const answer = Promise.withResolvers<void>();
    dns.held.set('a.test', answer.promise);
    want('a.test');
    want();
    expect(told).toEqual(['synced', 'syncing', 'synced']);
    answer.resolve();
  });

  it('looks up what was wanted before it ran', async () => {
    dns.answers.set('a.test', ['192.0.2.1']);
    want('a.test');
    expect(dns.asked).toEqual([]);
    start();
    await until(() => expect(addresses('a.test')).toEqual(['192.0.2.1']));
  });
});
