/** For how long nothing may have changed in a folder until what went is believed to be gone, in milliseconds. */
const QUIET_MS = 1_000;

/** The same where the folder never comes to rest. */
const MISSING_LIMIT_MS = 10_000;

/** How long changes wait for other files that are being written, so that what belongs together is seen together, in milliseconds. */
const HOLD_MS = 250;

/** The same at a start. */
const START_HOLD_MS = 1_000;

/** A folder is looked at this often whatever the kernel tells, since watches miss network file systems, in milliseconds. */
const POLL_MS = 2_000;
const MOST_POLL_MS = 60_000;

/** One that cannot be read is tried more often: it costs nothing. In milliseconds. */
const RETRY_MS = 500;

/** A look at everything takes no more than this share of the time: a change that comes meanwhile waits for its end. */
const POLL_SHARE = 1 / 500;

/** What there is to be patient about. */
export interface Scene {
  /** How many files are being written, or may be. */
  readonly unsettled: number;
  /** Whether a large file is being read: what is missing may be in it. */
  readonly isReadingLarge: boolean;
  /** When objects went missing, the first and the last of them; undefined when none is. */
  readonly missing: { readonly firstMs: number; readonly lastMs: number } | undefined;
  readonly hasChanges: boolean;
}

/** When what is believed of a folder, by the times at which things were seen. All times are of `performance.now()`. */
export class Patience {
  #activeMs = -Infinity;
  #heldSinceMs: number | undefined;
  #emptySinceMs: number | undefined;
  readonly #emptyConfirmMs: number;
  #nextFullMs = -Infinity;

  /** @param emptyConfirmMs is how long a folder must have been without a manifest until that is believed */
  constructor(emptyConfirmMs: number) {
    this.#emptyConfirmMs = emptyConfirmMs;
  }

  /** Something has changed in the folder, or is being written. */
  active(nowMs: number): void {
    this.#activeMs = nowMs;
  }

  /** The folder was looked at as a whole, which took so long. */
  lookedAtAll(nowMs: number, tookMs: number): void {
    this.#nextFullMs = nowMs + Math.min(Math.max(POLL_MS, tookMs / POLL_SHARE), MOST_POLL_MS);
  }

  /** The folder could not be read. */
  failed(nowMs: number): void {
    this.#nextFullMs = nowMs + RETRY_MS;
  }

  isPollDue(nowMs: number): boolean {
    return nowMs >= this.#nextFullMs;
  }

  /** Whether a folder without manifests has been so for long enough. */
  believesEmpty(isEmpty: boolean, nowMs: number): boolean {
    this.#emptySinceMs = isEmpty ? (this.#emptySinceMs ?? nowMs) : undefined;
    return this.#emptySinceMs !== undefined && nowMs - this.#emptySinceMs >= this.#emptyConfirmMs;
  }

  /** Whether changes may go to the Store, or have to wait for others. */
  mayCommit({ unsettled, hasChanges }: Scene, nowMs: number): boolean {
    if (!hasChanges) return false;
    this.#heldSinceMs ??= nowMs;
    return unsettled === 0 || nowMs - this.#heldSinceMs >= HOLD_MS;
  }

  /** Whether a start has seen enough. */
  mayStart({ unsettled, isReadingLarge }: Scene, nowMs: number): boolean {
    this.#heldSinceMs ??= nowMs;
    return !isReadingLarge && (unsettled === 0 || nowMs - this.#heldSinceMs >= START_HOLD_MS);
  }

  committed(): void {
    this.#heldSinceMs = undefined;
  }

  /** What has been missing since then is gone; undefined when nothing may be believed gone yet. */
  goneSince(scene: Scene, nowMs: number): number | undefined {
    const dueMs = this.#goneDueMs(scene);
    if (dueMs === undefined || nowMs < dueMs) return undefined;
    return nowMs - this.#activeMs >= QUIET_MS ? nowMs : nowMs - MISSING_LIMIT_MS;
  }

  /** When the next look is due if no event comes before. */
  nextLookMs(scene: Scene, settleMs: number, nowMs: number): number {
    const times = [this.#nextFullMs];
    if (scene.unsettled > 0) times.push(nowMs + settleMs);
    const goneMs = this.#goneDueMs(scene);
    if (goneMs !== undefined) times.push(goneMs);
    if (this.#emptySinceMs !== undefined) times.push(this.#emptySinceMs + this.#emptyConfirmMs);
    return Math.min(...times.filter((time) => time > nowMs || time === this.#nextFullMs));
  }

  #goneDueMs({ missing, isReadingLarge }: Scene): number | undefined {
    if (missing === undefined || isReadingLarge) return undefined;
    return Math.min(Math.max(this.#activeMs, missing.lastMs) + QUIET_MS, missing.firstMs + MISSING_LIMIT_MS);
  }
}
