import { describe, expect, it } from 'vitest';
import { Patience, type Scene } from './patience.ts';

const AT_REST: Scene = { unsettled: 0, isReadingLarge: false, missing: undefined, hasChanges: false };

describe('Patience', () => {
  it.each([
    ['nothing has changed for a second', { lastMs: 5000, activeMs: 5000, nowMs: 6000 }, 6000],
    ['something changed since', { lastMs: 5000, activeMs: 5500, nowMs: 6000 }, undefined],
    [
      'the folder never rests, but it has been away for ten seconds',
      { lastMs: 5000, activeMs: 14_900, nowMs: 15_000 },
      5000,
    ],
    [
      'the folder never rests, and not all have been away for so long',
      { lastMs: 9000, activeMs: 14_900, nowMs: 15_000 },
      5000,
    ],
  ])('believes that something is gone when %s', (_, { lastMs, activeMs, nowMs }, expected) => {
    const patience = new Patience(10_000);
    patience.active(activeMs);
    expect(patience.goneSince({ ...AT_REST, missing: { firstMs: 5000, lastMs } }, nowMs)).toBe(expected);
  });

  it('believes nothing to be gone while a large file is read, which may hold it', () => {
    const scene = { ...AT_REST, missing: { firstMs: 0, lastMs: 0 }, isReadingLarge: true };
    expect(new Patience(10_000).goneSince(scene, 60_000)).toBeUndefined();
  });

  it('holds changes while other files are being written, for a quarter of a second', () => {
    const patience = new Patience(10_000);
    const scene = { ...AT_REST, hasChanges: true, unsettled: 1 };
    expect([0, 100, 249, 250].map((ms) => patience.mayCommit(scene, ms))).toEqual([false, false, false, true]);
    patience.committed();
    expect(patience.mayCommit(scene, 251)).toBe(false);
    expect(patience.mayCommit({ ...scene, unsettled: 0 }, 252)).toBe(true);
    expect(patience.mayCommit(AT_REST, 253)).toBe(false);
  });

  it('starts when no file is being written or read any more, or a second has passed', () => {
    const patience = new Patience(10_000);
    const times = [0, 999, 1000];
    expect(times.map((ms) => patience.mayStart({ ...AT_REST, unsettled: 1 }, ms))).toEqual([false, false, true]);
    expect(patience.mayStart({ ...AT_REST, isReadingLarge: true }, 5000)).toBe(false);
    expect(new Patience(10_000).mayStart(AT_REST, 0)).toBe(true);
  });

  it('believes an empty folder after ten seconds without a break', () => {
    const patience = new Patience(10_000);
    const seen: readonly (readonly [boolean, number])[] = [
      [true, 0],
      [true, 9999],
      [false, 10_000],
      [true, 10_001],
      [true, 20_000],
      [true, 20_001],
    ];
    expect(seen.map(([isEmpty, ms]) => patience.believesEmpty(isEmpty, ms))).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  it('looks at the whole folder every two seconds, less often where that takes long, and soon where it failed', () => {
    const patience = new Patience(10_000);
    expect(patience.isPollDue(0)).toBe(true);
    patience.lookedAtAll(0, 1);
    expect(patience.nextLookMs(AT_REST, 15, 1)).toBe(2000);
    expect(patience.nextLookMs({ ...AT_REST, unsettled: 1 }, 15, 1)).toBe(16);
    patience.lookedAtAll(0, 20);
    expect(patience.nextLookMs(AT_REST, 15, 1)).toBe(10_000);
    patience.lookedAtAll(0, 1e6);
    expect(patience.nextLookMs(AT_REST, 15, 1)).toBe(60_000);
    patience.failed(0);
    expect(patience.nextLookMs(AT_REST, 15, 1)).toBe(500);
  });
});
