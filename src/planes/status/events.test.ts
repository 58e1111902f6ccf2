import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { KeyedRunner } from '../keyed-runner.ts';
import { EventPlane, type EventWish } from './events.ts';
import { FindingEvents } from './finding-events.ts';

function conflict(name: string, message = 'already routed'): Finding {
  return finding('PathConflict', { kind: 'Ingress', namespace: 'ns', name }, 'spec.rules[0]', message);
}

function producers(given: Readonly<Record<string, readonly Finding[]>>): PersistentMap<readonly Finding[]> {
  return PersistentMap.from(Object.entries(given));
}

describe('FindingEvents', () => {
  it('asks for one Event for what several producers report, for as long as one of them does', () => {
    const events = new FindingEvents();
    const first = events.of(producers({ 'host:x': [conflict('a')], 'host:y': [conflict('a')] }));
    expect([...first.values()]).toEqual([
      {
        object: { kind: 'Ingress', namespace: 'ns', name: 'a' },
        type: 'Warning',
        reason: 'PathConflict',
        message: expect.stringMatching(/^spec\.rules\[0\]: already routed\. .+ \(SLU\d+\)$/),
      },
    ]);
    const [wish] = first.values();
    expect([...events.of(producers({ 'host:y': [conflict('a')] })).values()][0]).toBe(wish);
    expect(events.of(producers({})).size).toBe(0);
  });

  it('asks for another Event for another object or message, and keeps what stays', () => {
    const events = new FindingEvents();
    const [wish] = events.of(producers({ p: [conflict('a')] })).values();
    const next = events.of(producers({ p: [conflict('a'), conflict('b'), conflict('a', 'otherwise')] }));
    expect(next.size).toBe(3);
    expect([...next.values()]).toContain(wish);
  });
});

describe('EventPlane', () => {
  const wish: EventWish = {
    object: { kind: 'Ingress', namespace: 'ns', name: 'a' },
    type: 'Warning',
    reason: 'Broken',
    message: 'it is broken',
  };

  it('writes a wish once, and the next one although it says the same', async () => {
    const written: EventWish[] = [];
    const write = (event: EventWish): Promise<void> => Promise.resolve(void written.push(event));
    const plane = new EventPlane({ write, concernsAll: () => false }, 'renewed');
    const seen = await plane.compare('k', wish, undefined)?.(new AbortController().signal);
    expect(written).toEqual([wish]);
    expect(plane.compare('k', wish, seen)).toBeUndefined();
    expect(plane.compare('k', { ...wish }, seen)).toBeDefined();
    expect(plane.compare('k', undefined, seen)).toBeUndefined();
    // Before the hour in which API servers forget.
    expect(plane.renewAfterMs).toBeLessThan(3_600_000);
  });

  describe('of a thousand Findings that last', () => {
    afterEach(() => void vi.useRealTimers());

    it('keeps all visible after the hour in which API servers forget, within its rate', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      const atMs = new Map<string, number[]>();
      const write = ({ object: { name } }: EventWish): Promise<void> => {
        atMs.set(name, [...(atMs.get(name) ?? []), performance.now()]);
        return Promise.resolve();
      };
      const runner = new KeyedRunner(new EventPlane({ write, concernsAll: () => false }, 'renewed'), {
        logger: silentLogger,
        events: { applied: () => {}, failed: () => {} },
        rate: { perSecond: 20, burst: 100 },
        mayWrite: () => true,
      });
      const stop = new AbortController();
      const running = runner.run(stop.signal);
      const findings = Array.from({ length: 1_000 }, (_, index) => conflict(`i${String(index)}`));
      runner.want(new FindingEvents().of(producers({ p: findings })));
      runner.start();
      const startMs = performance.now();
      await vi.advanceTimersByTimeAsync(3 * 3_600_000);
      expect(atMs.size).toBe(1_000);
      const gaps = [...atMs.values()].flatMap((times) =>
        times.slice(1).map((time, index) => time - (times[index] ?? 0)),
      );
      expect(Math.max(...gaps)).toBeLessThan(3_600_000);
      const inFirstMinute = [...atMs.values()].flat().filter((time) => time - startMs < 60_000);
      expect(inFirstMinute).toHaveLength(1_000);
      expect([...atMs.values()].flat()).toHaveLength(4_000);
      stop.abort();
      await running;
    });
  });
});
