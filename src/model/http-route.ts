import type { Hostname, UrlPath } from './grammar.ts';
import type { ObjectMeta, ObjectRef } from './object.ts';
import type { PathRegex } from './path-regex.ts';

/**
 * The L7 vocabulary of Gateway API (HTTPRoute, gateway.networking.k8s.io/v1), into which Ingress is
 * decoded: it is the superset.
 */

/** How a path is matched. `PathPrefix` goes by path elements and never has a trailing slash, but for `/` itself. */
export type PathMatch =
  | { readonly type: 'Exact'; readonly value: UrlPath }
  | { readonly type: 'PathPrefix'; readonly value: UrlPath }
  /** PCRE, anchored at the start of the path and case-sensitive. */
  | { readonly type: 'RegularExpression'; readonly value: PathRegex };

/** What is done to a request before it is forwarded. */
export type HttpFilter = { readonly type: 'RequestRedirect'; readonly scheme: 'https'; readonly statusCode: 308 };

/** A port of a Service, resolved to the number that the Service declares. */
export interface BackendRef {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** Where requests of a rule go. `unavailable`: the reference is broken, so the rule fails closed with 503. */
export type RuleTarget =
  | { readonly kind: 'forward'; readonly backend: BackendRef }
  | { readonly kind: 'unavailable'; readonly reason: 'service-missing' | 'port-missing' | 'backend-invalid' };

/** One match with its target. */
export interface HttpRule {
  readonly match: PathMatch;
  readonly filters: readonly HttpFilter[];
  readonly target: RuleTarget;
  /** JSON path in the owner, for Findings. */
  readonly field: string;
  /** A fallback yields to any other rule for the same match, whatever its age (default backends). */
  readonly isFallback: boolean;
}

/** All that one object routes on one host. `host` undefined: every host that no other route names. */
export interface HttpRoute {
  readonly owner: ObjectRef;
  readonly ownerMeta: ObjectMeta;
  readonly host: Hostname | undefined;
  readonly rules: readonly HttpRule[];
}
