import type { Conditions, PathMatch, ValueMatch } from '../../../model/http/match.ts';
import { ANY_HOST, hostKey, type HostPlan } from '../../plan.ts';
import type { RoutedRequest } from './request.ts';
import { sampleOf } from './sample.ts';

/**
 * Requests that tell the routes of a host apart: for each path the path itself, what is below it, what only begins like it, another case of
 * its letters, and a slash more or less; for each condition one that fulfils it. The scheme is HTTP.
 */
export function probesFor(plans: readonly HostPlan[]): readonly RoutedRequest[] {
  const [first] = plans;
  if (first === undefined) return [];
  const host = exampleHost(first);
  const routes = plans.flatMap((plan) => plan.routes);
  const paths = new Set(['/', '/sluice-probe', ...routes.flatMap(({ match }) => pathsFor(match))]);
  const conditions = routes.flatMap(({ alternatives }) => alternatives);
  const plain = [...paths].map((target): RoutedRequest => ({
    scheme: 'http',
    method: 'GET',
    host,
    target,
    headers: {},
  }));
  const conditional = conditions.flatMap(({ match, conditions: wanted }) =>
    pathsFor(match)
      .slice(0, 1)
      .map((path) => fulfilling(wanted, host, path)),
  );
  return [...plain, ...conditional];
}

/** A host that is looked up as the plan's is. */
export function exampleHost(plan: HostPlan): string {
  if (plan.host === ANY_HOST) return 'any-other-host.invalid';
  return plan.host.replace(/^\*/, hostKey(plan).includes('**') ? 'any.depth' : 'any');
}

function pathsFor(match: PathMatch): readonly string[] {
  const path = match.type === 'RegularExpression' ? sampleOf(match.value) : match.value;
  if (path === undefined || !/^\/[\x21-\x7e]*$/.test(path)) return [];
  const bare = path.replace(/\/$/, '');
  return [path, bare, `${bare}/`, `${bare}/sluice-probe`, `${bare}x`, path.toUpperCase(), path.toLowerCase()].filter(
    (text) => text.startsWith('/') && !/[?#]/.test(text),
  );
}

function fulfilling({ method, headers, query }: Conditions, host: string, path: string): RoutedRequest {
  const parameters = query.map((match) => `${encodeURIComponent(match.name)}=${encodeURIComponent(valueFor(match))}`);
  return {
    scheme: 'http',
    method: method ?? 'GET',
    host,
    target: parameters.length === 0 ? path : `${path}?${parameters.join('&')}`,
    headers: Object.fromEntries(headers.map((match) => [match.name.toLowerCase(), valueFor(match)])),
  };
}

function valueFor(match: ValueMatch): string {
  return match.type === 'Exact' ? match.value : (sampleOf(match.value) ?? '');
}
