import type { Conditions, ValueMatch } from '../../../model/http/match.ts';
import { expression } from './expression.ts';
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
  return match.type === 'Exact' ? value === match.value : expression(match.value).test(value);
}
