import { comparedPath } from '../../../lib/request-path.ts';
import type { PathMatch } from '../../../model/http/match.ts';
import type { PathRewrite } from '../../../model/http/path-rewrite.ts';
import { anchored } from './expression.ts';
import { partsOf } from './request.ts';

/** The target that a rewrite makes of the one that was asked for. `match` is that of the route. */
export function rewrittenTarget(target: string, rewrite: PathRewrite | undefined, match: PathMatch): string {
  const { path, query } = partsOf(target);
  const other = rewrite === undefined ? undefined : replacedPath(path, rewrite, match);
  if (other === undefined) return target;
  if (query === undefined || query === '') return other;
  return `${other}${other.includes('?') ? '&' : '?'}${query}`;
}

function replacedPath(path: string, rewrite: PathRewrite, match: PathMatch): string | undefined {
  if (rewrite.type === 'ReplaceRegexMatch')
    return replaced(path, rewrite.pattern, rewrite.isCaseSensitive, rewrite.replacement);
  if (rewrite.type === 'ReplaceFullPath' || match.type !== 'PathPrefix') return rewrite.value;
  const resolved = comparedPath(path) ?? path;
  const rest = /%|\/\/|\/\./.test(path) ? encoded(resolved.slice(cutOf(match.value))) : path.slice(cutOf(match.value));
  const made = `${rewrite.value.replace(/\/$/, '')}${rest}`;
  return made === '' ? '/' : made;
}

/** "/" as a prefix is every path, of which nothing is cut off. */
function cutOf(prefix: string): number {
  return prefix === '/' ? 0 : prefix.length;
}

/** What a replacement makes of a path by an expression that has to match at its start; undefined where it does not. */
export function replaced(
  path: string,
  pattern: string,
  isCaseSensitive: boolean,
  replacement: string,
): string | undefined {
  const found = anchored(pattern, !isCaseSensitive).exec(comparedPath(path) ?? path);
  if (found === null) return undefined;
  return replacement.replaceAll(/\$(\d)/g, (_, digit: string) => encoded(found[Number(digit)] ?? ''));
}

/** A text that was decoded, in a URL again, as `sluice_encoded` in `sluice.lua` has it. */
function encoded(text: string): string {
  const escaped = text.replaceAll(/%(\d?\d?)/g, (_, digits: string) => `${digits === '23' ? '%' : '%25'}${digits}`);
  return escaped.replaceAll(/[^\x21-\x7e]|["<>\\^`{|}?]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return `%${code.padStart(2, '0')}`;
  });
}
