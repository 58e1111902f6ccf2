import { finding, type Finding } from '../../model/finding.ts';
import { hostCovers, type Hostname } from '../../model/grammar.ts';
import type { HttpRoute, HttpRule, PathMatch } from '../../model/http-route.ts';
import { byAge, keyOf, nameOf } from '../../model/object.ts';
import type { ANY_HOST, BackendId, CertificateId, HostPlan, RouteAction, RoutePlan } from '../plan.ts';
import { EVERY_PATH } from './ingress-route.ts';

/** What is known about TLS on one host. */
export interface HostTls {
  /** Whether HTTPS is meant to be used: a claim exists for the host or for the wildcard above it. */
  readonly isSecure: boolean;
  readonly certificate: CertificateId | undefined;
}

interface Candidate {
  readonly route: HttpRoute;
  readonly rule: HttpRule;
}

/** Looks up the id under which the plan holds a backend. */
export type BackendLookup = (namespace: string, service: string, port: number) => BackendId;

/**
 * Merges all routes of one host. Of two rules for one match the older object's wins, and the loser
 * learns of it by a Finding. Pure.
 *
 * An exact host whose rules leave paths open refuses these with 404 itself: a request for it must
 * not fall to a wildcard host or to another tenant's catch-all (Ingress, "host rules").
 */
export function hostPlan(
  host: Hostname | typeof ANY_HOST,
  routes: readonly HttpRoute[],
  tls: HostTls,
  backends: BackendLookup,
): { readonly plan: HostPlan; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const taken = new Map<string, Candidate>();
  const ordered = routes
    .toSorted((a, b) => byAge(a.ownerMeta, b.ownerMeta))
    .flatMap((route) => route.rules.map((rule) => ({ route, rule })));
  for (const candidate of [
    ...ordered.filter((item) => !item.rule.isFallback),
    ...ordered.filter((item) => item.rule.isFallback),
  ]) {
    const key = matchKey(candidate.rule.match);
    const winner = taken.get(key);
    if (winner === undefined) taken.set(key, candidate);
    else if (isConflict(candidate, winner))
      findings.push(conflict(host, candidate.route, candidate.rule, winner.route));
  }
  const plans = [...taken.values()].map(({ route, rule }) => routePlan(route, rule, tls.isSecure, backends));
  // A host that only a TLS entry names has no rules of its own that could refuse anything.
  const isRouted = routes.length > 0;
  // A regular expression is tried where a plain entry of its host was found, so that there must be one on any host too.
  const hasRegex = plans.some((plan) => plan.match.type === 'RegularExpression');
  if (!taken.has(matchKey(EVERY_PATH)) && (host === '*' ? hasRegex : isRouted)) plans.push(NOT_FOUND);
  return { plan: { host, routes: plans.sort(byMatch), certificate: tls.certificate }, findings };
}

const NOT_FOUND: RoutePlan = {
  match: EVERY_PATH,
  filters: [],
  action: { kind: 'refuse', status: 404, reason: 'no-route' },
  owner: '',
};

function routePlan(route: HttpRoute, rule: HttpRule, isSecure: boolean, backends: BackendLookup): RoutePlan {
  const { target } = rule;
  const action: RouteAction =
    target.kind === 'forward'
      ? { kind: 'forward', backend: backends(target.backend.namespace, target.backend.service, target.backend.port) }
      : { kind: 'refuse', status: 503, reason: target.reason };
  const filters = isSecure ? rule.filters : rule.filters.filter((filter) => filter.type !== 'RequestRedirect');
  return { match: rule.match, filters, action, owner: keyOf(route.owner) };
}

/** A default backend yields to rules, as it is meant to, and that of --default-backend-service to every other. */
function isConflict(loser: Candidate, winner: Candidate): boolean {
  return !loser.rule.isFallback || (winner.rule.isFallback && loser.route.owner.kind === 'Ingress');
}

function conflict(host: string, route: HttpRoute, rule: HttpRule, winner: HttpRoute): Finding {
  const shown = host === '*' ? 'any host' : host;
  const owner = keyOf(winner.owner) === keyOf(route.owner) ? 'an earlier rule of this object' : nameOf(winner.owner);
  const message = `${rule.match.type} ${rule.match.value} on ${shown} is already routed by ${owner}`;
  const remedy = rule.isFallback ? 'Keep spec.defaultBackend in one of the two.' : undefined;
  return finding('PathConflict', route.owner, rule.field, message, remedy);
}

function matchKey(match: PathMatch): string {
  return `${match.type} ${match.value}`;
}

const TYPE_ORDER: Readonly<Record<PathMatch['type'], number>> = { Exact: 0, PathPrefix: 1, RegularExpression: 2 };

function byMatch(a: RoutePlan, b: RoutePlan): number {
  const order = TYPE_ORDER[a.match.type] - TYPE_ORDER[b.match.type];
  if (order !== 0) return order;
  return a.match.value < b.match.value ? -1 : a.match.value > b.match.value ? 1 : 0;
}

/** The wildcard name directly above a host, `*.parent`; undefined for a wildcard or a single label. */
export function wildcardAbove(host: Hostname): Hostname | undefined {
  const dot = host.indexOf('.');
  if (dot < 0 || host.startsWith('*.')) return undefined;
  const above = `*${host.slice(dot)}`;
  // A suffix of a Hostname after "*." is one by its grammar; hostCovers states the relation.
  return hostCovers(above, host) ? (above as Hostname) : undefined;
}
