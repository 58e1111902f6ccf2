import type { HttpFilter } from '../../model/http/filter.ts';
import type { PathMatch } from '../../model/http/match.ts';
import { accessList } from './filter/access-list.ts';
import { cookieAffinity } from './filter/affinity.ts';
import { basicAuth } from './filter/basic-auth.ts';
import { cors } from './filter/cors.ts';
import type { Datum, FilterData } from './filter/filter-data.ts';
import { externalAuth } from './filter/external-auth.ts';
import { hashBy } from './filter/hash-by.ts';
import { requestHeaderModifier, responseHeaderModifier } from './filter/header-modifier.ts';
import { httpsRedirect } from './filter/https-redirect.ts';
import { bodySize, connectionLimit, rateLimit } from './filter/limits.ts';
import { requestRedirect } from './filter/request-redirect.ts';
import { retries } from './filter/retries.ts';
import { timeouts } from './filter/timeouts.ts';
import { urlRewrite } from './filter/url-rewrite.ts';

/** What the engine is given of each filter: a new one does not compile without its entry. */
export const FILTERS: {
  readonly [Type in HttpFilter['type']]: FilterData<Extract<HttpFilter, { readonly type: Type }>>;
} = {
  HttpsRedirect: httpsRedirect,
  RequestRedirect: requestRedirect,
  RequestHeaderModifier: requestHeaderModifier,
  ResponseHeaderModifier: responseHeaderModifier,
  URLRewrite: urlRewrite,
  Timeouts: timeouts,
  Retries: retries,
  AccessList: accessList,
  BasicAuth: basicAuth,
  ExternalAuth: externalAuth,
  RateLimit: rateLimit,
  ConnectionLimit: connectionLimit,
  BodySize: bodySize,
  CORS: cors,
  CookieAffinity: cookieAffinity,
  HashBy: hashBy,
};

/** The letters of the flags in the value of a route with these filters. */
export function filterFlags(filters: readonly HttpFilter[]): string {
  return filters.map(({ type }) => FILTERS[type].flag).join('');
}

/** What is data of these filters. */
export function filterData(filters: readonly HttpFilter[], match: PathMatch): readonly Datum[] {
  return filters.flatMap((filter) => dataOf(filter, match));
}

function dataOf<Type extends HttpFilter['type']>(
  filter: Extract<HttpFilter, { readonly type: Type }>,
  match: PathMatch,
): readonly Datum[] {
  // The register has the entry of this very type under its name.
  const entry = FILTERS[filter.type] as FilterData<Extract<HttpFilter, { readonly type: Type }>>;
  return entry.data(filter, match);
}
