import { describe, expect, it } from 'vitest';
import { Turns } from './turns.ts';

describe('Turns', () => {
  it('lets work run one after the other, in the order in which it asked', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const work = (name: string, pauses: number) => async (): Promise<string> => {
      log.push(`${name} begins`);
      for (let n = 0; n < pauses; n += 1) await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      return name;
    };
    const results = await Promise.all([turns.take(work('a', 3)), turns.take(work('b', 0)), turns.take(work('c', 1))]);
    expect(results).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('goes on after work that failed, whose failure only its owner sees', async () => {
    const turns = new Turns();
    const failure = new Error('no');
    const failed = turns.take(() => Promise.reject(failure));
    const thrown = turns.take(() => {
      throw failure;
    });
    const after = turns.take(() => Promise.resolve('done'));
    await expect(failed).rejects.toBe(failure);
    await expect(thrown).rejects.toBe(failure);
    await expect(after).resolves.toBe('done');
  });
});
