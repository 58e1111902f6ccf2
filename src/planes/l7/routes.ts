import { PersistentMap } from '../../lib/persistent-map.ts';
import { EVERY_PATH, type PathMatch } from '../../model/http/match.ts';
import { pathRegexOf, type PathRegex } from '../../model/path-regex.ts';
import { hostKey, type HostPlan, type RoutePlan } from '../../compile/plan.ts';
import { keyHost, regexKey, routeKey, SPLIT_VALUE, wildcardKey, wildcardValue } from './encode.ts';
import { DATA_MAPS, FILES, type DataMap } from './files.ts';
import { renderRoute, type DataEntry } from './route-value.ts';
import { MAX_PAYLOAD_BYTES, type Rendered, type Step } from './step.ts';

/** A line of the map of regular expressions, less its key. */
interface RegexEntry {
  readonly value: string;
  /** Of the path as it was written. */
  readonly pathLength: number;
  readonly isPrefix: boolean;
}

/** All that stands in maps for one host. */
export interface HostEntries {
  readonly routes: ReadonlyMap<string, string>;
  /** In the map of entrances: where a host below a wildcard looks for its routes. */
  readonly wildcards: ReadonlyMap<string, string>;
  readonly regexes: ReadonlyMap<string, RegexEntry>;
  /** By map and key ({@link dataTarget}). */
  readonly data: ReadonlyMap<string, DataEntry>;
}

const rendered = new WeakMap<HostPlan, HostEntries>();

/**
 * The entries for one host. Among its regular expressions are its prefixes, since a longer prefix
 * goes before a shorter expression, whoever wrote either: `/(.*)` must not take `/team` away from another Ingress.
 */
export function hostEntries(plan: HostPlan): HostEntries {
  const before = rendered.get(plan);
  if (before !== undefined) return before;
  const entries = renderHost(plan);
  rendered.set(plan, entries);
  return entries;
}

function renderHost(plan: HostPlan): HostEntries {
  const routes = new Map<string, string>();
  const regexes = new Map<string, RegexEntry>();
  const data = new Map<string, DataEntry>();
  const hasRegex = plan.routes.some(isRegex);
  if (plan.entrance === 'split') routes.set(routeKey(keyHost(plan), EVERY_PATH), SPLIT_VALUE);
  const valueOf = (route: RoutePlan, hostHasRegex: boolean): string => {
    const { value, data: entries } = renderRoute(hostKey(plan), route, hostHasRegex);
    for (const entry of entries) data.set(dataTarget(entry), entry);
    return value;
  };
  for (const route of plan.routes) {
    const { match } = route;
    const regex = hasRegex ? regexOf(match) : undefined;
    if (regex !== undefined) {
      const isPrefix = match.type === 'PathPrefix';
      const entry = { value: valueOf(route, false), pathLength: lengthOf(match), isPrefix };
      const ignoresCase = match.type === 'RegularExpression' && match.ignoresCase === true;
      regexes.set(regexKey(keyHost(plan), regex, ignoresCase), entry);
    }
    if (match.type !== 'RegularExpression')
      routes.set(routeKey(keyHost(plan), match), valueOf(route, hasRegex && match.type !== 'Exact'));
  }
  // Once for HTTP and HTTPS together, which are told apart by the routes that are found then; of a port of a Gateway for itself.
  const isSaidHere = plan.isDeep === true && (mapOf(plan) === FILES.routes || typeof plan.entrance === 'number');
  const wildcards = new Map(isSaidHere ? [[wildcardKey(plan), wildcardValue(plan.host)]] : []);
  return { routes, wildcards, regexes, data };
}

