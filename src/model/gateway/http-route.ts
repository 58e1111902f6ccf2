import type { Hostname } from '../grammar.ts';
import type { HttpFilter } from '../http/filter.ts';
import type { RedirectStatus, RequestRedirect } from '../http/filter/request-redirect.ts';
import type { Conditions, PathMatch } from '../http/match.ts';
import type { PathRewrite } from '../http/path-rewrite.ts';
import type { ObjectMeta } from '../object.ts';
import type { BackendReference, ParentReference } from './reference.ts';

/** The kinds of routes that are HTTP: a call by gRPC is a request with `/SERVICE/METHOD` for its path. */
export type HttpRouteKind = 'HTTPRoute' | 'GRPCRoute';

/** An HTTPRoute, or a GRPCRoute as the HTTP that it is (gateway.networking.k8s.io/v1). */
export interface HTTPRoute {
  readonly kind: HttpRouteKind;
  readonly meta: ObjectMeta;
  /** `metadata.generation`, which every condition in its status repeats; 0 where there is none, as in manifests. */
  readonly generation: number;
  readonly parents: readonly ParentReference[];
  /** Empty: every host of the listeners. */
  readonly hostnames: readonly Hostname[];
  /** Whether hosts are named of which none can be read: then the route is for none, rather than for all. */
  readonly hasNoUsableHost: boolean;
  readonly rules: readonly RouteRule[];
}

/** One rule. */
export interface RouteRule {
  /** Never empty, but for a rule none of whose matches can be read. */
  readonly matches: readonly RouteMatch[];
  readonly filters: readonly RouteFilter[];
  readonly backends: readonly RouteBackend[];
  /** Names of fields of the rule that ask for something which is not served, such as `filters[0]`; such a rule answers 500. */
  readonly unsupported: readonly string[];
  /** JSON path, for Findings. */
  readonly field: string;
}

/** One match of a rule: all of it has to hold. */
export interface RouteMatch {
  readonly path: PathMatch;
  readonly conditions: Conditions;
  /** Its expression cannot be read: `path` takes whatever that could match, which is refused. */
  readonly isClosed?: true | undefined;
  /** JSON path, for Findings. */
  readonly field: string;
}

/** A backend of a rule. */
export interface RouteBackend extends BackendReference {
  readonly filters: readonly Exclude<RouteFilter, RedirectWish>[];
  /** Names of fields of the reference that are not served, such as `filters[0]`. */
  readonly unsupported: readonly string[];
}

/** A filter as a route has it: where a redirect leads depends on the listener too. */
export type RouteFilter = Exclude<HttpFilter, RequestRedirect> | RedirectWish;

/** HTTPRequestRedirectFilter; what is undefined is as the client asked for it. */
export interface RedirectWish {
  readonly type: 'RequestRedirect';
  readonly status: RedirectStatus;
  readonly scheme: 'http' | 'https' | undefined;
  readonly hostname: Hostname | undefined;
  readonly port: number | undefined;
  readonly path: PathRewrite | undefined;
}
