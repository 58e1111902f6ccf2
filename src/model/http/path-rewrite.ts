import type { UrlPath } from '../grammar.ts';
import type { PathRegex } from '../path-regex.ts';

declare const brand: unique symbol;

/** What a match is replaced by: characters of a URL, and `$1` to `$9` for what groups have matched; at most 1024 characters. */
export type Replacement = string & { readonly [brand]: 'Replacement' };

/** `text` as a Replacement, or undefined. */
export function replacementOf(text: string): Replacement | undefined {
  const isReplacement = text.length <= 1024 && /^(?:[A-Za-z0-9\-._~:/?@!&'()*+,;=%]|\$[1-9])*$/.test(text);
  // The brand is given here, where the grammar has just been checked.
  return isReplacement ? (text as Replacement) : undefined;
}

/** How the path of a request becomes another one (HTTPPathModifier). The query stays. */
export type PathRewrite =
  | { readonly type: 'ReplaceFullPath'; readonly value: UrlPath }
  /** Of a PathPrefix match: the elements that have matched are replaced. Of any other match: the full path is. */
  | { readonly type: 'ReplacePrefixMatch'; readonly value: UrlPath }
  /** Beyond Gateway API: the whole path becomes the replacement where the pattern matches from its start, and stays where it does not. */
  | {
      readonly type: 'ReplaceRegexMatch';
      readonly pattern: PathRegex;
      readonly isCaseSensitive: boolean;
      readonly replacement: Replacement;
    };
