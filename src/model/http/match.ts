import { invariant } from '../../lib/invariant.ts';
import { urlPathOf, type UrlPath } from '../grammar.ts';
import type { PathRegex } from '../path-regex.ts';
import type { HeaderName } from './header.ts';

/** How a path is matched. `PathPrefix` goes by path elements and never has a trailing slash, but for `/` itself. */
export type PathMatch =
  | { readonly type: 'Exact'; readonly value: UrlPath }
  | { readonly type: 'PathPrefix'; readonly value: UrlPath }
  /** PCRE, anchored at the start of the path, and case-sensitive unless it says otherwise. */
  | {
      readonly type: 'RegularExpression';
      readonly value: PathRegex;
      readonly ignoresCase?: boolean;
      /** As how long it counts among the paths of its host, of which the longest is tried first; by default as it is. */
      readonly length?: number;
    };

/** Matches every path. */
export const EVERY_PATH: PathMatch = { type: 'PathPrefix', value: pathOf('/') };

/** Matches one path alone. `path` is known to be one. */
export function exactPath(path: string): PathMatch {
  return { type: 'Exact', value: pathOf(path) };
}

function pathOf(text: string): UrlPath {
  const path = urlPathOf(text);
  invariant(path !== undefined, `${JSON.stringify(text)} is a path`);
  return path;
}

/** How a value is compared: as it is, or by PCRE, found anywhere in it unless the expression anchors itself. */
export type ValueMatch =
  | { readonly type: 'Exact'; readonly value: string }
  | { readonly type: 'RegularExpression'; readonly value: PathRegex };

/**
 * What a request has to have besides its path (HTTPRouteMatch): all of it. Of a header or parameter that comes several times, the first
 * counts, as Gateway API recommends.
 */
export interface Conditions {
  /** In capitals. */
  readonly method: string | undefined;
  readonly headers: readonly (ValueMatch & { readonly name: HeaderName })[];
  /** Names and values are compared after percent-decoding; case counts. */
  readonly query: readonly (ValueMatch & { readonly name: string })[];
}

/** Every request has it. */
export const NO_CONDITIONS: Conditions = { method: undefined, headers: [], query: [] };

/** Whether every request fulfils them. */
export function isUnconditional({ method, headers, query }: Conditions): boolean {
  return method === undefined && headers.length === 0 && query.length === 0;
}

/**
 * Which of two conditions is tried first: one with a method before one without, then more headers, then more parameters
 * (HTTPRouteRule.matches). Zero where neither is.
 */
export function bySpecificity(a: Conditions, b: Conditions): number {
  const byMethod = Number(b.method !== undefined) - Number(a.method !== undefined);
  return byMethod || b.headers.length - a.headers.length || b.query.length - a.query.length;
}

/** Names conditions: equal ones have equal keys. */
export function conditionsKey({ method, headers, query }: Conditions): string {
  const values = (list: Conditions['query']): readonly string[] =>
    list.map(({ name, type, value }) => JSON.stringify([name, type, value])).toSorted();
  return JSON.stringify([method ?? '', values(headers), values(query)]);
}