/** Names an entry among those of all maps of data. */
export function dataTarget({ map, key }: DataEntry): string {
  return `${map} ${key}`;
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

function lengthOf(match: PathMatch): number {
  return (match.type === 'RegularExpression' ? match.length : undefined) ?? match.value.length;
}

function inOrderOfTrial([a, left]: readonly [string, RegexEntry], [b, right]: readonly [string, RegexEntry]): number {
  const byLength = right.pathLength - left.pathLength || Number(right.isPrefix) - Number(left.isPrefix);
  // From the end of the alphabet, as ingress-nginx orders them.
  return byLength || (a < b ? 1 : -1);
}

/**
 * The steps from the routes of some hosts to those of others. Each route changes in one atomic step. The order of regular expressions
 * matters, so that their map is always replaced as a whole.
 */
export function renderRoutes(
  before: PersistentMap<HostPlan>,
  after: PersistentMap<HostPlan>,
  leftovers: ReadonlyMap<string, RetiredData>,
): Rendered & { readonly retired: readonly RetiredData[] } {
  const added: Record<RouteMap, string[]> = { [FILES.routes]: [], [FILES.entrances]: [] };
  const fresh: DataEntry[] = [];
  const retired: RetiredData[] = [];
  const changed: Step[] = [];
  const removed: Step[] = [];
  let regexesChanged = false;
  PersistentMap.diff(before, after, (host, left, right) => {
    const some = right ?? left;
    if (some === undefined) return;
    const map = mapOf(some);
    const old = left === undefined ? EMPTY : hostEntries(left);
    const next = right === undefined ? EMPTY : hostEntries(right);
    for (const [key, value] of next.routes) {
      const known = old.routes.get(key);
      if (known === undefined) added[map].push(`${key} ${value}`);
      else if (known !== value) changed.push({ kind: 'set-route', map, key, value });
    }
    for (const [key, value] of next.wildcards)
      if (!old.wildcards.has(key)) added[FILES.entrances].push(`${key} ${value}`);
    for (const key of old.wildcards.keys())
      if (!next.wildcards.has(key)) removed.push({ kind: 'delete-route', map: FILES.entrances, key });
    for (const [target, entry] of next.data) if (!old.data.has(target) && !leftovers.has(target)) fresh.push(entry);
    for (const [target, { map: inMap, key }] of old.data)
      if (!next.data.has(target)) retired.push({ host, target, map: inMap, key });
    for (const key of old.routes.keys()) if (!next.routes.has(key)) removed.push({ kind: 'delete-route', map, key });
    regexesChanged ||= old.regexes.size > 0 || next.regexes.size > 0;
  });
  const regexes = regexesChanged ? replaceRegexes(regexLines(after)) : [];
  // Entrances first: a host that is split leads there, and what a wildcard leads to comes within the same moment.
  const bulk = ([FILES.entrances, FILES.routes] as const).flatMap((map) =>
    batches(added[map]).map((lines): Step => ({ kind: 'add-routes', map, lines })),
  );
  return { comes: dataSteps(fresh), leads: [...regexes, ...bulk, ...changed, ...removed], goes: [], retired };
}

const EMPTY: HostEntries = { routes: new Map(), wildcards: new Map(), regexes: new Map(), data: new Map() };

/** An entry of data that nothing leads to any more; requests that were led to it before may still look it up. */
export interface RetiredData {
  readonly host: string;
  /** See {@link dataTarget}. */
  readonly target: string;
  readonly map: DataMap;
  readonly key: string;
}

/** Their entries name the ids of other entries. */
const LEADING: ReadonlySet<DataMap> = new Set(['conditions', 'shares']);

function dataSteps(entries: readonly DataEntry[]): readonly Step[] {
  const byMap = new Map<DataMap, string[]>();
  for (const { map, key, value } of entries) byMap.set(map, [...(byMap.get(map) ?? []), `${key} ${value}`]);
  // What leads to other data comes after them.
  const inOrder = [...byMap].sort(([a], [b]) => Number(LEADING.has(a)) - Number(LEADING.has(b)));
  return inOrder.flatMap(([map, lines]) =>
    batches(lines).map((some): Step => ({ kind: 'add-data', map: DATA_MAPS[map], lines: some })),
  );
}

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
