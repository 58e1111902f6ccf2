import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withDeadline } from './deadline.ts';
import { orAborted } from './or-aborted.ts';

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
const tooLate = new Error('too late');

describe('withDeadline', () => {
  it('gives what the work gives, and leaves no listener behind', async () => {
    const controller = new AbortController();
    const deadline = { timeoutMs: 60_000, signal: controller.signal, onTimeout: () => tooLate };
    await expect(withDeadline(deadline, () => Promise.resolve(7))).resolves.toBe(7);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('aborts the work when the time is up', async () => {
    await expect(withDeadline({ timeoutMs: 1, onTimeout: () => tooLate }, never)).rejects.toBe(tooLate);
  });

  it('aborts the work with the reason of the outer signal', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    const running = withDeadline({ timeoutMs: 60_000, signal: controller.signal, onTimeout: () => tooLate }, never);
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
  });

  it('does not begin when the outer signal was aborted before', async () => {
    let hasBegun = false;
    const work = (): Promise<void> => {
      hasBegun = true;
      return Promise.resolve();
    };
    const reason = new Error('stop');
    const deadline = { timeoutMs: 60_000, signal: AbortSignal.abort(reason), onTimeout: () => tooLate };
    await expect(withDeadline(deadline, work)).rejects.toBe(reason);
    expect(hasBegun).toBe(false);
  });
});

describe('orAborted', () => {
  it('lets one caller leave without stopping what others wait for', async () => {
    const shared = Promise.withResolvers<string>();
    const leaving = new AbortController();
    const staying = new AbortController();
    const left = orAborted(shared.promise, leaving.signal);
    const stayed = orAborted(shared.promise, staying.signal);
    const reason = new Error('stop');
    leaving.abort(reason);
    await expect(left).rejects.toBe(reason);
    shared.resolve('done');
    await expect(stayed).resolves.toBe('done');
    expect(getEventListeners(staying.signal, 'abort')).toEqual([]);
  });

  it('passes a failure on', async () => {
    const failure = new Error('no');
    await expect(orAborted(Promise.reject(failure), new AbortController().signal)).rejects.toBe(failure);
  });
});
