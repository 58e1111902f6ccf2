import { finding, type Finding } from '../../model/finding.ts';
import { hostCovers, type Hostname } from '../../model/grammar.ts';
import { EVERY_PATH, type PathMatch } from '../../model/http/match.ts';
import type { Entrance, HttpRule, Precedence, RouteSet } from '../../model/http/route-set.ts';
import { byAge, keyOf, nameOf } from '../../model/object.ts';
import type { ANY_HOST, BackendId, CertificateId, HostPlan, RouteAction, RoutePlan } from '../plan.ts';
import { effectiveFilters } from './filters.ts';

/** What is known about TLS on one host. */
export interface HostTls {
  /**
   * Namespaces that mean HTTPS to be used: those with a claim for the host or for the wildcard above it. What one namespace says of
   * a host changes nothing for the routes of another, whose clients it would send to a certificate that is not theirs.
   */
  readonly securedBy: ReadonlySet<string>;
  readonly certificate: CertificateId | undefined;
}

/** A rule for a host, and whose it is. */
export interface OwnedRule {
  readonly owner: RouteSet;
  readonly entrance: Entrance;
  readonly rule: HttpRule;
}

/** Looks up the id under which the plan holds a backend. */
export type BackendLookup = (namespace: string, service: string, port: number) => BackendId;

/**
 * Merges all routes of one host and entrance. Of two rules for one match the older object's wins, and the loser
 * learns of it by a Finding. Pure.
 *
 * An exact host whose rules leave paths open refuses these with 404 itself: a request for it must
 * not fall to a wildcard host or to another tenant's catch-all (Ingress, "host rules").
 */
export function hostPlan(
  { host, entrance }: { readonly host: Hostname | typeof ANY_HOST; readonly entrance: Entrance },
  rules: readonly OwnedRule[],
  tls: HostTls,
  backends: BackendLookup,
): { readonly plan: HostPlan; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const taken = new Map<string, OwnedRule>();
  for (const candidate of rules.toSorted(byPrecedence)) {
    const key = matchKey(candidate.rule.match);
    const winner = taken.get(key);
    if (winner === undefined) taken.set(key, candidate);
    else if (isConflict(candidate.rule, winner.rule)) findings.push(conflict(host, candidate, winner));
  }
  const plans = [...taken.values()].map((winner) => routePlan(winner, tls, backends));
  // A host that only a TLS entry names has no rules of its own that could refuse anything.
  const isRouted = rules.length > 0;
  // A regular expression is tried where a plain entry of its host was found, so that there must be one on any host too.
  const hasRegex = plans.some((plan) => plan.match.type === 'RegularExpression');
  if (!taken.has(matchKey(EVERY_PATH)) && (host === '*' ? hasRegex : isRouted)) plans.push(NOT_FOUND);
  return { plan: { host, entrance, routes: plans.sort(byMatch), certificate: tls.certificate }, findings };
}

const NOT_FOUND: RoutePlan = {
  match: EVERY_PATH,
  filters: [],
  action: { kind: 'refuse', status: 404, reason: 'no-route' },
  owner: '',
};

function routePlan({ owner, rule }: OwnedRule, tls: HostTls, backends: BackendLookup): RoutePlan {
  const { target } = rule;
  const action: RouteAction =
    target.kind === 'forward'
      ? { kind: 'forward', backend: backends(target.backend.namespace, target.backend.service, target.backend.port) }
      : { kind: 'refuse', status: target.status ?? 503, reason: target.reason };
  const filters = effectiveFilters(rule.filters, { isSecured: tls.securedBy.has(owner.ref.namespace) });
  return { match: rule.match, filters, action, owner: keyOf(owner.ref) };
}

const PRECEDENCE: Readonly<Record<Precedence, number>> = { rule: 0, fallback: 1, 'last-resort': 2 };

/** Stable: the rules of one object keep their order. */
function byPrecedence(a: OwnedRule, b: OwnedRule): number {
  return PRECEDENCE[a.rule.precedence] - PRECEDENCE[b.rule.precedence] || byAge(a.owner.meta, b.owner.meta);
}

/** To yield is what a default backend is meant for, but not to another one; what flags name yields to everybody. */
function isConflict(loser: HttpRule, winner: HttpRule): boolean {
  return loser.precedence === 'rule' || (loser.precedence === 'fallback' && winner.precedence === 'fallback');
}

function conflict(host: string, loser: OwnedRule, winner: OwnedRule): Finding {
  const { match, field, precedence } = loser.rule;
  const shown = host === '*' ? 'any host' : host;
  const owner = winner.owner === loser.owner ? 'an earlier rule of this object' : nameOf(winner.owner.ref);
  const message = `${match.type} ${match.value} on ${shown} is already routed by ${owner}`;
  const remedy = precedence === 'fallback' ? 'Keep spec.defaultBackend in one of the two.' : undefined;
  return finding('PathConflict', loser.owner.ref, field, message, remedy);
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
