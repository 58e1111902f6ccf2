import { describe, expect, it } from 'vitest';
import { sleep } from './sleep.ts';

describe('sleep', () => {
  it('says whether the whole time has passed, and never throws', async () => {
    const stop = new AbortController();
    const long = sleep(60_000, stop.signal);
    stop.abort();
    await expect(long).resolves.toBe(false);
    await expect(sleep(60_000, stop.signal)).resolves.toBe(false);
    await expect(sleep(1, new AbortController().signal)).resolves.toBe(true);
    await expect(sleep(1)).resolves.toBe(true);
  });
});
