import { comparedPath } from '../../../lib/request-path.ts';
import type { HttpFilter } from '../../../model/http/filter.ts';
import type { RedirectTarget, RequestRedirect } from '../../../model/http/filter/request-redirect.ts';
import type { PathMatch } from '../../../model/http/match.ts';
import {
  ANY_HOST,
  hostKey,
  type BackendId,
  type Destination,
  type HostPlan,
  type L7Plan,
  type RoutePlan,
} from '../../plan.ts';
import { fulfils } from './conditions.ts';
import { anchored } from './expression.ts';
import { hostOf, partsOf, type RoutedRequest } from './request.ts';
import { replaced, rewrittenTarget } from './rewrite.ts';

/** What becomes of a request by the routes of a plan. */
export type Answer =
  /** By the gateway itself. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string; readonly route: RoutePlace }
  | { readonly kind: 'redirected'; readonly status: number; readonly location: string; readonly route: RoutePlace }
  | {
      readonly kind: 'forwarded';
      /** One, or those that share the requests of the route. */
      readonly backends: readonly { readonly backend: BackendId | undefined; readonly weight: number }[];
      /** Path and query that the backend is asked for. */
      readonly target: string;
      /** Filters by which a client may be refused, or which change more than the path. */
      readonly filters: readonly HttpFilter[];
      readonly route: RoutePlace;
    };

/** Which route a request has taken. */
export interface RoutePlace {
  /** The key of its host in the plan; empty where none was found. */
  readonly host: string;
  readonly match: PathMatch | undefined;
  /** `namespace/name` of the object; empty for none. */
  readonly owner: string;
}

const NOWHERE: RoutePlace = { host: '', match: undefined, owner: '' };

/**
 * What the engine answers to a request with a plan, as far as routes decide it: what clients prove, how many they are and how the backend
 * fares is left out. It is the order of look-ups of `planes/l7/routing-rules.ts`, and held to what a real HAProxy has answered.
 *
 * @param publicHttpsPort the port that redirects to HTTPS name, unless it is 443
 */
export function answerOf(plan: L7Plan, request: RoutedRequest, publicHttpsPort = 443): Answer {
  const path = comparedPath(request.target);
  if (path === undefined) return refused(400, 'path-invalid', NOWHERE);
  const host = hostOf(request.host);
  for (const key of keysFor(host, plan)) {
    const found = plan.hosts.get(key);
    if (found === undefined) continue;
    const entered = found.entrance === 'split' ? plan.hosts.get(splitKey(found, request.scheme)) : found;
    const route = entered === undefined ? undefined : routeFor(entered, path);
    if (entered === undefined || route === undefined) continue;
    return answerBy(destinationFor(route, request), hostKey(found), request, publicHttpsPort);
  }
  return refused(404, 'no-route', NOWHERE);
}

/** The hosts that may have the routes of a request, in the order in which they are looked up. */
function keysFor(host: string, plan: L7Plan): readonly string[] {
  const dot = host.indexOf('.');
  const above = dot < 0 ? [] : [`*${host.slice(dot)}`];
  const labels = host.split('.');
  const deep = labels.flatMap((_, index) => (index < 1 ? [] : [`**.${labels.slice(index).join('.')}`]));
  // Of the deep ones the nearest counts alone, as in the engine.
  const nearest = deep.find((key) => plan.hosts.has(key));
  return [host, ...above, ...(nearest === undefined ? [] : [nearest]), ANY_HOST];
}

function splitKey({ host, isDeep }: HostPlan, scheme: RoutedRequest['scheme']): string {
  return hostKey({ host, entrance: scheme, isDeep });
}

/** An equal path, else the expression or prefix that is longest as it was written, else the longest prefix. */
function routeFor({ routes }: HostPlan, path: string): RoutePlan | undefined {
  const exact = routes.find(({ match }) => match.type === 'Exact' && match.value === path);
  if (exact !== undefined) return exact;
  const hasRegex = routes.some(({ match }) => match.type === 'RegularExpression');
  const tried = hasRegex ? routes.filter(({ match }) => match.type !== 'Exact' && match.value !== '/') : [];
  const found = tried.toSorted(inOrderOfTrial).find(({ match }) => isMatch(match, path));
  if (found !== undefined) return found;
  return routes
    .filter(({ match }) => match.type === 'PathPrefix' && isMatch(match, path))
    .toSorted((a, b) => b.match.value.length - a.match.value.length)[0];
}

