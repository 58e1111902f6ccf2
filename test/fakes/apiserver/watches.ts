import type { ServerResponse } from 'node:http';
import { apiVersionOf } from '../../../src/kube/resource.ts';
import { cut, type StreamTrouble, type Trouble } from './faults.ts';
import { expired, invalid, Refusal } from './refusal.ts';
import type { Route } from './route.ts';
import { selects, type Selects } from './selection.ts';
import type { Change, Storage } from './storage.ts';
import { resourceKey, type Json, type StoredObject } from './stored-object.ts';

/** How a server treats `sendInitialEvents`. */
export type WatchListSupport =
  /** As Kubernetes 1.32 and newer with etcd 3.5 and newer. */
  | 'served'
  /** Refused with 422, as by servers with the feature off. */
  | 'refused'
  /** Accepted, and broken off with an ERROR event, as with etcd 3.4. */
  | 'broken'
  /** Not known, so not heeded: the initial events come, their end is not marked. As some aggregated API servers. */
  | 'ignored';

export interface WatchOptions {
  readonly storage: Storage;
  readonly route: Route;
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
  readonly watchList: WatchListSupport;
  /** How a version that was compacted is refused: real servers do both. */
  readonly expiredAs: 'error-event' | 'http';
  readonly trouble: Trouble | undefined;
}

/** One watch that is under way. */
export class Watch {
  readonly plural: string;
  readonly #options: WatchOptions;
  readonly #selects: Selects;
  readonly #wantsBookmarks: boolean;
  #timeout: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;
  #lines = 0;
  #isFrozen = false;
  #isClosed = false;

  /** @throws Refusal when the watch is refused by HTTP status */
  constructor(options: WatchOptions) {
    this.#options = options;
    this.plural = options.route.resource.plural;
    this.#selects = selects(options.route, options.query);
    this.#wantsBookmarks = options.query.get('allowWatchBookmarks') === 'true';
    this.#checkInitialEvents();
    const isBroken = options.watchList === 'broken' && options.query.has('sendInitialEvents');
    const isExpired = (this.#from() ?? Infinity) < options.storage.compactedRevision;
    const refusal = expired(`too old resource version: ${this.#from()} (${options.storage.compactedRevision})`);
    if (isExpired && options.expiredAs === 'http') throw refusal;
    this.#open();
    if (isBroken) this.#refuse(noProgress());
    else if (isExpired) this.#refuse(refusal);
    else this.#begin();
  }

  /** True once the connection is gone, from whichever side. */
  get isOver(): boolean {
    return this.#isClosed || this.#options.response.writableEnded;
  }

  /**
   * Sends a bookmark for the present revision, if the client wants any. As in the real server, the first
   * has to be newer than where the client came from.
   */
  bookmark(annotations?: Json): void {
    const { storage, route } = this.#options;
    if (!this.#wantsBookmarks || storage.revision <= (this.#from() ?? 0)) return;
    this.#send('BOOKMARK', {
      kind: route.resource.kind,
      apiVersion: apiVersionOf(route.resource),
      metadata: {
        resourceVersion: String(storage.revision),
        creationTimestamp: null,
        ...(annotations && { annotations }),
      },
    });
  }

  /** Makes something bad happen now. */
  suffer(trouble: StreamTrouble): void {
    const { response } = this.#options;
    if (this.isOver) return;
    if (trouble === 'reset') cut(response.socket);
    else if (trouble === 'end') this.end();
    else if (trouble === 'freeze') this.#freeze();
    else if (trouble === 'garbage') response.write('{"type":"MODIFIED","object":{{{\n');
    else if (trouble === 'half-line') response.end('{"type":"MODIFIED","object":{"kind":"');
    else {
      this.#send(
        'ERROR',
        new Refusal(trouble.errorEvent, 'InternalError', 'something broke in the middle of the watch').toJson(),
      );
      this.end();
    }
  }

  end(): void {
    this.release();
    if (!this.isOver) this.#options.response.end();
  }

  /** Not even the end of its time is sent any more. */
  #freeze(): void {
    this.#isFrozen = true;
    clearTimeout(this.#timeout);
  }

  /** Lets go of timers and subscriptions. */
  release(): void {
    clearTimeout(this.#timeout);
    this.#unsubscribe?.();
  }

  #checkInitialEvents(): void {
    const { query, watchList } = this.#options;
    if (!query.has('sendInitialEvents') || watchList === 'ignored') return;
    if (watchList === 'refused') {
      const problem =
        'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled';
      throw invalid('ListOptions.meta.k8s.io', '', problem);
    }
    if (query.get('resourceVersionMatch') !== 'NotOlderThan') {
      throw invalid(
        'ListOptions.meta.k8s.io',
        '',
        'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      );
    }
  }

  /** The revision after which the client wants to hear everything; undefined: it wants to hear what exists first. */
  #from(): number | undefined {
    const version = this.#options.query.get('resourceVersion') ?? '';
    if (!/^\d*$/.test(version)) throw new Refusal(500, '', `resourceVersion: Invalid value: "${version}"`);
    return version === '' || version === '0' ? undefined : Number(version);
  }

  #open(): void {
    const { response, query } = this.#options;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    response.on('close', () => {
      this.#isClosed = true;
      this.release();
    });
    const timeoutSeconds = Number(query.get('timeoutSeconds') ?? 1800);
    this.#timeout = setTimeout(() => this.end(), timeoutSeconds * 1000);
  }

  #refuse(refusal: Refusal): void {
    this.#send('ERROR', refusal.toJson());
    this.end();
  }

  #begin(): void {
    const { query, storage, route, watchList } = this.#options;
    const from = this.#from();
    if (from === undefined) {
      for (const object of storage.at(route.resource, storage.revision))
        if (this.#selects(object)) this.#send('ADDED', object);
      const marksEnd = query.get('sendInitialEvents') === 'true' && watchList === 'served';
      if (marksEnd) this.bookmark({ 'k8s.io/initial-events-end': 'true' });
    } else {
      for (const change of storage.since(route.resource, from)) this.#tell(change);
    }
    if (this.isOver) return;
    const wanted = resourceKey(route.resource);
    const unsubscribe = storage.subscribe((change) => {
      // A server counts from its own revision: to a client from the future, everything is old news.
      if (change.resource === wanted && change.revision > (from ?? 0)) this.#tell(change);
    });
    this.#unsubscribe = unsubscribe;
    this.#troubleIfDue();
  }

  /** An object that begins or ceases to match the selectors is told as added or deleted. */
  #tell({ type, object, previous }: Change): void {
    const before = previous !== undefined && this.#selects(previous);
    const after = type !== 'DELETED' && this.#selects(object);
    if (after) this.#send(before ? 'MODIFIED' : 'ADDED', object);
    else if (before) this.#send('DELETED', object);
  }

  #send(type: string, object: StoredObject | Json): void {
    this.#troubleIfDue();
    if (this.#isFrozen || this.isOver) return;
    this.#lines += 1;
    this.#options.response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #troubleIfDue(): void {
    const { trouble } = this.#options;
    if (trouble?.kind !== 'stream' || trouble.afterLines !== this.#lines) return;
    // Once only; the line that was due follows where the connection still stands.
    this.#lines += 1;
    this.suffer(trouble.then);
  }
}

function noProgress(): Refusal {
  const message =
    'a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled';
  return new Refusal(500, 'InternalError', message);
}
