import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SharedRetry, type RetryWait } from './shared-retry.ts';

/** A back-off that has grown, for a resource that somebody should look at once a second. */
const LONG: RetryWait = { delayMs: 30_000, floorMs: 0, probeMs: 1_000 };

describe('SharedRetry', () => {
  let retry: SharedRetry;
  let stop: AbortController;
  /** Who tried, in order. */
  let tried: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    // In the middle: a probe comes exactly when it is due.
    retry = new SharedRetry(() => 0.5);
    stop = new AbortController();
    tried = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Lets `name` wait again and again, as a reflector does that is refused every time. */
  async function refuse(name: string, wait: RetryWait = LONG): Promise<void> {
    while (!stop.signal.aborted) {
      await retry.wait(wait, stop.signal);
      if (!stop.signal.aborted) tried.push(name);
    }
  }

  it('lets one after the other try, each second one, whatever their number', async () => {
    const running = ['a', 'b', 'c'].map((name) => refuse(name));
    await vi.advanceTimersByTimeAsync(4_500);
    expect(tried).toEqual(['a', 'b', 'c', 'a']);
    stop.abort();
    await Promise.all(running);
  });

  it('lets all try at once when one of them is served, and not again within a second', async () => {
    const running = ['a', 'b', 'c'].map((name) => refuse(name));
    await vi.advanceTimersByTimeAsync(10);
    retry.recovered();
    await vi.advanceTimersByTimeAsync(10);
    expect(tried).toEqual(['a', 'b', 'c']);
    retry.recovered();
    await vi.advanceTimersByTimeAsync(10);
    expect(tried).toHaveLength(3);
    stop.abort();
    await Promise.all(running);
  });

  it('hurries nobody who need not, and goes by the most impatient of those who should', async () => {
    const running = [
      refuse('absent', { ...LONG, probeMs: undefined }),
      refuse('slow', { ...LONG, probeMs: 5_000 }),
      refuse('soon'),
    ];
    await vi.advanceTimersByTimeAsync(3_500);
    expect(tried).toEqual(['slow', 'soon', 'slow']);
    await vi.advanceTimersByTimeAsync(27_000);
    expect(tried.filter((name) => name === 'absent')).toHaveLength(1);
    stop.abort();
    await Promise.all(running);
  });

  it('leaves a server alone for as long as it asks', async () => {
    const running = refuse('a', { delayMs: 30_000, floorMs: 10_000, probeMs: 1_000 });
    await vi.advanceTimersByTimeAsync(9_900);
    retry.recovered();
    await vi.advanceTimersByTimeAsync(50);
    expect(tried).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(tried).toEqual(['a']);
    stop.abort();
    await running;
  });

  it('leaves no timer behind', async () => {
    const running = refuse('a');
    await vi.advanceTimersByTimeAsync(10);
    stop.abort();
    await running;
    expect(vi.getTimerCount()).toBe(0);
  });
});
