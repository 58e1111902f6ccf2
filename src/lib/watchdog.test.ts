import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Watchdog } from './watchdog.ts';

describe('Watchdog', () => {
  let barks: number;
  let watchdog: Watchdog;
  beforeEach(() => {
    vi.useFakeTimers();
    barks = 0;
    watchdog = new Watchdog(() => (barks += 1));
  });
  afterEach(() => {
    watchdog.expect(undefined);
    vi.useRealTimers();
  });

  it('expects nothing at first', () => {
    watchdog.feed();
    vi.advanceTimersByTime(1_000_000);
    expect(barks).toBe(0);
  });

  it('barks once when it is not fed in time', () => {
    watchdog.expect(100);
    vi.advanceTimersByTime(99);
    expect(barks).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect(barks).toBe(1);
  });

  it('keeps quiet while it is fed', () => {
    watchdog.expect(100);
    for (let n = 0; n < 10; n += 1) {
      vi.advanceTimersByTime(90);
      watchdog.feed();
    }
    expect(barks).toBe(0);
    vi.advanceTimersByTime(100);
    expect(barks).toBe(1);
  });

  it('takes a new time in place of the old one, or none', () => {
    watchdog.expect(100);
    watchdog.expect(300);
    vi.advanceTimersByTime(299);
    expect(barks).toBe(0);
    watchdog.expect(undefined);
    vi.advanceTimersByTime(1_000);
    expect(barks).toBe(0);
  });
});
