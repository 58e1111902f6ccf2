import type { HTTPRoute, RouteBackend, RouteMatch, RouteRule } from '../../../model/gateway/http-route.ts';
import { EVERY_PATH } from '../../../model/http/match.ts';
import { keyOf, type ObjectMeta } from '../../../model/object.ts';
import type { Change } from '../../change.ts';
import type { Field } from '../field.ts';
import { admitHostname } from './listener.ts';
import { admitPathMatch } from './path-match.ts';
import { admitBackendReference, admitParent, generationOf } from './reference.ts';

/** Admits an HTTPRoute (gateway.networking.k8s.io/v1). */
export function admitHttpRoute(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const hosts = spec.at('hostnames');
  const hostnames = hosts.flatMap((field) => admitHostname(field) ?? []);
  const value: HTTPRoute = {
    meta,
    generation: generationOf(raw),
    parents: spec.at('parentRefs').flatMap((field) => admitParent(field) ?? []),
    hostnames,
    hasNoUsableHost: hostnames.length === 0 && !hosts.isEmpty,
    rules: admitRules(spec),
  };
  return { table: 'httpRoutes', key: keyOf(meta), value };
}

/** A route without rules has one for every path that leads nowhere, as CRDs have it. */
function admitRules(spec: Field): readonly RouteRule[] {
  const rules = spec.at('rules');
  if (!rules.isAbsent) return rules.flatMap(admitRule);
  return [{ matches: [everything(rules.path)], backends: [], unsupported: [], field: rules.path }];
}

function everything(field: string): RouteMatch {
  return { path: EVERY_PATH, unsupported: [], field };
}

/** What a rule may ask for besides matches and backends. */
const RULE_FEATURES = ['timeouts', 'retry', 'sessionPersistence'];

function admitRule(field: Field): readonly RouteRule[] {
  if (!field.isObject) {
    field.add('ObjectMalformed', 'is not an object with matches and backendRefs');
    return [];
  }
  const matches = field.at('matches');
  const filters = field.at('filters').items();
  return [
    {
      matches: matches.isEmpty ? [everything(field.path)] : matches.flatMap((match) => admitMatch(match) ?? []),
      backends: field.at('backendRefs').flatMap(admitBackend),
      unsupported: [
        ...filters.map((filter) => `${filter.path} (${filter.at('type').text() ?? 'no type'})`),
        ...RULE_FEATURES.filter((name) => !field.at(name).isAbsent).map((name) => field.at(name).path),
      ],
      field: field.path,
    },
  ];
}

/** What a match may ask for besides the path. */
const MATCH_FEATURES = ['headers', 'queryParams', 'method'];

/** Undefined where it is not known which requests it is for. */
function admitMatch(field: Field): RouteMatch | undefined {
  const path = admitPathMatch(field.at('path'));
  if (path === undefined || !field.isObject) return undefined;
  const unsupported = MATCH_FEATURES.map((name) => field.at(name)).filter((item) => !item.isEmpty);
  return { path, unsupported: unsupported.map((item) => item.path), field: field.path };
}

/** A reference that names nothing stands for its share of the requests all the same, which are answered 500. */
function admitBackend(field: Field): readonly RouteBackend[] {
  const reference = admitBackendReference(field);
  if (reference === undefined) return [{ ...UNUSABLE, field: field.path }];
  const filters = field.at('filters');
  return [{ ...reference, unsupported: filters.isEmpty ? [] : [filters.path] }];
}

/** No object can have this name, so that nothing is found by it. */
const UNUSABLE = {
  group: '',
  kind: 'Service',
  namespace: undefined,
  name: '',
  port: undefined,
  weight: 1,
  unsupported: [],
};
