import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventCorrelator } from './event-correlation.ts';
import type { EventNote } from './event-note.ts';

function note(message: string, more: Partial<EventNote> = {}): EventNote {
  const subject = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    namespace: 'default',
    name: 'web',
    uid: 'u-1',
  };
  return { subject, type: 'Warning', reason: 'Broken', message, ...more };
}

describe('EventCorrelator', () => {
  let correlator: EventCorrelator;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    correlator = new EventCorrelator();
  });
  afterEach(() => void vi.useRealTimers());

  /** The messages of Events that are written, in order. */
  function written(notes: readonly EventNote[]): readonly string[] {
    return notes.flatMap((each) => {
      const correlated = correlator.correlate(each);
      if (correlated === undefined) return [];
      correlator.written(each);
      return [correlated.note.message];
    });
  }

  const messages = (count: number): readonly EventNote[] =>
    Array.from({ length: count }, (_, n) => note(`m${String(n)}`));

  it('leaves nine different messages alone, and combines what comes after', () => {
    expect(written(messages(12))).toEqual([
      ...Array.from({ length: 9 }, (_, n) => `m${String(n)}`),
      '(combined from similar events): m9',
      '(combined from similar events): m10',
      '(combined from similar events): m11',
    ]);
    expect(written([note('m0')])).toEqual(['m0']);
  });

  it.each<readonly [string, Partial<EventNote>]>([
    ['reason', { reason: 'Other' }],
    ['type', { type: 'Normal' }],
    ['object', { subject: { ...note('').subject, name: 'other' } }],
  ])('combines nothing that differs in its %s', (_what, more) => {
    written(messages(12));
    expect(written([note('another', more)])).toEqual(['another']);
  });

  it('begins anew when ten minutes have passed without a similar one', () => {
    written(messages(12));
    vi.advanceTimersByTime(600_000);
    expect(written([note('later')])).toEqual(['(combined from similar events): later']);
    vi.advanceTimersByTime(600_001);
    expect(written([note('later')])).toEqual(['later']);
  });

  it('writes 25 Events about one object, and then one in five minutes; of others it writes all the same', () => {
    const repeated = Array.from({ length: 40 }, () => note('again'));
    expect(written(repeated)).toHaveLength(25);
    expect(written([note('again', { subject: { ...note('').subject, name: 'other' } })])).toHaveLength(1);
    vi.advanceTimersByTime(299_000);
    expect(written([note('again')])).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(written(repeated)).toHaveLength(1);
  });

  it('counts no try that failed', () => {
    for (let tries = 0; tries < 100; tries += 1) expect(correlator.correlate(note('again'))).toBeDefined();
    expect(written([note('again')])).toEqual(['again']);
  });
});
