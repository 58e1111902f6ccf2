/**
 * How many Events one object may cause: the rules and numbers of client-go (tools/record/events_cache.go), so that an object with a
 * thousand mistakes, or one that changes all the time, costs the API server no more here than from any other controller.
 */
import { TokenBucket } from '../lib/token-bucket.ts';
import type { EventNote } from './event-note.ts';

/** From so many different messages on, what is otherwise the same goes into one Event, which carries the latest message. */
const MAX_SIMILAR = 10;
/** Similar Events that are further apart than this are not counted together, in milliseconds. */
const SIMILAR_WITHIN_MS = 600_000;
const COMBINED_PREFIX = '(combined from similar events): ';

/** How many Events about one object: a burst, and then one in five minutes. */
const SPAM_RATE = { perSecond: 1 / 300, burst: 25 };

/** Objects and groups of Events that are remembered, as many as client-go's caches hold. */
const MAX_REMEMBERED = 4096;

/** What becomes of an Event. */
export interface CorrelatedEvent {
  readonly note: EventNote;
  /** Whether it stands for all that are similar. */
  readonly isCombined: boolean;
}

interface SimilarEvents {
  readonly messages: Set<string>;
  lastMs: number;
}

/** Decides which Events are written, and which are combined. One for each source of Events. */
export class EventCorrelator {
  readonly #similar = new Map<string, SimilarEvents>();
  readonly #buckets = new Map<string, TokenBucket>();

  /** What to write in place of `note`; undefined: nothing, this object has caused too many Events. */
  correlate(note: EventNote): CorrelatedEvent | undefined {
    const isCombined = this.#isOneOfMany(note);
    if (this.#bucketOf(note).waitMs > 0) return undefined;
    return isCombined
      ? { isCombined, note: { ...note, message: `${COMBINED_PREFIX}${note.message}` } }
      : { isCombined, note };
  }

  /** An Event about this object was written: only these count, not the tries that failed. */
  written(note: EventNote): void {
    this.#bucketOf(note).take();
  }

  #isOneOfMany(note: EventNote): boolean {
    const key = [...subjectOf(note), note.type, note.reason].join('\0');
    const nowMs = performance.now();
    const before = this.#similar.get(key);
    const similar =
      before !== undefined && nowMs - before.lastMs <= SIMILAR_WITHIN_MS
        ? before
        : { messages: new Set<string>(), lastMs: nowMs };
    similar.lastMs = nowMs;
    remember(this.#similar, key, similar);
    if (similar.messages.has(note.message)) return false;
    if (similar.messages.size >= MAX_SIMILAR - 1) return true;
    similar.messages.add(note.message);
    return false;
  }

  #bucketOf(note: EventNote): TokenBucket {
    const key = subjectOf(note).join('\0');
    const bucket = this.#buckets.get(key) ?? new TokenBucket(SPAM_RATE);
    remember(this.#buckets, key, bucket);
    return bucket;
  }
}

function subjectOf({ subject }: EventNote): readonly string[] {
  const { apiVersion, kind, namespace = '', name, uid = '' } = subject;
  return [apiVersion, kind, namespace, name, uid];
}

/** Keeps the entries that were used last. */
function remember<V>(entries: Map<string, V>, key: string, value: V): void {
  entries.delete(key);
  entries.set(key, value);
  const [oldest] = entries.keys();
  if (entries.size > MAX_REMEMBERED && oldest !== undefined) entries.delete(oldest);
}
