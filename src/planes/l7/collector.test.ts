import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { Turns } from '../../lib/turns.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import type { BackendId, BackendPlan, L7Plan } from '../../compile/plan.ts';
import type { Retired } from './backends.ts';
import { Collector } from './collector.ts';
import { serverName } from './encode.ts';

/** A plan of backends by name, with the last byte of each server's address. */
function plan(backends: Readonly<Record<string, readonly number[]>>): L7Plan {
  const entries = Object.entries(backends).map(([name, servers]): [string, BackendPlan] => {
    const id = name as BackendId;
    return [
      name,
      {
        id,
        class: 'plain',
        namespace: 'ns',
        service: name,
        port: 80,
        protocol: 'http',
        tls: undefined,
        servers: servers.flatMap((last) => {
          const address = ipAddressOf(`192.0.2.${String(last)}`);
          return address === undefined ? [] : [{ address, port: 80, state: 'ready' as const }];
        }),
      },
    ];
  });
  return {
    hosts: PersistentMap.empty(),
    backends: PersistentMap.from(entries),
    authorities: PersistentMap.empty(),
    clientCertificates: PersistentMap.empty(),
    certificates: PersistentMap.empty(),
    passwords: PersistentMap.empty(),
    defaultCertificate: undefined,
    reserve: 0,
    tlsListeners: PersistentMap.empty(),
    engine: {},
  };
}

/** The server of backend `a` with this last byte. */
function server(last: number): string {
  const found = plan({ a: [last] }).backends.get('a')?.servers[0];
  return found === undefined ? '' : `a/${serverName(found)}`;
}

/** HAProxy's side: what still has requests is not deleted. */
class Engine {
  readonly busy = new Set<string>();
  /** Backends whose deletion is answered with what was said of servers before, cut off in front of the answer itself. */
  readonly wordy = new Set<string>();
  readonly sent: string[][] = [];

  readonly send = (commands: readonly string[]): Promise<readonly string[]> => {
    if (commands.length > 0) this.sent.push([...commands]);
    return Promise.resolve(
      commands.map((command) => {
        const [, kind, target = ''] = command.split(' ');
        if (this.busy.has(target)) return 'Server still has connections attached to it, cannot remove it.';
        if (kind === 'backend' && this.wordy.delete(target)) return 'Server deleted.\nServer deleted.';
        return kind === 'server' ? 'Server deleted.' : 'Backend deleted.';
      }),
    );
  };
}

const left = (servers: readonly string[], backends: readonly string[] = []): Retired => ({
  servers,
  backends,
  data: [],
  files: [],
});

describe('Collector', () => {
  let collector: Collector;
  let engine: Engine;
  let turns: Turns;
  beforeEach(() => {
    vi.useFakeTimers();
    collector = new Collector();
    engine = new Engine();
    turns = new Turns();
  });
  afterEach(() => {
    collector.stop();
    vi.useRealTimers();
  });

  it('deletes servers, then backends that have none any more', async () => {
    collector.add(plan({}), left([server(1), server(2)], ['a', 'b']));
    collector.schedule(engine.send, turns);
    expect(engine.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(engine.sent).toEqual([
      [`del server ${server(1)}`, `del server ${server(2)}`],
      ['del backend a', 'del backend b'],
    ]);
    expect(collector.leftovers).toEqual({ servers: new Set(), backends: new Set(), data: new Map(), files: new Map() });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(engine.sent).toHaveLength(2);
  });

  it('tries again, ever more slowly, what still has requests, and keeps its backend until then', async () => {
    engine.busy.add(server(1));
    collector.add(plan({}), left([server(1), server(2)], ['a']));
    collector.schedule(engine.send, turns);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.sent.flat()).not.toContain('del backend a');
    expect(collector.leftovers.servers).toEqual(new Set([server(1)]));
    const perMinute = engine.sent.length;
    expect(perMinute).toBeLessThan(20);
    await vi.advanceTimersByTimeAsync(600_000);
    const perTenMinutes = engine.sent.length - perMinute;
    expect(perTenMinutes).toBeLessThan(25);
    // For as long as it takes: never given up.
    expect(perTenMinutes).toBeGreaterThan(10);
    engine.busy.clear();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.sent.slice(-2)).toEqual([[`del server ${server(1)}`], ['del backend a']]);
  });

  it('asks at once for a backend whose deletion was not answered to its end: a change may revive it next', async () => {
    engine.wordy.add('a');
    collector.add(plan({}), left([], ['a', 'b']));
    collector.schedule(engine.send, turns);
    await vi.advanceTimersByTimeAsync(100);
    expect(engine.sent).toEqual([['del backend a', 'del backend b'], ['del backend a']]);
    expect(collector.leftovers.backends).toEqual(new Set());
  });

  it('lets go of what a plan has revived', async () => {
    collector.add(plan({}), left([server(1), server(2)], ['a']));
    collector.add(plan({ a: [1] }), left([]));
    collector.schedule(engine.send, turns);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(engine.sent).toEqual([[`del server ${server(2)}`]]);
  });

  it('forgets everything with the process that held it', async () => {
    collector.add(plan({}), left([server(1)], ['a']));
    collector.schedule(engine.send, turns);
    collector.reset();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.sent).toEqual([]);
  });

  it('waits for its turn, so that nothing is revived while it is being deleted', async () => {
    const change = Promise.withResolvers<void>();
    const changing = turns.take(() => change.promise);
    collector.add(plan({}), left([server(1)]));
    collector.schedule(engine.send, turns);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(engine.sent).toEqual([]);
    collector.add(plan({ a: [1] }), left([]));
    change.resolve();
    await changing;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(engine.sent).toEqual([]);
  });

  it('stops when it is told to', async () => {
    collector.add(plan({}), left([server(1)]));
    collector.schedule(engine.send, turns);
    collector.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.sent).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('deletes data of routes a minute after nothing leads to them, and lets those be that are wanted again', async () => {
    const item = (key: string): Retired['data'][number] => ({
      host: 'a.test',
      target: `stages ${key}`,
      map: 'stages',
      key,
    });
    collector.add(plan({}), { servers: [], backends: [], data: [item('0a'), item('0b')], files: [] });
    collector.schedule(engine.send, turns);
    await vi.advanceTimersByTimeAsync(50_000);
    expect(engine.sent).toEqual([]);
    expect([...collector.leftovers.data.keys()]).toEqual(['stages 0a', 'stages 0b']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.sent).toEqual([['del map stages.map 0a', 'del map stages.map 0b']]);
    expect(collector.leftovers.data.size).toBe(0);
  });
});
