import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';

const bounds = { minMs: 100, maxMs: 1_000 };

describe('Backoff', () => {
  it('doubles the ceiling with every try, up to the bound, and starts over after a reset', () => {
    const backoff = new Backoff(bounds, () => 1);
    const next = (): number => backoff.nextMs();
    expect([next(), next(), next(), next(), next(), next()]).toEqual([100, 200, 400, 800, 1000, 1000]);
    backoff.reset();
    expect([next(), next()]).toEqual([100, 200]);
  });

  it('spreads the waits over everything below the ceiling, but for the least', () => {
    const backoff = new Backoff(bounds, () => 0.5);
    expect([backoff.nextMs(), backoff.nextMs(), backoff.nextMs(), backoff.nextMs()]).toEqual([100, 100, 200, 400]);
  });

  it('stays within its bounds, however often it is asked', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 3_000 }), (chance, tries) => {
        const backoff = new Backoff(bounds, () => chance);
        const waits = Array.from({ length: tries }, () => backoff.nextMs());
        for (const wait of waits) expect(wait >= bounds.minMs && wait <= bounds.maxMs).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
