/** Bounds of an exponential back-off, in milliseconds. */
export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Exponential back-off with full jitter, so that a thousand clients of one API server that came
 * back do not all return in the same instant.
 */
export class Backoff {
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;
  #attempt = 0;

  constructor(bounds: BackoffBounds, random: () => number = Math.random) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** How long to wait before the next try, in milliseconds. Never below `minMs`. */
  nextMs(): number {
    const ceilingMs = Math.min(this.#bounds.maxMs, this.#bounds.minMs * 2 ** this.#attempt);
    this.#attempt += 1;
    return Math.max(this.#bounds.minMs, Math.round(ceilingMs * this.#random()));
  }

  /** To be called once something has worked for a while. */
  reset(): void {
    this.#attempt = 0;
  }
}
