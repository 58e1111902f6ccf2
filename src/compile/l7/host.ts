import { finding, type Finding } from '../../model/finding.ts';
import { hostCovers, type Hostname } from '../../model/grammar.ts';
import { bySpecificity, conditionsKey, EVERY_PATH, isUnconditional, type PathMatch } from '../../model/http/match.ts';
import type { Entrance, HttpRule, Precedence, RouteSet } from '../../model/http/route-set.ts';
import { byAge, nameOf } from '../../model/object.ts';
import type { Alternative, CertificateId, HostIdentity, HostPlan, RoutePlan } from '../plan.ts';
import type { BackendUse } from './backend-table.ts';
import { destinationOf, type BackendLookup } from './destination.ts';

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
  readonly isDeep: boolean;
  readonly rule: HttpRule;
}

/** A host as it is served, and what that needs. */
export interface CompiledHost {
  readonly plan: HostPlan;
  readonly uses: readonly BackendUse[];
  readonly findings: readonly Finding[];
}

/**
 * Merges all routes of one host and entrance. Of two rules for one match with the same conditions the older object's wins, and the loser
 * learns of it by a Finding. Pure.
 *
 * An exact host whose rules leave paths open refuses these with 404 itself: a request for it must
 * not fall to a wildcard host or to another tenant's catch-all (Ingress, "host rules").
 */
export function hostPlan(
  identity: HostIdentity,
  rules: readonly OwnedRule[],
  tls: HostTls,
  backends: BackendLookup,
): CompiledHost {
  const { host } = identity;
  const findings: Finding[] = [];
  const byPath = new Map<string, OwnedRule[]>();
  const taken = new Map<string, OwnedRule>();
  for (const candidate of rules.toSorted(byPrecedence)) {
    const { match, conditions } = candidate.rule;
    const key = `${matchKey(match)} ${conditionsKey(conditions)}`;
    const winner = taken.get(key);
    if (winner === undefined) {
      taken.set(key, candidate);
      byPath.set(matchKey(match), [...(byPath.get(matchKey(match)) ?? []), candidate]);
    } else if (isConflict(candidate.rule, winner.rule)) findings.push(conflict(host, candidate, winner));
  }
  const uses: BackendUse[] = [];
  const paths = [...byPath.values()];
  const plans = paths.map((candidates) => {
    const destinations = withShorterPaths(candidates, paths).map(({ owner, rule }): Alternative => {
      const found = destinationOf(owner, rule, tls.securedBy, backends);
      uses.push(...found.uses);
      return { ...found.destination, conditions: rule.conditions };
    });
    return routeOf(candidates, destinations);
  });
  // A host that only a TLS entry names has no rules of its own that could refuse anything.
  const isRouted = rules.length > 0;
  // A regular expression is tried where a plain entry of its host was found, so that there must be one on any host too.
  const hasRegex = plans.some((plan) => plan.match.type === 'RegularExpression');
  if (!byPath.has(matchKey(EVERY_PATH)) && (host === '*' ? hasRegex : isRouted)) plans.push(notFound(EVERY_PATH));
  return { plan: { ...identity, routes: plans.sort(byMatch), certificate: tls.certificate }, uses, findings };
}

function notFound(match: PathMatch): RoutePlan {
  return {
    match,
    filters: [],
    action: { kind: 'refuse', status: 404, reason: 'no-route' },
    owner: '',
    ownerKind: undefined,
    alternatives: [],
  };
}

/** The candidates of a path in their order, up to the first that takes everything, wherever that is found: at a shorter path, perhaps. */
function withShorterPaths(
  candidates: readonly OwnedRule[],
  paths: readonly (readonly OwnedRule[])[],
): readonly OwnedRule[] {
  const match = matchOf(candidates);
  const others = paths
    .filter((path) => path !== candidates && covers(matchOf(path), match))
    .sort((a, b) => matchOf(b).value.length - matchOf(a).value.length);
  const all = [candidates, ...others].flatMap((path) => path.toSorted(byConditions));
  const end = all.findIndex(({ rule }) => isUnconditional(rule.conditions));
  return end < 0 ? all : all.slice(0, end + 1);
}

function matchOf(candidates: readonly OwnedRule[]): PathMatch {
  return candidates[0]?.rule.match ?? EVERY_PATH;
}

/** Whether every path that `match` takes is below `prefix`, as far as can be said. */
function covers(prefix: PathMatch, match: PathMatch): boolean {
  if (prefix.type !== 'PathPrefix') return false;
  if (prefix.value === '/') return true;
  return match.type !== 'RegularExpression' && `${match.value}/`.startsWith(`${prefix.value}/`);
}

function routeOf(candidates: readonly OwnedRule[], destinations: readonly Alternative[]): RoutePlan {
  const match = matchOf(candidates);
  const last = destinations.at(-1);
  if (last === undefined || !isUnconditional(last.conditions)) {
    return { ...notFound(match), alternatives: destinations };
  }
  const { conditions: _, ...rest } = last;
  return { ...rest, alternatives: destinations.slice(0, -1) };
}

const PRECEDENCE: Readonly<Record<Precedence, number>> = { rule: 0, fallback: 1, 'last-resort': 2 };

/** Stable: the rules of one object keep their order. */
function byPrecedence(a: OwnedRule, b: OwnedRule): number {
  return PRECEDENCE[a.rule.precedence] - PRECEDENCE[b.rule.precedence] || byAge(a.owner.meta, b.owner.meta);
}

/** Of rules for one path; stable. */
function byConditions(a: OwnedRule, b: OwnedRule): number {
  return bySpecificity(a.rule.conditions, b.rule.conditions);
}

/** To yield is what a default backend is meant for, but not to another one; what flags name yields to everybody. */
function isConflict(loser: HttpRule, winner: HttpRule): boolean {
  return loser.precedence === 'rule' || (loser.precedence === 'fallback' && winner.precedence === 'fallback');
}

function conflict(host: string, loser: OwnedRule, winner: OwnedRule): Finding {
  const { match, field, precedence, conditions } = loser.rule;
  const shown = host === '*' ? 'any host' : host;
  const owner = winner.owner === loser.owner ? 'an earlier rule of this object' : nameOf(winner.owner.ref);
  const same = isUnconditional(conditions) ? '' : ' with the same conditions';
  const message = `${match.type} ${match.value} on ${shown}${same} is already routed by ${owner}`;
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
