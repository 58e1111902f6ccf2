import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { HostPlan, L7Plan } from '../../plan.ts';
import { answerOf, type Answer } from './answer.ts';
import { isSameOutcome, outcomeOf, outcomeText, type Outcome } from './outcome.ts';
import { probesFor } from './probes.ts';
import type { RoutedRequest } from './request.ts';

/** Requests that are answered otherwise by another plan, all in one way. */
export interface RequestDifference {
  /** As the plans name it: `*` for any that is not named, `*.parent` for those below. */
  readonly host: string;
  readonly schemes: readonly RoutedRequest['scheme'][];
  /** The path that the request is matched by, of the plan after, or before where nothing is left; such as `Prefix /cart`. */
  readonly path: string;
  /** What the request has to have besides; empty: nothing. */
  readonly condition: string;
  /** One of these requests, or some: path and query. */
  readonly examples: readonly string[];
  readonly before: string;
  readonly after: string;
  /** `namespace/name` of the objects whose routes these were and are. */
  readonly owners: readonly string[];
  /** What differs most: where requests go, with which status they are answered, or what is done to them on their way. */
  readonly kind: 'target' | 'status' | 'path' | 'filters';
}

/** How many examples are kept of a class. */
const MAX_EXAMPLES = 3;

/** What a request is answered by two plans. */
interface Pair {
  readonly request: RoutedRequest;
  readonly condition: string;
  readonly before: Answer;
  readonly after: Answer;
  readonly old: Outcome;
  readonly now: Outcome;
}

/**
 * What changes for requests from one plan to another, as classes. Each host whose routes differ is asked for with requests that tell its
 * routes apart, by both plans. Pure; nothing is sent.
 */
export function requestDifferences(before: L7Plan, after: L7Plan): readonly RequestDifference[] {
  const found = new Map<string, RequestDifference>();
  for (const [host, plans] of changedHosts(before, after)) {
    for (const request of probesFor(plans)) {
      for (const scheme of ['http', 'https'] as const) {
        const pair = pairOf({ ...request, scheme }, before, after);
        if (isSameOutcome(pair.old, pair.now)) continue;
        collect(found, host, pair, scheme);
      }
    }
  }
  return [...found.values()];
}

/** Hosts, by the key that stands for both schemes, with all that either plan has of them. */
function changedHosts(before: L7Plan, after: L7Plan): ReadonlyMap<string, readonly HostPlan[]> {
  const changed = new Map<string, HostPlan[]>();
  PersistentMap.diff(before.hosts, after.hosts, (key, left, right) => {
    const name = key.replace(/^[a-z0-9]+\|/, '');
    const plans = [left, right].filter((plan) => plan !== undefined);
    changed.set(name, [...(changed.get(name) ?? []), ...plans]);
  });
  return new Map([...changed].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function pairOf(request: RoutedRequest, before: L7Plan, after: L7Plan): Pair {
  const [old, now] = [answerOf(before, request), answerOf(after, request)];
  const headers = Object.entries(request.headers).map(([name, value]) => `header ${name}=${value}`);
  const method = request.method === 'GET' ? [] : [`method=${request.method}`];
  return {
    request,
    condition: [...method, ...headers].join(', '),
    before: old,
    after: now,
    old: outcomeOf(old, before),
    now: outcomeOf(now, after),
  };
}

function collect(
  found: Map<string, RequestDifference>,
  host: string,
  pair: Pair,
  scheme: RoutedRequest['scheme'],
): void {
  const { request, condition, before, after, old, now } = pair;
  const places = [before.route, after.route];
  const path = pathText(after) === '' ? pathText(before) : pathText(after);
  const key = [host, condition, pathText(before), pathText(after), old.target, old.status, now.target, now.status].join(
    '\n',
  );
  const known = found.get(key);
  const { target } = request;
  found.set(key, {
    host,
    schemes: [...new Set([...(known?.schemes ?? []), scheme])],
    path,
    condition,
    examples: [...new Set([...(known?.examples ?? []), target])].slice(0, MAX_EXAMPLES),
    before: known?.before ?? outcomeText(old, target),
    after: known?.after ?? withChanged(outcomeText(now, target), old, now),
    owners: [...new Set([...(known?.owners ?? []), ...places.flatMap(({ owner }) => (owner === '' ? [] : [owner]))])],
    kind: kindOf(old, now),
  });
}

function pathText({ route: { match } }: Answer): string {
  if (match === undefined) return '';
  const word = { Exact: 'Exact', PathPrefix: 'Prefix', RegularExpression: 'expression' }[match.type];
  return `${word} ${match.value}`;
}

function withChanged(text: string, old: Outcome, now: Outcome): string {
  const isAlike = old.target === now.target && old.status === now.status && old.path === now.path;
  return isAlike && old.filters.join() === now.filters.join() ? `${text}: what these do is changed` : text;
}

function kindOf(old: Outcome, now: Outcome): RequestDifference['kind'] {
  if (old.target !== now.target && old.target !== '' && now.target !== '') return 'target';
  if (old.status !== now.status) return 'status';
  return old.path === now.path ? 'filters' : 'path';
}
