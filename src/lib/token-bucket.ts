/** How much may be done: `burst` at once, and `perSecond` on and on. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A rate limit that lets short bursts through and holds long ones to an average. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAtMs: number;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAtMs = performance.now();
  }

  /** How long until the next token is there, in milliseconds; 0 when one is. */
  get waitMs(): number {
    this.#fill();
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#rate.perSecond) * 1000);
  }

  /** Takes a token, if there is one. */
  take(): boolean {
    if (this.waitMs > 0) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(): void {
    const nowMs = performance.now();
    const gained = ((nowMs - this.#filledAtMs) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + gained);
    this.#filledAtMs = nowMs;
  }
}
