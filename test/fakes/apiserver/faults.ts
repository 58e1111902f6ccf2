import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What can go wrong in place of, or in the middle of, an answer. */
export type Trouble =
  /** Refuse with this HTTP status. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  /** A page of HTML, as a load balancer in front of a dead API server sends it. */
  | { readonly kind: 'page'; readonly status: number }
  /** Take the request and never answer. */
  | { readonly kind: 'hang' }
  /** Cut the connection instead of answering. */
  | { readonly kind: 'reset' }
  /** Announce JSON, send half of it, and end the answer as if it were whole. */
  | { readonly kind: 'truncate' }
  /** Let a watch send this many lines, initial events included, and then do something to it. */
  | { readonly kind: 'stream'; readonly afterLines: number; readonly then: StreamTrouble };

/** What can happen to a watch that is under way. */
export type StreamTrouble =
  /** Cut the connection. */
  | 'reset'
  /** End the answer in good order, as a server does that is shutting down. */
  | 'end'
  /** Send half a line, then end in good order. */
  | 'half-line'
  /** Send a whole line that is not JSON, and go on. */
  | 'garbage'
  /** Keep the connection open and send nothing any more. */
  | 'freeze'
  /** Send an ERROR event with this status, then end in good order. */
  | { readonly errorEvent: number };

/** Which requests a trouble befalls. */
export interface FaultRule {
  readonly trouble: Trouble;
  /** Only these verbs (get, list, watch, create, update, patch, delete). */
  readonly verbs?: readonly string[];
  /** Only this resource, by its plural. */
  readonly resource?: string;
  /** Only requests about the object of this name. */
  readonly name?: string;
  /** Only requests for which this holds. */
  readonly when?: (query: URLSearchParams) => boolean;
  /** How many requests; default: all until the rule is removed. */
  readonly times?: number;
}

/** The switchboard of faults. */
export class Faults {
  readonly #rules = new Map<FaultRule, number>();

  /** Switches a fault on. Returns how to switch it off. */
  add(rule: FaultRule): () => void {
    this.#rules.set(rule, rule.times ?? Infinity);
    return () => this.#rules.delete(rule);
  }

  clear(): void {
    this.#rules.clear();
  }

  /** The trouble that befalls this request, if any; each call counts as one request. */
  take(verb: string, resource: string, query: URLSearchParams, name: string | undefined): Trouble | undefined {
    for (const [rule, left] of this.#rules) {
      const applies =
        left > 0 &&
        (rule.verbs?.includes(verb) ?? true) &&
        (rule.resource ?? resource) === resource &&
        (rule.name ?? name) === name &&
        (rule.when?.(query) ?? true);
      if (!applies) continue;
      this.#rules.set(rule, left - 1);
      return rule.trouble;
    }
    return undefined;
  }
}

/** Cuts a connection: with a TCP reset where that can be had, and for TLS without a good-bye. */
export function cut(socket: Socket | null): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket?.resetAndDestroy();
}
