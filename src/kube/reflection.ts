/** What goes in and out of a {@link Reflector}: the vocabulary, without the machinery. */
import type { BackoffBounds } from '../lib/backoff.ts';
import type { Fault } from '../lib/fault.ts';
import type { ApiFault } from './api-fault.ts';

/**
 * How well a copy agrees with the server. None of these takes anything out of the copy: what was
 * seen last stays until the server says, in a watch or in a complete list, that it is gone.
 */
export type ReflectionState =
  /** Nothing complete has been received yet. */
  | { readonly kind: 'syncing' }
  /** The copy is complete and follows the server. */
  | { readonly kind: 'synced' }
  /** The server cannot be heard; the copy is what it was at `sinceMs` (Unix time). It may be empty if there never was a sync. */
  | { readonly kind: 'stale'; readonly sinceMs: number; readonly cause: Fault }
  /** RBAC refuses these verbs. Tried again, so that a grant takes effect by itself. */
  | { readonly kind: 'forbidden'; readonly verbs: readonly string[]; readonly cause: ApiFault }
  /** The server does not know the resource: its CRD or API group is not installed. Tried again, slowly. */
  | { readonly kind: 'absent'; readonly cause: ApiFault };

/**
 * Who keeps the copy. Called synchronously, in the order in which the server said things, and never
 * after the reflector's signal was aborted. What it throws is a bug, and ends the reflector.
 */
export interface ReflectionConsumer<T> {
  /** These, and no others, are what there is. Only ever called with a complete list. */
  replace(objects: readonly T[]): void;
  /** Add it, or put it in the place of its predecessor. */
  upsert(object: T): void;
  /** It is gone, or no longer of use. The consumer need not have held it. `namespace` is empty for cluster-scoped objects. */
  remove(namespace: string, name: string): void;
  /** Called when the kind of state changes, and when the reason within a kind does. */
  state(state: ReflectionState): void;
}

/** Why a list had to be fetched again. */
export type RelistReason =
  /** 410: the server no longer has the history since our last event. */
  | 'expired'
  /** A line or a list that could not be understood: an event may be lost. */
  | 'malformed'
  /** The server counts from an earlier version than ours: its etcd was restored from a backup. */
  | 'rewound'
  /** The server refused to watch from our last event, or broke it off at once with an ERROR event. */
  | 'refused';

/** What a reflector has done since it was made. Only ever grows. */
export interface ReflectionCounts {
  /** Complete lists received, by watch-list or by LIST. */
  readonly lists: number;
  /** Watches that the server accepted. */
  readonly watches: number;
  /** Objects added, changed or deleted after a list. */
  readonly events: number;
  readonly bookmarks: number;
  /** Answers that were not what the Kubernetes API promises. */
  readonly malformed: number;
  readonly relists: Readonly<Record<RelistReason, number>>;
}

/** The patience of a reflector. All of it has defaults; tests shorten it. */
export interface ReflectionTimings {
  /** How long the server may take to begin an answer. */
  readonly openTimeoutMs: number;
  /** For how long to ask for each watch; random in between, so that not all are renewed at once. */
  readonly watchSeconds: { readonly min: number; readonly max: number };
  /** How far past that time a watch is given up as dead. */
  readonly overdueMs: number;
  /** How long a watch may be silent after its first bookmark; from then on the server sends one a minute. */
  readonly bookmarkSilenceMs: number;
  /** How long the initial events of a watch-list may pause, and take altogether, before LIST is used instead. */
  readonly initialSilenceMs: number;
  readonly initialTimeoutMs: number;
  /** A connection that lived this long was a good one: the back-off starts from the bottom again. */
  readonly settleMs: number;
  /** For how long a list that lacks everything, or most of very many objects, must keep coming before it is believed. */
  readonly lossConfirmMs: number;
  /** Longest Retry-After that is obeyed. */
  readonly maxRetryAfterMs: number;
  /** How often one of the reflectors of a server tries again although its back-off is longer; see `probeAfter`. */
  readonly probe: { readonly refusedMs: number; readonly outageMs: number };
  readonly backoff: BackoffBounds;
  readonly absentBackoff: BackoffBounds;
}

export const defaultTimings: ReflectionTimings = {
  openTimeoutMs: 30_000,
  watchSeconds: { min: 300, max: 600 },
  overdueMs: 5_000,
  // Two bookmarks and a half: one may be dropped by a busy server.
  bookmarkSilenceMs: 150_000,
  initialSilenceMs: 15_000,
  initialTimeoutMs: 60_000,
  settleMs: 1_000,
  lossConfirmMs: 30_000,
  maxRetryAfterMs: 60_000,
  probe: { refusedMs: 1_000, outageMs: 5_000 },
  backoff: { minMs: 250, maxMs: 30_000 },
  absentBackoff: { minMs: 2_000, maxMs: 30_000 },
};
