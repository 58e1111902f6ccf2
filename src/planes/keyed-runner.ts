import { aborted } from '../lib/aborted.ts';
import { Backoff } from '../lib/backoff.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import { TokenBucket, type Rate } from '../lib/token-bucket.ts';
import { KeyedItem } from './keyed-item.ts';
import type { ItemWrite, KeyedPlane } from './keyed-plane.ts';
import { MAX_RETRY_AFTER_MS, type RunnerEvents } from './runner.ts';

export interface KeyedRunnerOptions {
  readonly logger: Logger;
  readonly events: RunnerEvents;
  readonly rate: Rate;
  /** Asked right before each write; false: not now, perhaps later. What has lost the lead for good is told by {@link KeyedRunner.stop}. */
  readonly mayWrite: () => boolean;
}

/** Writes under way at once: enough to hide latency, few enough not to crowd an API server. */
const CONCURRENCY = 8;

/** How long all wait when nothing can be written, in milliseconds. */
const TROUBLE = { minMs: 500, maxMs: 30_000 };

/** How soon it is asked again whether writing is allowed, in milliseconds. */
const ASK_AGAIN_MS = 1_000;

/** How often the same wish is written before another writer is suspected. */
const SUSPICIOUS_TIMES = 3;

/**
 * Drives one keyed plane. Compares what is wanted with what is observed, item by item, and writes where they differ: one write at a time
 * for each item, always of the newest wish, few at once altogether, and within a rate. An item that is refused is tried again with a
 * back-off of its own. While a Fault says that nothing can be written, all wait, and then a single write tries whether it is over.
 *
 * Nothing is written before {@link start} and after {@link stop}. Anything but a Fault is a bug and ends the program.
 */
export class KeyedRunner<Want, Seen> {
  readonly #plane: KeyedPlane<Want, Seen>;
  readonly #options: KeyedRunnerOptions;
  readonly #logger: Logger;
  readonly #bucket: TokenBucket;
  readonly #bug = Promise.withResolvers<never>();
  #want = PersistentMap.empty<Want>();
  #seen = PersistentMap.empty<Seen>();
  readonly #items = new Map<string, KeyedItem<Want, Seen>>();
  /** Items to look at, the longest waiting first, and since when, on the clock of `performance.now()`. */
  readonly #queue = new Map<string, number>();
  #isStarted = false;
  #signal: AbortSignal | undefined;
  readonly #writes = new Set<Promise<void>>();
  readonly #trouble = new Backoff(TROUBLE);
  #isInTrouble = false;
  #pausedUntilMs = 0;
  #wakeUp: NodeJS.Timeout | undefined;

  constructor(plane: KeyedPlane<Want, Seen>, options: KeyedRunnerOptions) {
    this.#plane = plane;
    this.#options = options;
    this.#logger = options.logger.with({ plane: plane.name });
    this.#bucket = new TokenBucket(options.rate);
  }

  get name(): string {
    return this.#plane.name;
  }

  /** Items that wait for a write, are being written, or were refused and are to be tried again. */
  get backlog(): number {
    const isBehind = ([key, item]: readonly [string, KeyedItem<Want, Seen>]): boolean =>
      item.dueSinceMs !== undefined && !this.#queue.has(key);
    return this.#queue.size + [...this.#items].filter(isBehind).length;
  }

