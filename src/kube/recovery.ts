/** What a reflector makes of a failure: decisions only, no state. The rules are those of client-go's reflector where it has any. */
import type { Fault } from '../lib/fault.ts';
import { ApiFault } from './api-fault.ts';
import { unreachable } from './connection-fault.ts';
import { silentStream } from './json-stream.ts';
import { malformedAnswer } from './raw-object.ts';
import type { ReflectionState, ReflectionTimings, RelistReason } from './reflection.ts';

/** A list says that there is nothing, where there was something before. */
export const unconfirmedEmptyList = 'kube-list-empty';
/** A list lacks more than half of very many objects. */
export const unconfirmedShrunkList = 'kube-list-shrunk';
/** The server opened a watch-list but did not bring its initial events to their end. */
export const unfinishedInitialEvents = 'kube-initial-events-unfinished';

/** What became of one connection, from the first request to its end. */
export interface Attempt {
  /** A stream was opened. */
  isOpen: boolean;
  /** The stream lived long enough to prove that server and network are well. */
  hasSettled: boolean;
  /** It is a watch-list whose initial events have not ended. */
  isInitial: boolean;
  /** Events and bookmarks that it brought. */
  events: number;
  /** Verbs that were refused on the way, when there was still something else to try. */
  readonly deniedVerbs: Set<string>;
}

export function newAttempt(): Attempt {
  return { isOpen: false, hasSettled: false, isInitial: false, events: 0, deniedVerbs: new Set() };
}

/** Whether the server, having answered this to a watch-list, may still answer to a LIST. */
export function mayListInstead(fault: ApiFault): boolean {
  // Who is unknown, sent away for now, or asks for what is not there hears the same again.
  return ![401, 404, 429, 503, 504].includes(fault.status);
}

/**
 * Whether the server, having answered this to a watch-list, will never do one: Kubernetes before
 * 1.27, or with the WatchList feature switched off.
 */
export function refusesWatchList(fault: ApiFault): boolean {
  return [400, 405, 406, 415, 422, 501].includes(fault.status);
}

/**
 * Whether an accepted watch-list failed in a way that a LIST need not. With etcd 3.4, which cannot
 * report progress, the server sends an ERROR event (500) at once; some aggregated API servers take it
 * for an ordinary watch and never mark the end of the initial events.
 */
export function isWatchListBroken(fault: Fault, attempt: Attempt): boolean {
  if (!attempt.isInitial) return false;
  if (fault instanceof ApiFault) return mayListInstead(fault);
  return fault.code === silentStream || fault.code === unfinishedInitialEvents;
}

/**
 * Why the last resource version must be given up and everything listed again, or undefined when the
 * watch can go on from there. A lost connection is never a reason: a restarting API server must not
 * be met by every client's list.
 */
export function relistReason(fault: Fault, attempt: Attempt): RelistReason | undefined {
  if (isWatchListBroken(fault, attempt)) return undefined;
  if (fault.code === malformedAnswer) return 'malformed';
  if (!(fault instanceof ApiFault)) return undefined;
  const isFuture = fault.causes.some((cause) => cause.reason === 'ResourceVersionTooLarge');
  if (fault.status === 410 || isFuture) return 'expired';
  if (!attempt.isOpen) return fault.retryable ? undefined : 'refused';
  // An ERROR event. From the same version the same event would come again, for example an object
  // that the server cannot decode; but if the watch got anywhere, try from where it got.
  const isPassing = [401, 403, 429, 503, 504].includes(fault.status);
  return isPassing || attempt.events > 0 ? undefined : 'refused';
}

/** Whether resource version `a` is before `b`; false when they cannot be told apart (KEP-5504: decimal numbers can). */
export function isEarlier(a: string, b: string): boolean {
  return /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b);
}

/**
 * The state that a failure leads to, or undefined when it changes nothing yet: a good connection that
 * ends, for whatever reason, is first of all a reason to open the next one.
 *
 * @param sinceMs when the server was last heard
 */
export function stateAfter(fault: Fault, attempt: Attempt, sinceMs: number): ReflectionState | undefined {
  if (fault instanceof ApiFault && fault.status === 403) {
    const verb = fault.denied?.verb ?? (attempt.isOpen ? 'watch' : 'list');
    return { kind: 'forbidden', verbs: [...new Set([...attempt.deniedVerbs, verb])].toSorted(), cause: fault };
  }
  if (fault instanceof ApiFault && fault.status === 404) return { kind: 'absent', cause: fault };
  if (fault instanceof ApiFault && fault.status === 410) return undefined;
  // LIST has yet to be tried.
  if (isWatchListBroken(fault, attempt)) return undefined;
  const isDoubted = fault.code === unconfirmedEmptyList || fault.code === unconfirmedShrunkList;
  if (attempt.hasSettled && !isDoubted) return undefined;
  return { kind: 'stale', sinceMs, cause: fault };
}

/**
 * How often to ask again after a failure, in milliseconds; undefined: when the back-off says so. A refusal costs the server next to
 * nothing, and a server that is not there nothing at all. One that is in trouble is spared.
 */
export function probeAfter(fault: Fault, isRequired: boolean, probe: ReflectionTimings['probe']): number | undefined {
  if (fault.code === unreachable) return probe.refusedMs;
  const isRefusal = fault instanceof ApiFault && (fault.status === 403 || fault.status === 404);
  if (!isRefusal) return probe.outageMs;
  if (isRequired) return probe.refusedMs;
  return fault.status === 403 ? probe.outageMs : undefined;
}
