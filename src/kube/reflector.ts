import { Backoff } from '../lib/backoff.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { ApiFault } from './api-fault.ts';
import { InitialEvents } from './initial-events.ts';
import type { JsonStream } from './json-stream.ts';
import { list, presentVersion, type Listing, type Project } from './list.ts';
import type { RawObject } from './raw-object.ts';
import {
  isEarlier,
  isWatchListBroken,
  mayListInstead,
  newAttempt,
  probeAfter,
  refusesWatchList,
  relistReason,
  stateAfter,
  unconfirmedEmptyList,
  unconfirmedShrunkList,
  unfinishedInitialEvents,
  type Attempt,
} from './recovery.ts';
import {
  defaultTimings,
  type ReflectionConsumer,
  type ReflectionCounts,
  type ReflectionState,
  type ReflectionTimings,
} from './reflection.ts';
import { collectionPath, qualifiedName, type Selection } from './resource.ts';
import { SharedRetry, type RetryWait } from './shared-retry.ts';
import type { ApiRequest, Transport } from './transport.ts';
import { decodeWatchEvent, type WatchEvent } from './watch-event.ts';

type LiveEvent = Exclude<WatchEvent, { readonly type: 'error' }>;

/** What to reflect, and into whom. */
export interface ReflectorOptions<T> {
  readonly transport: Transport;
  readonly selection: Selection;
  /** Called once for every object as it arrives; the raw object is not kept. What it throws is a bug. */
  readonly project: Project<T>;
  readonly consumer: ReflectionConsumer<T>;
  readonly logger: Logger;
  /** True when the consumer already holds objects, from a snapshot on disk: then a first list that is empty must be confirmed, too. */
  readonly isConsumerFilled?: boolean | undefined;
  /**
   * Whether every server has the resource and should let us read it. Otherwise a refusal, or that there is no such resource, may
   * well last for ever, and is not looked at again as soon.
   */
  readonly isRequired?: boolean | undefined;
  /** What the reflectors of one server have in common; without it, this one is alone. */
  readonly retry?: SharedRetry | undefined;
  readonly timings?: Partial<ReflectionTimings> | undefined;
  /** Scatters back-off and the renewal of watches: from 0 up to 1, like Math.random, which is the default. */
  readonly random?: (() => number) | undefined;
}

/** From how many objects on a list that lacks more than half of them is doubted: of a few, half are deleted every day. */
const MANY_OBJECTS = 20;

/**
 * Keeps a copy of a selection of objects in step with the API server, through everything that can
 * happen to a connection.
 *
 * It lists once, by watch-list (KEP-3157) or, where the server has none, by paged LIST, and then
 * watches from there. A watch that ends, for whatever reason but 410 and its like, is opened again
 * at the last event or bookmark. Nothing leaves the copy unless the server says so, in an event or
 * in a complete list; one that lacks all that the copy has, or more than half of many objects, is
 * believed only after such lists have kept coming for a while.
 */
