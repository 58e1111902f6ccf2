import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareKeys } from './shares.ts';

/** Which share HAProxy finds for a number (`map_beg`: the longest begin), for every number of four hexadecimal digits. */
function counts(weights: readonly number[]): readonly number[] {
  const keys = shareKeys(weights);
  const shareOf = new Map(keys.map(({ digits, share }) => [digits, share]));
  expect(shareOf.size).toBe(keys.length);
  const found = weights.map(() => 0);
  for (let number = 0; number < 65_536; number += 1) {
    const digits = number.toString(16).toUpperCase().padStart(4, '0');
    const share = [4, 3, 2, 1].map((length) => shareOf.get(digits.slice(0, length))).find((item) => item !== undefined);
    if (share !== undefined) found[share] = (found[share] ?? 0) + 1;
  }
  // None is left out.
  expect(found.reduce((sum, count) => sum + count, 0)).toBe(65_536);
  return found;
}

describe('shareKeys', () => {
  it.each([
    [[1], [65_536]],
    [
      [1, 1],
      [32_768, 32_768],
    ],
    [
      [70, 30],
      [45_875, 19_661],
    ],
    [
      [0, 5, 0],
      [0, 65_536, 0],
    ],
    [
      [1_000_000, 1],
      [65_535, 1],
    ],
    [
      [1, 1_000_000, 1],
      [1, 65_534, 1],
    ],
  ])('%j', (weights, expected) => {
    expect(counts(weights)).toEqual(expected);
  });

  it('gives every share its part to one in 65,536 for each share, with few keys', () => {
    const weights = fc
      .array(fc.nat(1000), { minLength: 1, maxLength: 6 })
      .filter((list) => list.some((item) => item > 0));
    fc.assert(
      fc.property(weights, (list) => {
        const total = list.reduce((sum, weight) => sum + weight, 0);
        counts(list).forEach((count, index) => {
          const exact = ((list[index] ?? 0) / total) * 65_536;
          expect(Math.abs(count - exact)).toBeLessThanOrEqual(list.length);
        });
        expect(shareKeys(list).length).toBeLessThanOrEqual(100 * list.length);
      }),
      { numRuns: 5 },
    );
  });
});
