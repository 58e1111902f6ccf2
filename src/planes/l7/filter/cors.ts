import type { Cors } from '../../../model/http/filter/cors.ts';
import { encodedRegex, percentEncoded } from '../encode-data.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

const ANY = '*';

/** `origin|methods|headers|exposed|credentials|age`: `*` for any, and of the origin `?` for "look it up". */
export const cors: FilterData<Cors> = {
  flag: '',
  data: ({ origins, methods, headers, exposed, allowsCredentials, maxAgeS }) => {
    const list = (items: 'any' | readonly string[]): string =>
      items === 'any' ? ANY : items.map(percentEncoded).join(',');
    const parts = [
      origins === 'any' ? ANY : '?',
      list(methods),
      list(headers),
      list(exposed),
      allowsCredentials ? 'true' : '',
      String(maxAgeS),
    ];
    const expressions = origins === 'any' ? [] : origins.map((origin) => `(?:${origin})`);
    const expression = encodedRegex(`^(?:${expressions.join('|')})$`);
    return [
      { map: 'cors', suffix: '', value: parts.join('|') },
      ...(expressions.length === 0 ? [] : [{ map: 'origins' as const, suffix: '', value: expression }]),
    ];
  },
};

const CORS = 'var(txn.cors)';
const ALLOWED = '{ var(txn.cors_origin) -m found }';
const field = (index: number): string => `${CORS},field(${String(index)},|)`;
const isAny = (index: number): string => `{ ${field(index)} -m str ${ANY} }`;
/** As browsers send it (Fetch standard); a plain OPTIONS is a request like others. */
const PREFLIGHT = '{ method OPTIONS } { req.hdr(origin) -m found } { req.hdr(access-control-request-method) -m found }';
const has = (index: number): string => `{ ${field(index)} -m len gt 0 }`;

/**
 * Whether the origin may, and what it is told, as variables. With credentials, `*` means nothing to browsers, so that what was asked for is
 * repeated instead.
 */
const look: readonly string[] = [
  `http-request set-var(txn.cors) var(txn.rid),map_str(${DATA_MAPS.cors}) if ${hasData('cors')}`,
  String.raw`http-request set-var-fmt(txn.origin_of) "%[var(txn.rid)]\n%[req.hdr(origin),lower]" if { ${CORS} -m found } !${isAny(1)} { req.hdr(origin) -m found }`,
  `http-request set-var(txn.is_origin) var(txn.origin_of),lua.sluice_is_origin if { var(txn.origin_of) -m found }`,
  `http-request set-var(txn.cors_origin) req.hdr(origin) if { var(txn.is_origin) -m str yes }`,
  `http-request set-var(txn.cors_origin) str(${ANY}) if { ${CORS} -m found } ${isAny(1)}`,
  `http-request set-var(txn.cors_origin) req.hdr(origin) if ${ALLOWED} ${isAny(1)} ${has(5)} { req.hdr(origin) -m found }`,
  ...[
    { index: 2, variable: 'txn.cors_methods', asked: 'access-control-request-method' },
    { index: 3, variable: 'txn.cors_headers', asked: 'access-control-request-headers' },
  ].flatMap(({ index, variable, asked }) => [
    `http-request set-var(${variable}) ${field(index)},url_dec if ${ALLOWED} ${has(index)}`,
    `http-request set-var(${variable}) req.fhdr(${asked}) if ${ALLOWED} ${isAny(index)} ${has(5)} { req.fhdr(${asked}) -m found }`,
  ]),
  `http-request set-var(txn.cors_exposed) ${field(4)},url_dec if ${ALLOWED} ${has(4)}`,
  `http-request set-var(txn.cors_credentials) ${field(5)} if ${ALLOWED} ${has(5)}`,
  `http-request set-var(txn.cors_age) ${field(6)} if ${ALLOWED}`,
];

/**
 * The rules at the begin of a class: who asks by a preflight is answered, before anything else is asked of it. An origin that may not is told
 * nothing by the answer; the endpoint, which could say otherwise, never sees it.
 */
export const corsRules: readonly string[] = [
  ...look,
  `http-request return status 204 if ${ALLOWED} { method OPTIONS } or { ${CORS} -m found } ${PREFLIGHT}`,
];

/** Of every answer, refusals too, which browsers would otherwise not show to the page. */
export const corsResponseRules: readonly string[] = [
  ...['origin', 'methods', 'headers', 'credentials'].map((name) => replace(`allow-${name}`, `cors_${name}`)),
  replace('expose-headers', 'cors_exposed'),
  replace('max-age', 'cors_age'),
  // What is answered depends on who asks, which caches have to know.
  `http-after-response add-header vary origin if ${ALLOWED} !{ var(txn.cors_origin) -m str ${ANY} }`,
];

function replace(header: string, variable: string): string {
  return `http-after-response set-header access-control-${header} %[var(txn.${variable})] if { var(txn.${variable}) -m found }`;
}