/** As the lines of the map of expressions stand in the engine. */
function inOrderOfTrial({ match: a }: RoutePlan, { match: b }: RoutePlan): number {
  const prefixFirst = Number(b.type === 'PathPrefix') - Number(a.type === 'PathPrefix');
  return b.value.length - a.value.length || prefixFirst || (a.value < b.value ? 1 : -1);
}

function isMatch(match: PathMatch, path: string): boolean {
  switch (match.type) {
    case 'Exact':
      return match.value === path;
    case 'PathPrefix':
      return match.value === '/' || path === match.value || path.startsWith(`${match.value}/`);
    case 'RegularExpression':
      return anchored(match.value, match.ignoresCase).test(path);
  }
}

function destinationFor(route: RoutePlan, request: RoutedRequest): Destination {
  return route.alternatives.find(({ conditions }) => fulfils(request, conditions)) ?? route;
}

function answerBy(found: Destination, host: string, request: RoutedRequest, publicHttpsPort: number): Answer {
  const { match, filters, action, owner } = found;
  const route: RoutePlace = { host, match, owner };
  if (request.scheme === 'http' && filters.some(({ type }) => type === 'HttpsRedirect')) {
    const port = publicHttpsPort === 443 ? '' : `:${String(publicHttpsPort)}`;
    const location = `https://${request.host.replace(/:\d*$/, '')}${port}${request.target}`;
    return { kind: 'redirected', status: 308, location, route };
  }
  switch (action.kind) {
    case 'refuse':
      return refused(action.status, action.reason, route);
    case 'redirect':
      return redirectedBy(filters, request, route);
    case 'forward':
      return forwarded([{ backend: action.backend, weight: 1 }]);
    case 'split':
      return forwarded(
        action.shares.map((share) => ({
          backend: share.action.kind === 'forward' ? share.action.backend : undefined,
          weight: share.weight,
        })),
      );
  }
  function forwarded(backends: Extract<Answer, { kind: 'forwarded' }>['backends']): Answer {
    const rewrite = filters.find((filter) => filter.type === 'URLRewrite');
    const others = filters.filter(({ type }) => type !== 'URLRewrite' && type !== 'HttpsRedirect');
    const target = rewrittenTarget(request.target, rewrite?.path, match);
    return { kind: 'forwarded', backends, target, filters: others, route };
  }
}

function redirectedBy(filters: readonly HttpFilter[], request: RoutedRequest, route: RoutePlace): Answer {
  const filter = filters.find((item) => item.type === 'RequestRedirect');
  const location = filter === undefined ? undefined : locationOf(filter, request, route);
  if (filter === undefined || location === undefined) return refused(404, 'no-route', route);
  return { kind: 'redirected', status: filter.status, location, route };
}

function locationOf({ to }: RequestRedirect, request: RoutedRequest, { match }: RoutePlace): string | undefined {
  switch (to.kind) {
    case 'url':
      return to.url;
    case 'regex':
      return byExpression(to, request.target);
    case 'parts': {
      const host = to.hostname ?? request.host.replace(/:\d*$/, '');
      const port = to.port === undefined ? '' : `:${String(to.port)}`;
      const target = match === undefined ? request.target : rewrittenTarget(request.target, to.path, match);
      return `${to.scheme ?? request.scheme}://${host}${port}${target}`;
    }
  }
}

function byExpression(to: Extract<RedirectTarget, { kind: 'regex' }>, target: string): string | undefined {
  const { path, query } = partsOf(target);
  const location = replaced(path, to.pattern, to.isCaseSensitive, to.url);
  if (location === undefined || query === undefined || query === '') return location;
  return `${location}${location.includes('?') ? '&' : '?'}${query}`;
}

function refused(status: number, reason: string, route: RoutePlace): Answer {
  return { kind: 'refused', status, reason, route };
}
