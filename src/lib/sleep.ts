import { setTimeout as delay } from 'node:timers/promises';

/** Waits `durationMs`, or less when `signal` is aborted; never throws. Says whether the whole time has passed. */
export async function sleep(durationMs: number, signal?: AbortSignal): Promise<boolean> {
  try {
    await delay(durationMs, undefined, signal === undefined ? {} : { signal });
    return true;
  } catch {
    // node:timers/promises rejects only when the signal is aborted.
    return false;
  }
}
