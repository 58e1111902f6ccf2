import { describe, expect, it } from 'vitest';
import { Fault } from '../lib/fault.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Plane } from './plane.ts';
import { Runner } from './runner.ts';

describe('Runner', () => {
  it('tries again, but not sooner than the world asks', async () => {
    const retryAfterMs = 200;
    const applies: number[] = [];
    const stop = new AbortController();
    const plane: Plane<string> = {
      name: 'test',
      apply: () => {
        applies.push(performance.now());
        if (applies.length === 1) throw new Fault('busy', 'come back later', { retryAfterMs });
        stop.abort();
        return Promise.resolve({ changes: 0 });
      },
      onDisturbed: () => {},
      release: () => Promise.resolve(),
    };
    const runner = new Runner(plane, silentLogger, { applied: () => {}, failed: () => {} });
    runner.want('anything');
    await runner.run(stop.signal);
    const [first = 0, second = 0] = applies;
    // Timers of Node may fire a millisecond early.
    expect(second - first).toBeGreaterThanOrEqual(retryAfterMs - 5);
  });
});
