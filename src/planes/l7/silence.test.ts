import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PATIENCE, Silence } from './silence.ts';

const WAITED = { code: 'haproxy-silent', message: expect.stringContaining('(process 7) does not answer') as string };

describe('Silence', () => {
  let silence: Silence;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    silence = new Silence(PATIENCE);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('has a process ended after a minute, of which the answer that did not come was a part', () => {
    silence.noticed(7);
    vi.advanceTimersByTime(49_000);
    expect(() => silence.processToEnd(7)).toThrow(expect.objectContaining(WAITED));
    silence.noticed(7);
    vi.advanceTimersByTime(1_000);
    expect(silence.processToEnd(7)).toBe(7);
  });

  it('begins anew after an answer', () => {
    silence.noticed(7);
    vi.advanceTimersByTime(49_000);
    expect(silence.pid).toBe(7);
    silence.over();
    expect(silence.pid).toBe(undefined);
    expect(() => silence.processToEnd(7)).toThrow(expect.objectContaining(WAITED));
    vi.advanceTimersByTime(49_000);
    expect(() => silence.processToEnd(7)).toThrow(expect.objectContaining(WAITED));
  });

  it('never has a process ended that it cannot name, but the user told', () => {
    silence.noticed(undefined);
    vi.advanceTimersByTime(600_000);
    expect(() => silence.processToEnd(undefined)).toThrow('End it: which process it is cannot be told.');
  });

  it('says how to look into it, and when it is replaced', () => {
    const { message } = silence.fault(7);
    expect(message).toContain('/proc/7/status');
    expect(message).toContain('silent for 60 seconds');
  });
});
