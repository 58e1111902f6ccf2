import { comparedPath } from '../../../lib/request-path.ts';
import { anchored } from '../answer/expression.ts';

/** A path of an Ingress as it is written, with what decides how ingress-nginx matches it. */
export interface WrittenPath<T> {
  readonly path: string;
  readonly type: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  /** Annotation use-regex. */
  readonly usesRegex: boolean;
  /** Annotation rewrite-target; empty: none. */
  readonly rewriteTarget: string;
  /** What the path leads to. */
  readonly value: T;
}

/** A location of nginx. */
export interface Location<T> {
  readonly kind: 'exact' | 'prefix' | 'regex';
  /** What the path is compared with: the path itself, a beginning of it, or an expression for one, whatever the case of letters. */
  readonly path: string;
  /** Whether what it matches is rewritten. */
  readonly isRewritten: boolean;
  readonly value: T;
}

/** What nginx does with a request. */
export type Located<T> =
  | { readonly kind: 'location'; readonly location: Location<T> }
  /** 301 to the same path with a slash at its end. */
  | { readonly kind: 'slash-added'; readonly path: string }
  /** 404. */
  | { readonly kind: 'none' }
  /** 400. */
  | { readonly kind: 'refused' };

/**
 * The locations that ingress-nginx 1.15.1 makes of the paths of one host (updateServerLocations in controller.go, buildLocation in
 * template.go), in the order in which nginx tries them. Of several equal ones the first stays.
 *
 * A path that is no Exact becomes two: the path itself, and what is below it. When any path of the host is an expression or is rewritten, all
 * are expressions, those of other Ingresses and Exact ones too.
 */
export function locationsOf<T>(paths: readonly WrittenPath<T>[]): readonly Location<T>[] {
  const exact = new Set(paths.filter(({ type }) => type === 'Exact').map(({ path }) => path));
  const drafts = paths.flatMap((path) => draftsOf(path, exact));
  const isRegexHost = drafts.some(({ isRewritten, usesRegex }) => isRewritten || usesRegex);
  const taken = new Set<string>();
  const locations: Location<T>[] = [];
  for (const { kind, path, isRewritten, value } of drafts) {
    const location: Location<T> = { kind: isRegexHost ? 'regex' : kind, path, isRewritten, value };
    const key = `${location.kind} ${path}`;
    if (!taken.has(key)) locations.push(location);
    taken.add(key);
  }
  return locations.sort(inOrderOfTrial);
}

interface Draft<T> extends Omit<Location<T>, 'kind'> {
  readonly kind: 'exact' | 'prefix';
  readonly usesRegex: boolean;
}

function draftsOf<T>(written: WrittenPath<T>, exact: ReadonlySet<string>): readonly Draft<T>[] {
  const { path, type, usesRegex, rewriteTarget, value } = written;
  const draft = (kind: Draft<T>['kind'], text: string): Draft<T> => ({
    kind,
    path: text,
    isRewritten: rewriteTarget !== '' && rewriteTarget !== text,
    usesRegex,
    value,
  });
  if (path === '/') return [draft(type === 'Exact' ? 'exact' : 'prefix', path)];
  if (type === 'Exact') return [draft('exact', path)];
  if (usesRegex || draft('prefix', path).isRewritten) return [draft('prefix', path)];
  const below = draft('prefix', path.endsWith('/') ? path : `${path}/`);
  return exact.has(path) ? [below] : [below, draft('exact', path)];
}

/** Longest first, then from the end of the alphabet: it decides between expressions. */
function inOrderOfTrial(a: { readonly path: string }, b: { readonly path: string }): number {
  return b.path.length - a.path.length || (a.path < b.path ? 1 : a.path > b.path ? -1 : 0);
}

/**
 * Which location nginx chooses for a request target: an equal one, else the longest that begins as the path does, but before that a
 * redirect to a location that is the path with a slash. Of expressions, the first that matches.
 */
export function locate<T>(locations: readonly Location<T>[], target: string): Located<T> {
  const path = comparedPath(target);
  if (path === undefined) return { kind: 'refused' };
  const isRegexHost = locations.some(({ kind }) => kind === 'regex');
  const found = isRegexHost
    ? locations.find((location) => anchored(location.path, true).test(path))
    : locations.find(({ kind, path: text }) => kind === 'exact' && text === path);
  if (found !== undefined) return { kind: 'location', location: found };
  if (isRegexHost) return { kind: 'none' };
  const withSlash = `${path}/`;
  if (locations.some(({ path: text }) => text === withSlash)) return { kind: 'slash-added', path: withSlash };
  const longest = locations.find(({ kind, path: text }) => kind === 'prefix' && path.startsWith(text));
  return longest === undefined ? { kind: 'none' } : { kind: 'location', location: longest };
}
