import type { HttpFilter } from '../../model/http/filter.ts';

/**
 * The letter that switches a filter's rules in the skeleton on for a route, one a filter: a new one does not compile without it. They share
 * the alphabet with the other flags of a route's value (`encode.ts`).
 */
export const FILTER_FLAG: Readonly<Record<HttpFilter['type'], string>> = {
  HttpsRedirect: 'S',
};
