import type { PathRewrite } from '../../../model/http/path-rewrite.ts';
import type { UrlRewrite } from '../../../model/http/filter/url-rewrite.ts';
import { cutAndText, encodedPattern } from '../encode-data.ts';
import { DATA_MAPS } from '../files.ts';
import { IS_RESOLVED } from '../path-resolution.ts';
import { hasData } from '../stages.ts';
import { prefixOf, type Datum, type FilterData } from './filter-data.ts';

/** `cut|text|host`. */
export const urlRewrite: FilterData<UrlRewrite> = {
  flag: '',
  data: ({ host, path }, match) => [
    { map: 'rewrites', suffix: '', value: [...cutAndText(path, prefixOf(match)), host ?? ''].join('|') },
    ...patternData(path),
  ],
};

/** The expression of a rewrite by one. */
export function patternData(path: PathRewrite | undefined): readonly Datum[] {
  if (path?.type !== 'ReplaceRegexMatch') return [];
  const value = encodedPattern(path.pattern, path.isCaseSensitive, path.replacement);
  return [{ map: 'patterns', suffix: '', value }];
}

/** Has `sluice.lua` replace the path by the pattern of the route, into `txn.replaced`, which is empty where the pattern does not match. */
export function replaceByPattern(condition: string): readonly string[] {
  return [
    `http-request set-var(txn.path) path,lua.sluice_path ${condition} !{ var(txn.path) -m found }`,
    String.raw`http-request set-var-fmt(txn.pattern_of) "%[var(txn.rid)]\n%[var(txn.path)]" ${condition}`,
    `http-request set-var(txn.replaced) var(txn.pattern_of),lua.sluice_replace ${condition}`,
  ];
}

/**
 * What of the path stays behind the first `txn.cut` bytes, into `txn.rest`. A path that was looked up otherwise than it was written is cut
 * as it was looked up: of `/./%66oo`, the bytes that match the prefix `/foo` are others, and what stays could lead out of the new one.
 */
export function cutRules(condition: string): readonly string[] {
  return [
    `http-request set-var(txn.rest) path,bytes(txn.cut) ${condition} !${IS_RESOLVED}`,
    `http-request set-var(txn.rest) var(txn.path),bytes(txn.cut),lua.sluice_encoded ${condition} ${IS_RESOLVED}`,
  ];
}

/** Whether {@link replaceByPattern} has found something. */
export const IS_REPLACED = '{ var(txn.replaced) -m len gt 0 }';

const WANTED = '{ var(txn.rewrite) -m found }';
const REPLACED = `{ var(txn.replaced) -m found } ${IS_REPLACED}`;

export const urlRewriteRules: readonly string[] = [
  `http-request set-var(txn.rewrite) var(txn.rid),map_str(${DATA_MAPS.rewrites}) if ${hasData('rewrites')}`,
  `http-request set-var(txn.rewritten_host) var(txn.rewrite),field(3,|) if ${WANTED}`,
  // The client's is told to backends as X-Forwarded-Host.
  'http-request set-header host %[var(txn.rewritten_host)] if { var(txn.rewritten_host) -m len gt 0 }',
  ...replaceByPattern(`if ${WANTED} { var(txn.rewrite) -m beg regex }`),
  `http-request set-var(txn.cut) var(txn.rewrite),field(1,|),add(0) if ${WANTED} !{ var(txn.rewrite) -m beg regex }`,
  ...cutRules('if { var(txn.cut) -m found }'),
  'http-request set-var-fmt(txn.replaced) "%[var(txn.rewrite),field(2,|)]%[var(txn.rest)]" if { var(txn.cut) -m found }',
  // Cutting off all that there is leaves nothing, which is no path.
  'http-request set-var(txn.replaced) str(/) if { var(txn.cut) -m found } !{ var(txn.replaced) -m len gt 0 }',
  // What a replacement says after a question mark goes before the query of the client, as nginx has it.
  `http-request set-pathq "%[var(txn.replaced)]&%[query]" if ${REPLACED} { var(txn.replaced) -m sub ? } { query -m len gt 0 }`,
  `http-request set-pathq %[var(txn.replaced)] if ${REPLACED} { var(txn.replaced) -m sub ? } !{ query -m len gt 0 }`,
  `http-request set-path %[var(txn.replaced)] if ${REPLACED} !{ var(txn.replaced) -m sub ? }`,
];
