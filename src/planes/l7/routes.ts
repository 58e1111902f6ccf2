import { PersistentMap } from '../../lib/persistent-map.ts';
import { EVERY_PATH, type PathMatch } from '../../model/http/match.ts';
import { pathRegexOf, type PathRegex } from '../../model/path-regex.ts';
import type { HostPlan, RoutePlan } from '../../compile/plan.ts';
import { keyHost, regexKey, routeKey, routeValue, SPLIT_VALUE } from './encode.ts';
import { FILES } from './files.ts';
import { MAX_PAYLOAD_BYTES, type Rendered, type Step } from './step.ts';

/** A line of the map of regular expressions, less its key. */
interface RegexEntry {
  readonly value: string;
  /** Of the path as it was written. */
  readonly pathLength: number;
  readonly isPrefix: boolean;
}

/**
 * The entries of the route map for one host, and its regular expressions. Among these are its prefixes, since a longer prefix
 * goes before a shorter expression, whoever wrote either: `/(.*)` must not take `/team` away from another Ingress.
 */
export function hostEntries(plan: HostPlan): {
  readonly routes: ReadonlyMap<string, string>;
  readonly regexes: ReadonlyMap<string, RegexEntry>;
} {
  const routes = new Map<string, string>();
  const regexes = new Map<string, RegexEntry>();
  const hasRegex = plan.routes.some(isRegex);
  if (plan.entrance === 'split') routes.set(routeKey(keyHost(plan), EVERY_PATH), SPLIT_VALUE);
  for (const route of plan.routes) {
    const { match } = route;
    const regex = hasRegex ? regexOf(match) : undefined;
    if (regex !== undefined) {
      const isPrefix = match.type === 'PathPrefix';
      const entry = { value: routeValue(route, false), pathLength: match.value.length, isPrefix };
      regexes.set(regexKey(keyHost(plan), regex), entry);
    }
    if (match.type !== 'RegularExpression')
      routes.set(routeKey(keyHost(plan), match), routeValue(route, hasRegex && match.type !== 'Exact'));
  }
  return { routes, regexes };
}

/** A map of routes. */
type RouteMap = typeof FILES.routes | typeof FILES.entrances;

/** The map in which the routes of a host stand. */
export function mapOf({ entrance }: HostPlan): RouteMap {
  return entrance === 'main' || entrance === 'split' ? FILES.routes : FILES.entrances;
}

/** Undefined where the plain entry says it all: Exact goes before every expression, and the prefix of every path before none. */
function regexOf(match: PathMatch): PathRegex | undefined {
  if (match.type === 'RegularExpression') return match.value;
  if (match.type === 'Exact' || match.value === '/') return undefined;
  const found = pathRegexOf(`${match.value.replaceAll(/[^A-Za-z0-9/_-]/g, String.raw`\$&`)}(?:/|$)`);
  return 'regex' in found ? found.regex : undefined;
}

function isRegex({ match }: RoutePlan): boolean {
  return match.type === 'RegularExpression';
}

/** Lines of the map of regular expressions: longest path first, as ingress-nginx orders them, and of equally long ones prefixes. */
export function regexLines(hosts: PersistentMap<HostPlan>): readonly string[] {
  const entries = [...hosts.values()]
    .filter((host) => host.routes.some(isRegex))
    .flatMap((host) => [...hostEntries(host).regexes]);
  return entries.sort(inOrderOfTrial).map(([key, { value }]) => `${key} ${value}`);
}

function inOrderOfTrial([a, left]: readonly [string, RegexEntry], [b, right]: readonly [string, RegexEntry]): number {
  const byLength = right.pathLength - left.pathLength || Number(right.isPrefix) - Number(left.isPrefix);
  return byLength || (a < b ? -1 : 1);
}

/**
 * The steps from the routes of some hosts to those of others. Each route changes in one atomic step. The order of regular expressions
 * matters, so that their map is always replaced as a whole.
 */
export function renderRoutes(before: PersistentMap<HostPlan>, after: PersistentMap<HostPlan>): Rendered {
  const added: Record<RouteMap, string[]> = { [FILES.routes]: [], [FILES.entrances]: [] };
  const changed: Step[] = [];
  const removed: Step[] = [];
  let regexesChanged = false;
  PersistentMap.diff(before, after, (_, left, right) => {
    const host = right ?? left;
    if (host === undefined) return;
    const map = mapOf(host);
    const old = left === undefined ? EMPTY : hostEntries(left);
    const next = right === undefined ? EMPTY : hostEntries(right);
    for (const [key, value] of next.routes) {
      const known = old.routes.get(key);
      if (known === undefined) added[map].push(`${key} ${value}`);
      else if (known !== value) changed.push({ kind: 'set-route', map, key, value });
    }
    for (const key of old.routes.keys()) if (!next.routes.has(key)) removed.push({ kind: 'delete-route', map, key });
    regexesChanged ||= old.regexes.size > 0 || next.regexes.size > 0;
  });
  const regexes = regexesChanged ? replaceRegexes(regexLines(after)) : [];
  // Entrances first: a host that is split leads there.
  const bulk = ([FILES.entrances, FILES.routes] as const).flatMap((map) =>
    batches(added[map]).map((lines): Step => ({ kind: 'add-routes', map, lines })),
  );
  return { comes: [], leads: [...regexes, ...bulk, ...changed, ...removed], goes: [] };
}

const EMPTY: ReturnType<typeof hostEntries> = { routes: new Map(), regexes: new Map() };

function replaceRegexes(lines: readonly string[]): readonly Step[] {
  const map = FILES.regexes;
  const fill = lines.map((line): Step => ({ kind: 'fill-map', map, lines: [line] }));
  return [{ kind: 'prepare-map', map }, ...fill, { kind: 'commit-map', map }];
}

/** Lines in as few payloads as take them. */
function batches(lines: readonly string[]): readonly (readonly string[])[] {
  const result: string[][] = [];
  let room = 0;
  for (const line of lines) {
    room -= line.length + 1;
    if (room >= 0) result.at(-1)?.push(line);
    else {
      result.push([line]);
      room = MAX_PAYLOAD_BYTES - line.length - 1;
    }
  }
  return result;
}
