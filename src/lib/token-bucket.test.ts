import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

describe('TokenBucket', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  function takeAll(bucket: TokenBucket): number {
    let taken = 0;
    while (bucket.take()) taken += 1;
    return taken;
  }

  it('lets a burst through, and then its rate', () => {
    const bucket = new TokenBucket({ perSecond: 20, burst: 100 });
    expect(takeAll(bucket)).toBe(100);
    expect(bucket.waitMs).toBe(50);
    vi.advanceTimersByTime(49);
    expect(bucket.take()).toBe(false);
    vi.advanceTimersByTime(1);
    expect(takeAll(bucket)).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(takeAll(bucket)).toBe(20);
  });

  it('saves no more than a burst', () => {
    const bucket = new TokenBucket({ perSecond: 20, burst: 100 });
    vi.advanceTimersByTime(3_600_000);
    expect(takeAll(bucket)).toBe(100);
  });
});
