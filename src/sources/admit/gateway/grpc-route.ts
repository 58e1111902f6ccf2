import type { RouteMatch, RouteRule } from '../../../model/gateway/http-route.ts';
import { EVERY_PATH, NO_CONDITIONS, type PathMatch } from '../../../model/http/match.ts';
import { urlPathOf } from '../../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../../model/object.ts';
import { pathRegexOf } from '../../../model/path-regex.ts';
import type { Change } from '../../change.ts';
import { shown, type Field } from '../field.ts';
import { admitFilters } from './http-filter.ts';
import { admitHeaders } from './http-match.ts';
import { admitBackend, admitRouteTo } from './http-route.ts';

/**
 * Admits a GRPCRoute (gateway.networking.k8s.io/v1), as the HTTP that gRPC is: `/SERVICE/METHOD` is the path of a call
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
export function admitGrpcRoute(raw: Field, meta: ObjectMeta): Change {
  const rules = raw.at('spec').at('rules');
  const value = { ...admitRouteTo(raw, meta), kind: 'GRPCRoute' as const, rules: admitRules(rules) };
  return { table: 'grpcRoutes', key: keyOf(meta), value };
}

/** A route without rules has one for every call that leads nowhere, as CRDs have it. */
function admitRules(rules: Field): readonly RouteRule[] {
  if (!rules.isAbsent) return rules.flatMap(admitRule);
  return [{ matches: [everything(rules.path)], filters: [], backends: [], unsupported: [], field: rules.path }];
}

function everything(field: string): RouteMatch {
  return { path: EVERY_PATH, conditions: NO_CONDITIONS, field };
}

/** Filters that a GRPCRoute may have, of those that an HTTPRoute may have. */
const FILTERS: ReadonlySet<string> = new Set(['RequestHeaderModifier', 'ResponseHeaderModifier']);

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
  const session = field.at('sessionPersistence');
  const backends = field.at('backendRefs').flatMap(admitBackend);
  const foreign = [...filters, ...backends.flatMap((backend) => backend.filters)].filter(
    ({ type }) => !FILTERS.has(type),
  );
  return [
    {
      matches: isForEverything ? [everything(field.path)] : matches.flatMap((match) => admitMatch(match) ?? []),
      filters,
      backends,
      unsupported: [
        ...unsupported,
        ...unknown,
        ...foreign.map(({ type }) => `${field.path}: ${type}, which is not for a GRPCRoute`),
        ...(session.isAbsent ? [] : [session.path]),
      ],
      field: field.path,
    },
  ];
}

/** Undefined where it is not known which calls it is for. */
function admitMatch(field: Field): RouteMatch | undefined {
  const method = field.at('method');
  const path = method.isAbsent ? EVERY_PATH : admitMethod(method);
  const headers = admitHeaders(field.at('headers'));
  const unknown = [...field.unknownNames, ...method.unknownNames];
  if (unknown.length > 0) {
    const names = unknown.map(shown).join(', ');
    field.add('ObjectMalformed', `the match is left out: without ${names} it would take calls that it is not for`);
    return undefined;
  }
  if (path === undefined || headers === undefined || !field.isObject) return undefined;
  const conditions = headers.length === 0 ? NO_CONDITIONS : { ...NO_CONDITIONS, headers };
  return { path, conditions, field: field.path };
}

const SERVICE = /^[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)*$/;
const METHOD = /^[A-Za-z_][A-Za-z_0-9]*$/;

/** GRPCMethodMatch: a service, a method, or both. Undefined, with a Finding, where it cannot be read. */
function admitMethod(field: Field): PathMatch | undefined {
  const type = field.at('type').text() ?? 'Exact';
  const service = partOf(field.at('service'));
  const method = partOf(field.at('method'));
  if (!field.isObject || service === undefined || method === undefined) return undefined;
  if (service === '' && method === '') {
    field.add('ObjectMalformed', 'names no service and no method');
    return undefined;
  }
  if (type === 'RegularExpression') return expression(field, service || '[^/]+', method || '[^/]+');
  if (type !== 'Exact') {
    field.at('type').add('ObjectMalformed', `${shown(type)} is not Exact or RegularExpression`);
    return undefined;
  }
  if (service !== '' && !SERVICE.test(service)) return refused(field.at('service'), service);
  if (method !== '' && !METHOD.test(method)) return refused(field.at('method'), method);
  // More of a service goes before more of a method (GRPCRouteRule.matches): longer than every path, and shorter than every service.
  if (service === '') return expression(field, '[^/]+', method, 1 + method.length / (method.length + 1));
  const value = urlPathOf(method === '' ? `/${service}` : `/${service}/${method}`);
  // Names have no other limit where no CRD has checked them.
  if (value === undefined) return refused(field, `${service}/${method}`);
  return { type: method === '' ? 'PathPrefix' : 'Exact', value };
}

/** Empty where it is absent. */
function partOf(field: Field): string | undefined {
  return field.isAbsent ? '' : field.text();
}

function refused(field: Field, text: string): undefined {
  field.add('ObjectMalformed', `${shown(text)} is not the name of a gRPC service or method`);
  return undefined;
}

function expression(field: Field, service: string, method: string, length?: number): PathMatch | undefined {
  // Each part stands in a group, so that an alternative in one of them ends there.
  for (const part of [service, method]) {
    const alone = pathRegexOf(part);
    if ('regex' in alone) continue;
    field.add('RegexInvalid', `${shown(part)} ${alone.problem}`);
    return undefined;
  }
  const found = pathRegexOf(`/(?:${service})/(?:${method})$`);
  if ('regex' in found)
    return { type: 'RegularExpression', value: found.regex, ...(length === undefined ? {} : { length }) };
  field.add('RegexInvalid', `${shown(service)} and ${shown(method)} ${found.problem}`);
  return undefined;
}
