/** How long a reflector waits before it tries again. All in milliseconds. */
export interface RetryWait {
  /** Its own back-off, which grows. Whatever happens, it tries again after that. */
  readonly delayMs: number;
  /** How long the server asked to be left alone: nothing shortens that. */
  readonly floorMs: number;
  /** How often somebody should try, although every back-off is longer; undefined: nobody needs to hurry. */
  readonly probeMs: number | undefined;
}

interface Waiter {
  readonly probeMs: number | undefined;
  readonly wake: () => void;
}

/** The least time between two moments at which everybody tries at once, in milliseconds. */
const GATHER_MS = 1_000;

/**
 * Brings all reflectors of one API server back together after a refusal or an outage. Their back-off may have grown to half a
 * minute each; nobody should wait as long for a server that answers again.
 *
 * While some wait, the one that has waited longest tries every `probeMs`, whatever their number: that is the load which a server
 * in trouble has of this process. As soon as one is served that was not, all others try at once.
 */
export class SharedRetry {
  readonly #random: () => number;
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<Waiter>();
  #probe: { readonly timer: NodeJS.Timeout; readonly atMs: number } | undefined;
  #gatheredAtMs = -Infinity;

  /** @param random scatters the tries of many processes: from 0 up to 1, like Math.random, which is the default */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Resolves when it is time to try again, or `signal` is aborted; no timer is left then. */
  async wait({ delayMs, floorMs, probeMs }: RetryWait, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const waiter = { probeMs, wake };
    const join = (): void => {
      this.#waiting.add(waiter);
      this.#schedule(probeMs);
    };
    const floor = floorMs > 0 ? setTimeout(join, floorMs) : undefined;
    if (floor === undefined) join();
    const end = setTimeout(wake, Math.max(delayMs, floorMs));
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    clearTimeout(floor);
    clearTimeout(end);
    signal.removeEventListener('abort', wake);
    this.#waiting.delete(waiter);
    if (this.#waiting.size === 0) this.#cancel();
  }

  /** To be called when the server gives to one of them what it did not give before. */
  recovered(): void {
    const nowMs = performance.now();
    if (nowMs - this.#gatheredAtMs < GATHER_MS) return;
    this.#gatheredAtMs = nowMs;
    for (const { wake } of this.#waiting) wake();
  }

  /** Sees to it that somebody tries within `intervalMs`. */
  #schedule(intervalMs: number | undefined): void {
    if (intervalMs === undefined) return;
    // Between three and five quarters of it: processes that lost the server together do not come back together.
    const delayMs = intervalMs * (0.75 + this.#random() / 2);
    const atMs = performance.now() + delayMs;
    if (this.#probe !== undefined && this.#probe.atMs <= atMs) return;
    this.#cancel();
    this.#probe = { atMs, timer: setTimeout(() => this.#tryOne(), delayMs) };
  }

  #tryOne(): void {
    this.#probe = undefined;
    const [first, ...others] = [...this.#waiting].filter(({ probeMs }) => probeMs !== undefined);
    first?.wake();
    const intervals = others.flatMap(({ probeMs }) => probeMs ?? []);
    if (intervals.length > 0) this.#schedule(intervals.reduce((least, each) => Math.min(least, each)));
  }

  #cancel(): void {
    clearTimeout(this.#probe?.timer);
    this.#probe = undefined;
  }
}