  /** Sets what is wanted, by key; values that are the same object are no news. */
  want(want: PersistentMap<Want>): void {
    const before = this.#want;
    this.#want = want;
    if (this.#isStarted) PersistentMap.diff(before, want, (key) => this.#enqueue(key));
    this.#pump();
  }

  /** Sets what the world shows, by key; values that are the same object are no news. */
  observe(seen: PersistentMap<Seen>): void {
    const before = this.#seen;
    this.#seen = seen;
    PersistentMap.diff(before, seen, (key) => {
      this.#items.get(key)?.answered(undefined);
      if (this.#isStarted) this.#enqueue(key);
    });
    this.#pump();
  }

  /** From now on it is up to us: every item is compared. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.compareAll();
  }

  /** Compares every item anew, as when the plane has learnt something that decides over all. */
  compareAll(): void {
    if (!this.#isStarted) return;
    for (const key of this.#want.keys()) this.#enqueue(key);
    for (const key of this.#seen.keys()) this.#enqueue(key);
    this.#pump();
  }

  /** From now on it is up to another process: everything that is queued is dropped, and nothing is taken back. */
  stop(): void {
    this.#isStarted = false;
    this.#queue.clear();
    for (const [key, item] of this.#items) {
      item.stopTimers();
      // No second write beside one that is under way, whoever leads.
      if (!item.isUnderWay) this.#items.delete(key);
    }
  }

  /** Runs until `signal` is aborted and no write is under way any more. Throws what is not a Fault. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#pump();
    try {
      await Promise.race([this.#bug.promise, aborted(signal)]);
      await Promise.race([this.#bug.promise, Promise.all(this.#writes)]);
    } finally {
      this.stop();
      clearTimeout(this.#wakeUp);
    }
  }

  #enqueue(key: string): void {
    const item = this.#items.get(key);
    if (item?.isUnderWay === true) item.isDirty = true;
    // One that is held back is compared with the newest wish when its time has come.
    else if (item?.isHeldBack !== true) this.#queueUp(key);
  }

  #queueUp(key: string): void {
    if (!this.#queue.has(key)) this.#queue.set(key, performance.now());
  }

  /** Begins as many writes as may be. */
  #pump(): void {
    if (this.#signal === undefined || this.#signal.aborted) return;
    for (const [key, sinceMs] of this.#queue) {
      if (this.#writes.size >= (this.#isInTrouble ? 1 : CONCURRENCY)) return;
      const write = this.#dueWrite(key, sinceMs);
      if (write === undefined) {
        this.#queue.delete(key);
        continue;
      }
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#pumpIn(waitMs);
        return;
      }
      this.#bucket.take();
      this.#queue.delete(key);
      this.#begin(key, write);
    }
  }

  /** What is to be written for an item now; undefined when nothing is, or its time has not come. */
  #dueWrite(key: string, sinceMs: number): ItemWrite<Seen> | undefined {
    const want = this.#want.get(key);
    const seen = this.#seen.get(key);
    const item = this.#items.get(key);
    const write = this.#plane.compare(key, want, item === undefined ? seen : item.latest(seen));
    if (write === undefined) {
      if (item !== undefined) item.dueSinceMs = undefined;
      if (want === undefined) this.#forget(key);
      return undefined;
    }
    const remembered = item ?? new KeyedItem<Want, Seen>();
    this.#items.set(key, remembered);
    remembered.dueSinceMs ??= sinceMs;
    const delayMs = remembered.rewriteDelayMs(want);
    if (delayMs <= 0) return write;
    remembered.holdBack(delayMs, () => this.#wake(key));
    return undefined;
  }

  #forget(key: string): void {
    this.#items.get(key)?.stopTimers();
    this.#items.delete(key);
  }

  /** How long nothing may be written, in milliseconds. */
  #waitMs(): number {
    const pausedMs = this.#pausedUntilMs - performance.now();
    if (pausedMs > 0) return pausedMs;
    return this.#options.mayWrite() ? this.#bucket.waitMs : ASK_AGAIN_MS;
  }

  #pumpIn(durationMs: number): void {
    clearTimeout(this.#wakeUp);
    this.#wakeUp = setTimeout(() => this.#pump(), durationMs);
  }

  #wake(key: string): void {
    this.#enqueue(key);
    this.#pump();
  }

  #begin(key: string, write: ItemWrite<Seen>): void {
    const item = this.#items.get(key) ?? new KeyedItem<Want, Seen>();
    item.isUnderWay = true;
    item.isDirty = false;
    const ended = this.#write(key, item, write)
      .catch((thrown: unknown) => this.#bug.reject(thrown))
      .finally(() => {
        this.#writes.delete(ended);
        this.#pump();
      });
    this.#writes.add(ended);
  }

  async #write(key: string, item: KeyedItem<Want, Seen>, write: ItemWrite<Seen>): Promise<void> {
    const want = this.#want.get(key);
    const seenBefore = this.#seen.get(key);
    const startedMs = performance.now();
    try {
      const answer = await write(this.#signal ?? AbortSignal.abort());
      // What was observed meanwhile may be older or newer than the answer: only the next comparison is safe.
      item.answered(this.#seen.get(key) === seenBefore ? answer : undefined);
      this.#succeeded(key, item, want, startedMs);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) {
        if (this.#signal?.aborted === true) return;
        throw thrown;
      }
      this.#failed(key, item, thrown);
    } finally {
      item.isUnderWay = false;
      if (!this.#isStarted) this.#forget(key);
      else if (item.isDirty && !item.isHeldBack) this.#queueUp(key);
    }
  }

  #succeeded(key: string, item: KeyedItem<Want, Seen>, want: Want | undefined, startedMs: number): void {
    const endedMs = performance.now();
    this.#options.events.applied(this.#plane.name, {
      changes: 1,
      durationMs: endedMs - startedMs,
      waitedMs: endedMs - (item.dueSinceMs ?? startedMs),
    });
    item.dueSinceMs = undefined;
    item.succeeded(want);
    this.#trouble.reset();
    if (this.#isInTrouble) this.#logger.info('writes succeed again');
    this.#isInTrouble = false;
    this.#suspect(key, item);
    const { renewAfterMs } = this.#plane;
    if (this.#isStarted && renewAfterMs !== undefined) item.renewAfter(renewAfterMs, () => this.#wake(key));
  }

  #suspect(key: string, item: KeyedItem<Want, Seen>): void {
    if (item.timesWritten !== SUSPICIOUS_TIMES) return;
    const seen = this.#seen.get(key);
    const other = seen === undefined ? undefined : this.#plane.otherWriter(seen);
    this.#logger.warn('another writer keeps undoing what is written; it is written again less and less often', {
      item: key,
      otherWriter: other ?? 'unknown',
    });
  }

  #failed(key: string, item: KeyedItem<Want, Seen>, fault: Fault): void {
    const { retryMs, isFirst } = item.failed();
    this.#options.events.failed(this.#plane.name, fault);
    const askedMs = Math.min(fault.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    const fields = { code: fault.code, error: messageOf(fault) };
    const concernsAll = this.#plane.concernsAll(fault);
    if (concernsAll) {
      this.#pause(askedMs);
      if (!this.#isInTrouble) this.#logger.warn('nothing can be written for now; all writes wait', fields);
      this.#isInTrouble = true;
    } else if (isFirst) {
      this.#logger.warn('a write was refused; it is tried again, and others go on', { item: key, ...fields });
    }
    // Held back too when all are: one item that is answered so for ever must not stop the others again and again.
    const waitMs = concernsAll ? Math.min(retryMs, TROUBLE.maxMs) : Math.max(retryMs, askedMs);
    if (this.#isStarted) item.holdBack(waitMs, () => this.#wake(key));
  }

  /** Has all writes wait. Those that were under way together fail together, which is one trouble and no reason to wait longer and longer. */
  #pause(askedMs: number): void {
    const nowMs = performance.now();
    const isNew = nowMs >= this.#pausedUntilMs;
    const untilMs = nowMs + Math.max(isNew ? this.#trouble.nextMs() : 0, askedMs);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }
}
