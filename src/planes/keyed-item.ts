import { Backoff } from '../lib/backoff.ts';

/** An item that is still as it was written after so long was not fought over, in milliseconds. */
const CALM_MS = 600_000;

/** After what was written has been undone twice, it is written again later and later: nobody wins a fight by writing faster. In milliseconds. */
const FIRST_REWRITE_MS = 1_000;
const LAST_REWRITE_MS = 300_000;

/** How long after a refusal an item is tried again, in milliseconds. */
const RETRY = { minMs: 500, maxMs: 120_000 };

/** What a runner remembers of one item that it has written, or tried to. */
export class KeyedItem<Want, Seen> {
  isUnderWay = false;
  /** Whether the wish or the world changed while a write was under way. */
  isDirty = false;
  /** Since when there is something to write, on the clock of `performance.now()`. */
  dueSinceMs: number | undefined;
  #answer: Seen | undefined;
  readonly #retry = new Backoff(RETRY);
  #hasFailed = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #renewTimer: NodeJS.Timeout | undefined;
  #written: { readonly want: Want | undefined; readonly atMs: number; readonly times: number } | undefined;

  /** Whether nothing is to be written before some time has passed. */
  get isHeldBack(): boolean {
    return this.#retryTimer !== undefined;
  }

  /** What is known of the item: the answer to the last write, or what was observed where that is newer. */
  latest(observed: Seen | undefined): Seen | undefined {
    return this.#answer ?? observed;
  }

  /** The world answered to a write; undefined: nothing that counts. */
  answered(answer: Seen | undefined): void {
    this.#answer = answer;
  }

  /** How often the same wish was written lately. */
  get timesWritten(): number {
    return this.#written?.times ?? 0;
  }

  /** How long to wait before the same wish is written once more, in milliseconds. */
  rewriteDelayMs(want: Want | undefined): number {
    const written = this.#written;
    if (written === undefined || written.want !== want || written.times < 2) return 0;
    const pauseMs = Math.min(LAST_REWRITE_MS, FIRST_REWRITE_MS * 2 ** (written.times - 2));
    return Math.max(0, written.atMs + pauseMs - performance.now());
  }

  succeeded(want: Want | undefined): void {
    this.#retry.reset();
    this.#hasFailed = false;
    const before = this.#written;
    const nowMs = performance.now();
    const isAgain = before !== undefined && before.want === want && nowMs - before.atMs < CALM_MS;
    this.#written = { want, atMs: nowMs, times: isAgain ? before.times + 1 : 1 };
  }

  /** Returns how long to wait, in milliseconds, and whether this is the first refusal in a row. */
  failed(): { readonly retryMs: number; readonly isFirst: boolean } {
    const isFirst = !this.#hasFailed;
    this.#hasFailed = true;
    return { retryMs: this.#retry.nextMs(), isFirst };
  }

  /** Holds the item back for a while, and then calls `wake`. */
  holdBack(durationMs: number, wake: () => void): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      wake();
    }, durationMs);
  }

  /** Calls `wake` after a while, in which the item may be written all the same. */
  renewAfter(durationMs: number, wake: () => void): void {
    clearTimeout(this.#renewTimer);
    this.#renewTimer = setTimeout(() => {
      this.#answer = undefined;
      wake();
    }, durationMs);
  }

  stopTimers(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    clearTimeout(this.#renewTimer);
  }
}