export class Reflector<T> {
  readonly selection: Selection;
  readonly #transport: Transport;
  readonly #project: Project<T>;
  readonly #consumer: ReflectionConsumer<T>;
  readonly #logger: Logger;
  readonly #timings: ReflectionTimings;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #absentBackoff: Backoff;
  readonly #retry: SharedRetry;
  readonly #isRequired: boolean;
  /** Whether the last attempt failed. */
  #isFailing = false;
  readonly #counts = {
    lists: 0,
    watches: 0,
    events: 0,
    bookmarks: 0,
    malformed: 0,
    relists: { expired: 0, malformed: 0, rewound: 0, refused: 0 },
  };

  /** Where to watch from; undefined when a list is due. */
  #resourceVersion: string | undefined;
  #state: ReflectionState = { kind: 'syncing' };
  /** When the server was last heard, in Unix time. */
  #heardAtMs = Date.now();
  #isConsumerFilled: boolean;
  /** How many objects the server has, of those that are followed, by what it said last. */
  #total = 0;
  /** When the first of a row of lists came that lack too much, on the clock that never goes back. */
  #lackingSinceMs: number | undefined;
  #hasWatchList = true;

  constructor(options: ReflectorOptions<T>) {
    this.selection = options.selection;
    this.#transport = options.transport;
    this.#project = options.project;
    this.#consumer = options.consumer;
    const { resource, namespace, fieldSelector } = options.selection;
    this.#logger = options.logger.with({
      resource: qualifiedName(resource),
      ...(namespace === undefined ? {} : { namespace }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    });
    this.#timings = { ...defaultTimings, ...options.timings };
    this.#random = options.random ?? Math.random;
    this.#backoff = new Backoff(this.#timings.backoff, this.#random);
    this.#absentBackoff = new Backoff(this.#timings.absentBackoff, this.#random);
    this.#retry = options.retry ?? new SharedRetry(this.#random);
    this.#isRequired = options.isRequired ?? false;
    this.#isConsumerFilled = options.isConsumerFilled ?? false;
  }

  get state(): ReflectionState {
    return this.#state;
  }

  get counts(): ReflectionCounts {
    return this.#counts;
  }

  /**
   * Reflects until `signal` is aborted. By the time it returns, its connection is closed and none of
   * its timers is left.
   *
   * @throws only what `project` or the consumer throws: a bug
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#consumer.state(this.#state);
    while (!signal.aborted) {
      const wait = await this.#attempt(signal);
      if (wait !== undefined) await this.#retry.wait(wait, signal);
    }
  }

  /** Lists if that is due, watches until the watch ends, and says how long to wait before the next attempt, if at all. */
  async #attempt(signal: AbortSignal): Promise<RetryWait | undefined> {
    const attempt = newAttempt();
    try {
      await this.#reflect(attempt, signal);
      // The server ended the watch in good order: its time was up, or the server is going down.
      if (attempt.hasSettled) return undefined;
      return { delayMs: this.#backoff.nextMs(), floorMs: 0, probeMs: this.#timings.probe.outageMs };
    } catch (error) {
      if (signal.aborted && (error === signal.reason || error instanceof Fault)) return undefined;
      if (error instanceof Fault) return this.#recover(error, attempt);
      throw error;
    }
  }

  async #reflect(attempt: Attempt, signal: AbortSignal): Promise<void> {
    if (this.#resourceVersion === undefined) {
      const watchList = this.#hasWatchList ? await this.#openWatchList(attempt, signal) : undefined;
      if (watchList !== undefined) return this.#follow(watchList, attempt, signal);
      this.#swap(await list(this.#transport, this.selection, this.#project, signal));
    }
    const watch = await this.#openWatch({ resourceVersion: this.#resourceVersion }, signal);
    await this.#follow(watch, attempt, signal);
    if (attempt.hasSettled && attempt.events === 0) await this.#checkForRewind(signal);
  }

  /** Undefined when a LIST has to do instead. */
  async #openWatchList(attempt: Attempt, signal: AbortSignal): Promise<JsonStream | undefined> {
    try {
      const query = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };
      const stream = await this.#openWatch(query, signal);
      attempt.isInitial = true;
      return stream;
    } catch (error) {
      if (!(error instanceof ApiFault) || !mayListInstead(error)) throw error;
      if (refusesWatchList(error)) this.#forgoWatchList(error);
      if (error.status === 403) attempt.deniedVerbs.add('watch');
      return undefined;
    }
  }

  async #openWatch(query: ApiRequest['query'], signal: AbortSignal): Promise<JsonStream> {
    const { resource, namespace, fieldSelector, labelSelector } = this.selection;
    const { min, max } = this.#timings.watchSeconds;
    const timeoutSeconds = Math.round(min + this.#random() * (max - min));
    return this.#transport.stream({
      path: collectionPath(resource, namespace),
      query: { watch: true, allowWatchBookmarks: true, timeoutSeconds, fieldSelector, labelSelector, ...query },
      openTimeoutMs: this.#timings.openTimeoutMs,
      lifetimeMs: timeoutSeconds * 1000 + this.#timings.overdueMs,
      signal,
    });
  }

  /** Reads a watch to its end. */
  async #follow(stream: JsonStream, attempt: Attempt, signal: AbortSignal): Promise<void> {
    attempt.isOpen = true;
    // A watch-list may still break off before it has given anything.
    if (!attempt.isInitial) this.#served();
    this.#counts.watches += 1;
    this.#heardAtMs = Date.now();
    const initial = new InitialEvents(this.#project);
    const initialEndMs = performance.now() + this.#timings.initialTimeoutMs;
    if (attempt.isInitial) stream.expectWithin(this.#timings.initialSilenceMs);
    const settle = setTimeout(() => this.#settle(attempt), this.#timings.settleMs);
    try {
      for await (const line of stream) {
        signal.throwIfAborted();
        this.#heardAtMs = Date.now();
        const event = decodeWatchEvent(line, this.selection.resource);
        if (event.type === 'error') throw event.fault;
        attempt.events += 1;
        if (!attempt.isInitial) this.#accept(event, stream);
        else if (this.#acceptInitial(event, initial, stream)) attempt.isInitial = false;
        else if (performance.now() > initialEndMs) throw this.#unfinished('took too long to send');
      }
    } finally {
      clearTimeout(settle);
    }
    if (attempt.isInitial) throw this.#unfinished('ended the watch before the end of');
  }

  /** True when the initial events are complete. */
  #acceptInitial(event: LiveEvent, initial: InitialEvents<T>, stream: JsonStream): boolean {
    switch (event.type) {
      case 'upserted':
        initial.upsert(event.object);
        return false;
      case 'removed':
        initial.remove(event.object);
        return false;
      case 'bookmark':
        // No ordinary bookmark comes before the one that marks the end, unless nobody means to mark it.
        if (!event.isInitialEventsEnd) throw this.#unfinished('does not mark the end of');
        this.#swap(initial.end(event.resourceVersion));
        stream.expectWithin(undefined);
        return true;
    }
  }

  #accept(event: LiveEvent, stream: JsonStream): void {
    if (this.#state.kind !== 'synced') this.#report({ kind: 'synced' });
    if (event.type === 'bookmark') {
      this.#counts.bookmarks += 1;
      this.#resourceVersion = event.resourceVersion;
      // The server sends the first bookmark of a watch when it has a newer version to tell, which on a
      // quiet kind may take as long as the watch, and from then on one a minute (seen with 1.36). So
      // only now is silence a sign. Before, TCP keep-alive notices a dead peer, and the end of the
      // watch a server that hangs.
      stream.expectWithin(this.#timings.bookmarkSilenceMs);
      return;
    }
    this.#counts.events += 1;
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    if (event.type === 'removed') this.#total = Math.max(0, this.#total - 1);
    else if (event.isNew) this.#total += 1;
    const kept = event.type === 'upserted' ? this.#project(event.object) : undefined;
    if (kept === undefined) return this.#remove(event.object);
    this.#isConsumerFilled = true;
    this.#consumer.upsert(kept);
  }

  #remove(object: RawObject): void {
    this.#consumer.remove(object.metadata.namespace ?? '', object.metadata.name);
  }

  /** Puts a complete list in the place of everything before it. */
  #swap(listing: Listing<T>): void {
    this.#heardAtMs = Date.now();
    this.#counts.lists += 1;
    if (listing.total === 0 && this.#isConsumerFilled) this.#confirm(unconfirmedEmptyList, 'there are none');
    else if (this.#total >= MANY_OBJECTS && listing.total * 2 < this.#total)
      this.#confirm(unconfirmedShrunkList, `there are ${String(listing.total)}`);
    this.#lackingSinceMs = undefined;
    this.#total = listing.total;
    this.#consumer.replace(listing.objects);
    this.#isConsumerFilled = listing.objects.length > 0;
    this.#resourceVersion = listing.resourceVersion;
    this.#logger.debug('listed', { objects: listing.total, kept: listing.objects.length });
    this.#report({ kind: 'synced' });
    this.#served();
  }

  /** The server gives what was asked for: if it did not before, the others should ask again, too. */
  #served(): void {
    if (this.#isFailing) this.#retry.recovered();
    this.#isFailing = false;
  }

  /**
   * An API server that was just restored, or points at the wrong etcd, says with full conviction that there is nothing, or little. Taking
   * its word at once would stop everything that is served. @throws Fault `code` until it has said so for long enough
   */
  #confirm(code: string, said: string): void {
    const nowMs = performance.now();
    this.#lackingSinceMs ??= nowMs;
    if (nowMs - this.#lackingSinceMs >= this.#timings.lossConfirmMs) return;
    const { plural } = this.selection.resource;
    const seconds = this.#timings.lossConfirmMs / 1000;
    const before = this.#total === 0 ? 'some' : String(this.#total);
    const message = `the API server says of ${plural} that ${said}, but there were ${before}; they are kept until it has said so for ${seconds} s`;
    throw new Fault(code, message);
  }

  /**
   * After an etcd restored from a backup our version lies in the future. The server accepts a watch from
   * there and keeps silent until its own count has caught up, so a watch without a single word is worth
   * one small question.
   */
  async #checkForRewind(signal: AbortSignal): Promise<void> {
    const held = this.#resourceVersion;
    if (held === undefined) return;
    try {
      const present = await presentVersion(this.#transport, this.selection, signal);
      if (!isEarlier(present, held)) return;
    } catch (error) {
      // Who may only watch goes without the check.
      if (error instanceof ApiFault && error.status === 403) return;
      throw error;
    }
    this.#counts.relists.rewound += 1;
    this.#resourceVersion = undefined;
  }

  #settle(attempt: Attempt): void {
    attempt.hasSettled = true;
    this.#backoff.reset();
    this.#absentBackoff.reset();
    if (!attempt.isInitial) this.#report({ kind: 'synced' });
  }

  #recover(fault: Fault, attempt: Attempt): RetryWait {
    this.#isFailing = true;
    if (isWatchListBroken(fault, attempt)) this.#forgoWatchList(fault);
    const reason = relistReason(fault, attempt);
    if (reason !== undefined) {
      if (reason === 'malformed') this.#counts.malformed += 1;
      this.#counts.relists[reason] += 1;
      this.#resourceVersion = undefined;
    }
    const state = stateAfter(fault, attempt, this.#heardAtMs);
    if (state !== undefined) this.#report(state);
    else this.#logger.debug('watch interrupted', { code: fault.code, reason: fault.message });
    const backoff = state?.kind === 'absent' ? this.#absentBackoff : this.#backoff;
    const asked = fault instanceof ApiFault ? (fault.retryAfterMs ?? 0) : 0;
    return {
      delayMs: backoff.nextMs(),
      floorMs: Math.min(asked, this.#timings.maxRetryAfterMs),
      probeMs: probeAfter(fault, this.#isRequired, this.#timings.probe),
    };
  }

  #forgoWatchList(fault: Fault): void {
    if (this.#hasWatchList) this.#logger.debug('using LIST from now on', { code: fault.code, reason: fault.message });
    this.#hasWatchList = false;
  }

  #unfinished(what: string): Fault {
    return new Fault(unfinishedInitialEvents, `the API server ${what} the initial ${this.selection.resource.plural}`);
  }

  #report(state: ReflectionState): void {
    if (describe(state) === describe(this.#state)) return;
    this.#state = state;
    const level = this.#levelOf(state);
    if ('cause' in state) this.#logger[level](state.kind, { code: state.cause.code, reason: state.cause.message });
    else this.#logger[level](state.kind);
    this.#consumer.state(state);
  }

  /** Single objects are followed by the hundreds, and come and go with their API server: only what is wrong with one of them is news. */
  #levelOf({ kind }: ReflectionState): 'debug' | 'info' | 'warn' {
    const isSingle = this.selection.fieldSelector !== undefined;
    if (kind === 'forbidden' || kind === 'absent') return 'warn';
    if (isSingle) return 'debug';
    return kind === 'stale' ? 'warn' : 'info';
  }
}

/** What makes two states the same to those who are notified of them. */
function describe(state: ReflectionState): string {
  const verbs = state.kind === 'forbidden' ? state.verbs : [];
  return [state.kind, 'cause' in state ? state.cause.code : '', ...verbs].join(' ');
}
