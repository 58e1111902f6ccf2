import { invariant } from '../../lib/invariant.ts';
import { urlPathOf, type UrlPath } from '../grammar.ts';
import type { PathRegex } from '../path-regex.ts';

/** How a path is matched. `PathPrefix` goes by path elements and never has a trailing slash, but for `/` itself. */
export type PathMatch =
  | { readonly type: 'Exact'; readonly value: UrlPath }
  | { readonly type: 'PathPrefix'; readonly value: UrlPath }
  /** PCRE, anchored at the start of the path and case-sensitive. */
  | { readonly type: 'RegularExpression'; readonly value: PathRegex };

/** Matches every path. */
export const EVERY_PATH: PathMatch = { type: 'PathPrefix', value: rootPath() };

function rootPath(): UrlPath {
  const root = urlPathOf('/');
  invariant(root !== undefined, '"/" is a path');
  return root;
}
