import type { HttpFilter } from '../../../model/http/filter.ts';
import { exactPath, EVERY_PATH, type PathMatch } from '../../../model/http/match.ts';
import { urlPathOf } from '../../../model/grammar.ts';
import { coverOf, pathRegexOf, type PathRegex } from '../../../model/path-regex.ts';
import type { HttpRule } from '../../../model/http/route-set.ts';
import { byAge } from '../../../model/object.ts';
import type { OwnedRule } from '../host.ts';
import { locationsOf, type Location, type WrittenPath } from './locations.ts';

/**
 * The rules of one host as ingress-nginx reads them (`--compat strict-nginx`): those that matching by the Ingress API would not give are
 * replaced. Rules that no Ingress wrote stay as they are.
 */
export function nginxRules(rules: readonly OwnedRule[]): readonly OwnedRule[] {
  const written = rules.toSorted((a, b) => byAge(a.owner.meta, b.owner.meta)).flatMap(writtenPathOf);
  const others = rules.filter(({ rule }) => rule.nginx === undefined);
  const locations = locationsOf(written);
  return [...others, ...locations.map(ruleOf), ...slashRules(locations)];
}

function writtenPathOf(owned: OwnedRule): readonly WrittenPath<OwnedRule>[] {
  return owned.rule.nginx === undefined ? [] : [{ ...owned.rule.nginx, value: owned }];
}

function ruleOf({ kind, path, isRewritten, value: { rule, ...whose } }: Location<OwnedRule>): OwnedRule {
  const pattern = expressionOf(path);
  const filters = rule.filters.flatMap((filter) => filtersAt(filter, isRewritten ? pattern.regex : undefined));
  const match = kind === 'regex' && path !== '/' ? regexMatch(pattern.regex) : plainMatch(kind, path);
  // One that cannot be had is not to let its requests fall to another path.
  const isLost = kind === 'regex' && pattern.isCover;
  const target: HttpRule['target'] = isLost ? { kind: 'unavailable', reason: 'backend-invalid' } : rule.target;
  return {
    ...whose,
    rule: {
      ...rule,
      match: match ?? rule.match,
      filters: isLost ? [] : filters,
      target,
      variants: isLost ? [] : rule.variants,
    },
  };
}

function regexMatch(value: PathRegex): PathMatch {
  return { type: 'RegularExpression', value, ignoresCase: true };
}

function plainMatch(kind: Location<unknown>['kind'], path: string): PathMatch | undefined {
  if (path === '/' && kind !== 'exact') return EVERY_PATH;
  if (kind === 'exact') return urlPathOf(path) === undefined ? undefined : exactPath(path);
  const prefix = urlPathOf(path.replace(/\/$/, ''));
  return prefix === undefined ? undefined : { type: 'PathPrefix', value: prefix };
}

function expressionOf(path: string): { readonly regex: PathRegex; readonly isCover: boolean } {
  const found = pathRegexOf(path);
  return 'regex' in found ? { regex: found.regex, isCover: false } : { regex: coverOf(path), isCover: true };
}

/** What is rewritten is rewritten by the expression of the location; a location that is none is not rewritten at all. */
function filtersAt(filter: HttpFilter, pattern: PathRegex | undefined): readonly HttpFilter[] {
  if (filter.type === 'URLRewrite' && filter.path?.type === 'ReplaceRegexMatch') {
    if (pattern !== undefined) return [{ ...filter, path: { ...filter.path, pattern } }];
    return filter.host === undefined ? [] : [{ ...filter, path: undefined }];
  }
  if (filter.type === 'RequestRedirect' && filter.to.kind === 'regex')
    return pattern === undefined ? [] : [{ ...filter, to: { ...filter.to, pattern } }];
  return [filter];
}

/** nginx sends a request for a location without its last slash to the location. */
function slashRules(locations: readonly Location<OwnedRule>[]): readonly OwnedRule[] {
  const exact = new Set(locations.flatMap(({ kind, path }) => (kind === 'exact' ? [path] : [])));
  return locations.flatMap(({ kind, path, value }) => {
    const bare = path.slice(0, -1);
    if (kind === 'regex' || path === '/' || !path.endsWith('/') || exact.has(bare)) return [];
    exact.add(bare);
    return addingSlash(value, bare, path);
  });
}

function addingSlash({ rule, ...whose }: OwnedRule, bare: string, path: string): readonly OwnedRule[] {
  const value = urlPathOf(path);
  if (value === undefined) return [];
  const to = { kind: 'parts', scheme: undefined, hostname: undefined, port: undefined } as const;
  const rewrite = { type: 'ReplaceFullPath', value } as const;
  const filters: readonly HttpFilter[] = [{ type: 'RequestRedirect', status: 301, to: { ...to, path: rewrite } }];
  return [{ ...whose, rule: { ...rule, match: exactPath(bare), filters, target: { kind: 'none' }, variants: [] } }];
}
