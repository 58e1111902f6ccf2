import type { Conditions, ValueMatch } from '../../../model/http/match.ts';
import { partsOf, type RoutedRequest } from './request.ts';

/** Whether a request fulfils conditions, as `sluice.lua` decides it in the engine. */
export function fulfils(request: RoutedRequest, { method, headers, query }: Conditions): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (!headers.every((match) => isMatch(request.headers[match.name.toLowerCase()], match))) return false;
  if (query.length === 0) return true;
  const parameters = new URLSearchParams(partsOf(request.target).query ?? '');
  return query.every((match) => isMatch(parameters.get(match.name) ?? undefined, match));
}

function isMatch(value: string | undefined, match: ValueMatch): boolean {
  if (value === undefined) return false;
  return match.type === 'Exact' ? value === match.value : new RegExp(match.value).test(value);
}

/** Conditions in the words of people; empty for none. */
export function conditionsText({ method, headers, query }: Conditions): string {
  const sign = ({ type }: ValueMatch): string => (type === 'Exact' ? '=' : '~');
  return [
    ...(method === undefined ? [] : [`method=${method}`]),
    ...headers.map((match) => `header ${match.name}${sign(match)}${match.value}`),
    ...query.map((match) => `query ${match.name}${sign(match)}${match.value}`),
  ].join(', ');
}
