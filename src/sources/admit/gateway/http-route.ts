import type { HTTPRoute, RouteBackend, RouteMatch, RouteRule } from '../../../model/gateway/http-route.ts';
import { LONGEST_TIMEOUT_MS, type Timeouts } from '../../../model/http/filter/timeouts.ts';
import { EVERY_PATH, NO_CONDITIONS } from '../../../model/http/match.ts';
import { keyOf, type ObjectMeta } from '../../../model/object.ts';
import type { Change } from '../../change.ts';
import { shown, type Field } from '../field.ts';
import { admitDuration } from './duration.ts';
import { admitFilters } from './http-filter.ts';
import { admitConditions } from './http-match.ts';
import { admitHostname } from './listener.ts';
import { admitPathMatch, pathToClose } from './path-match.ts';
import { admitBackendReference, admitParent, generationOf } from './reference.ts';

/** Admits an HTTPRoute (gateway.networking.k8s.io/v1). */
export function admitHttpRoute(raw: Field, meta: ObjectMeta): Change {
  const value: HTTPRoute = { ...admitRouteTo(raw, meta), kind: 'HTTPRoute', rules: admitRules(raw.at('spec')) };
  return { table: 'httpRoutes', key: keyOf(meta), value };
}

/** Where a route is attached, and for which hosts. */
export function admitRouteTo(raw: Field, meta: ObjectMeta): Omit<HTTPRoute, 'kind' | 'rules'> {
  const spec = raw.at('spec');
  const hosts = spec.at('hostnames');
  const hostnames = hosts.flatMap((field) => admitHostname(field) ?? []);
  return {
    meta,
    generation: generationOf(raw),
    parents: spec.at('parentRefs').flatMap((field) => admitParent(field) ?? []),
    hostnames,
    // One that is misspelt or misplaced would make the route one for every host.
    hasNoUsableHost:
      hostnames.length === 0 &&
      (hosts.isAbsent ? raw.unknownNames.length + spec.unknownNames.length > 0 : !hosts.isEmpty),
  };
}

/** A route without rules has one for every path that leads nowhere, as CRDs have it. */
function admitRules(spec: Field): readonly RouteRule[] {
  const rules = spec.at('rules');
  if (!rules.isAbsent) return rules.flatMap(admitRule);
  return [{ matches: [everything(rules.path)], filters: [], backends: [], unsupported: [], field: rules.path }];
}

function everything(field: string): RouteMatch {
  return { path: EVERY_PATH, conditions: NO_CONDITIONS, field };
}

/** What a rule may ask for besides that is not served. */
const UNSUPPORTED = ['retry', 'sessionPersistence'];

function admitRule(field: Field): readonly RouteRule[] {
  if (!field.isObject) {
    field.add('ObjectMalformed', 'is not an object with matches and backendRefs');
    return [];
  }
  const matches = field.at('matches');
  const unknown = field.unknownNames.map((name) => field.at(name).path);
  // Where there are no matches, an unknown field may be them.
  const isForEverything = matches.isEmpty && !(matches.isAbsent && unknown.length > 0);
  const { filters, unsupported } = admitFilters(field.at('filters'));
  const timeouts = admitTimeouts(field.at('timeouts'));
  const rule: RouteRule = {
    matches: isForEverything ? [everything(field.path)] : matches.flatMap((match) => admitMatch(match) ?? []),
    filters: timeouts === undefined || timeouts === 'refused' ? filters : [...filters, timeouts],
    backends: field.at('backendRefs').flatMap(admitBackend),
    unsupported: [
      ...unsupported,
      ...unknown,
      ...(timeouts === 'refused' ? [field.at('timeouts').path] : []),
      ...UNSUPPORTED.filter((name) => !field.at(name).isAbsent).map((name) => field.at(name).path),
    ],
    field: field.path,
  };
  return [{ ...rule, unsupported: [...rule.unsupported, ...misplacedIn(rule)] }];
}

/** What CRDs refuse about filters together: a prefix can be replaced only where one was matched, and a redirect forwards nothing. */
function misplacedIn({ matches, filters, backends, field }: RouteRule): readonly string[] {
  const all = [...filters, ...backends.flatMap((backend) => backend.filters)];
  const replacesPrefix = all.some(
    (filter) => 'path' in filter && typeof filter.path === 'object' && filter.path.type === 'ReplacePrefixMatch',
  );
  const isPrefix = matches.length === 1 && matches.every(({ path }) => path.type === 'PathPrefix');
  const isRedirect = filters.some(({ type }) => type === 'RequestRedirect');
  return [
    ...(replacesPrefix && !isPrefix ? [`${field}: replacePrefixMatch without exactly one PathPrefix match`] : []),
    ...(isRedirect && backends.length > 0 ? [`${field}: RequestRedirect beside backendRefs`] : []),
    ...(isRedirect && filters.some(({ type }) => type === 'URLRewrite')
      ? [`${field}: RequestRedirect beside URLRewrite`]
      : []),
  ];
}

/**
 * HTTPRouteTimeouts. Both are held to by how long an endpoint may be silent: there is one try of a request that an endpoint has taken, and no
 * clock over the whole answer.
 */
function admitTimeouts(field: Field): Timeouts | undefined | 'refused' {
  const limits = ['request', 'backendRequest'].map((name) => field.at(name)).filter((item) => !item.isAbsent);
  const durations = limits.map(admitDuration);
  if (durations.includes(undefined)) return 'refused';
  // Zero is no limit at all.
  const given = durations
    .filter((duration) => duration !== undefined)
    .map((ms) => (ms === 0 ? LONGEST_TIMEOUT_MS : ms));
  if (given.length === 0) return undefined;
  const serverMs = Math.min(LONGEST_TIMEOUT_MS, ...given);
  return { type: 'Timeouts', connectMs: undefined, serverMs, tunnelMs: undefined };
}

/** Undefined where it is not known which requests it is for. */
function admitMatch(field: Field): RouteMatch | undefined {
  const read = admitPathMatch(field.at('path'));
  const path = read ?? pathToClose(field.at('path'));
  const conditions = admitConditions(field);
  if (field.unknownNames.length > 0) {
    const names = field.unknownNames.map(shown).join(', ');
    field.add('ObjectMalformed', `the match is left out: without ${names} it would take requests that it is not for`);
    return undefined;
  }
  if (path === undefined || conditions === undefined || !field.isObject) return undefined;
  return { path, conditions, ...(read === undefined ? { isClosed: true } : {}), field: field.path };
}

/** A reference that names nothing stands for its share of the requests all the same, which are answered 500. */
export function admitBackend(field: Field): readonly RouteBackend[] {
  const reference = admitBackendReference(field);
  if (reference === undefined) return [{ ...UNUSABLE, field: field.path }];
  const { filters, unsupported } = admitFilters(field.at('filters'));
  // A redirect of a share of the requests is not served.
  const redirects = filters
    .filter(({ type }) => type === 'RequestRedirect')
    .map(({ type }) => `${field.path}.filters (${type})`);
  const served = filters.filter((filter) => filter.type !== 'RequestRedirect');
  const unknown = field.unknownNames.map((name) => field.at(name).path);
  return [{ ...reference, filters: served, unsupported: [...unsupported, ...redirects, ...unknown] }];
}

/** No object can have this name, so that nothing is found by it. */
const UNUSABLE = {
  group: '',
  kind: 'Service',
  namespace: undefined,
  name: '',
  port: undefined,
  weight: 1,
  filters: [],
  unsupported: [],
};
