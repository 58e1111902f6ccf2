import type { HttpsRedirect } from './filter/https-redirect.ts';

/**
 * What is done to a request before it is forwarded: Gateway API's filters (HTTPRouteFilter), and what that has no word for. One file a
 * filter in `filter/`. Whether one has its effect on a host is decided in `compile/l7/filters.ts`, what the engine does with it in
 * `planes/l7/filters.ts`: both have one entry a type, so that a new filter does not compile before it has both.
 */
export type HttpFilter = HttpsRedirect;
