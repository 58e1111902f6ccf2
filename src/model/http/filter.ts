import type { AccessList } from './filter/access-list.ts';
import type { CookieAffinity } from './filter/affinity.ts';
import type { BasicAuth } from './filter/basic-auth.ts';
import type { Cors } from './filter/cors.ts';
import type { ExternalAuth } from './filter/external-auth.ts';
import type { HashBy } from './filter/hash-by.ts';
import type { RequestHeaderModifier, ResponseHeaderModifier } from './filter/header-modifier.ts';
import type { HttpsRedirect } from './filter/https-redirect.ts';
import type { BodySize, ConnectionLimit, RateLimit } from './filter/limits.ts';
import type { RequestRedirect } from './filter/request-redirect.ts';
import type { Retries } from './filter/retries.ts';
import type { Timeouts } from './filter/timeouts.ts';
import type { UrlRewrite } from './filter/url-rewrite.ts';

/**
 * What is done to a request before it is forwarded, or to its response: Gateway API's filters (HTTPRouteFilter), and what that has no word
 * for. One file a filter in `filter/`. Whether one has its effect on a host, and which rules it needs, is decided in
 * `compile/l7/filters.ts`, what the engine does with it in `planes/l7/filters.ts`: both have one entry a type, so that a new filter does not
 * compile before it has both. Their order in a rule means nothing (`planes/l7/README.md` has the order of stages).
 */
export type HttpFilter =
  | AccessList
  | BasicAuth
  | BodySize
  | ConnectionLimit
  | CookieAffinity
  | Cors
  | ExternalAuth
  | HashBy
  | HttpsRedirect
  | RateLimit
  | RequestHeaderModifier
  | RequestRedirect
  | ResponseHeaderModifier
  | Retries
  | Timeouts
  | UrlRewrite;
