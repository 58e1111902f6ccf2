import { REDIRECT_STATUSES, type RequestRedirect } from '../../../model/http/filter/request-redirect.ts';
import { cutAndText, encodedPattern } from '../encode-data.ts';
import { DATA_MAPS } from '../files.ts';
import { prefixOf, type FilterData } from './filter-data.ts';
import { cutRules, IS_REPLACED, patternData, replaceByPattern } from './url-rewrite.ts';

/**
 * `status|scheme|host|port|cut|text`, of which `url` as the scheme says that the text is all of it, or what a pattern gives.
 */
export const requestRedirect: FilterData<RequestRedirect> = {
  flag: '',
  data: ({ status, to }, match) => {
    const redirect = (...parts: readonly string[]) => ({
      map: 'redirects' as const,
      suffix: '',
      value: [String(status), ...parts].join('|'),
    });
    switch (to.kind) {
      case 'url':
        return [redirect('url', '', '', '', to.url)];
      case 'regex': {
        const value = encodedPattern(to.pattern, to.isCaseSensitive, to.url);
        return [redirect('url', '', '', 'regex', ''), { map: 'patterns', suffix: '', value }];
      }
      case 'parts': {
        const port = to.port === undefined ? '' : `:${String(to.port)}`;
        const path = cutAndText(to.path, prefixOf(match));
        return [redirect(to.scheme ?? '', to.hostname ?? '', port, ...path), ...patternData(to.path)];
      }
    }
  },
};

const TO = 'var(txn.redirect)';
const IS_URL = `{ ${TO},field(2,|) -m str url }`;
const HAS_PATTERN = `{ ${TO},field(5,|) -m str regex }`;
const HAS_QUERY = '{ query -m len gt 0 }';
const REPLACED_HAS_QUERY = '{ var(txn.replaced) -m sub ? }';

/** The rules of the backend for routes that redirect. The header that says the scheme is ours by now. */
export const redirectRules: readonly string[] = [
  `http-request set-var(txn.redirect) var(txn.rid),map_str(${DATA_MAPS.redirects})`,
  ...replaceByPattern(`if ${HAS_PATTERN}`),
  `http-request return status 404 content-type text/plain string "404: no route for this host and path\\n" if ${IS_URL} ${HAS_PATTERN} !${IS_REPLACED}`,
  // nginx keeps the query of what is rewritten to a URL, behind the query of that URL if it has one.
  `http-request set-var-fmt(txn.replaced) "%[var(txn.replaced)]&%[query]" if ${IS_URL} ${HAS_PATTERN} ${HAS_QUERY} ${REPLACED_HAS_QUERY}`,
  `http-request set-var-fmt(txn.replaced) "%[var(txn.replaced)]?%[query]" if ${IS_URL} ${HAS_PATTERN} ${HAS_QUERY} !${REPLACED_HAS_QUERY}`,
  `http-request set-var(txn.replaced) path if ${HAS_PATTERN} !${IS_REPLACED}`,
  `http-request set-var(txn.cut) ${TO},field(5,|),add(0) if !${HAS_PATTERN}`,
  `http-request set-var(txn.replaced) ${TO},field(6,|) if ${IS_URL} !${HAS_PATTERN}`,
  ...cutRules(`if !${IS_URL} !${HAS_PATTERN}`),
  `http-request set-var-fmt(txn.replaced) "%[${TO},field(6,|)]%[var(txn.rest)]" if !${IS_URL} !${HAS_PATTERN}`,
  `http-request set-var(txn.replaced) str(/) if !${IS_REPLACED}`,
  `http-request set-var-fmt(txn.replaced) "%[var(txn.replaced)]?%[query]" if !${IS_URL} { query -m len gt 0 }`,
  'http-request set-var(txn.scheme) req.hdr(x-forwarded-proto)',
  `http-request set-var(txn.scheme) ${TO},field(2,|) if { ${TO},field(2,|) -m len gt 0 }`,
  'http-request set-var(txn.to_host) req.hdr(host),host_only',
  `http-request set-var(txn.to_host) ${TO},field(3,|) if { ${TO},field(3,|) -m len gt 0 }`,
  `http-request set-var-fmt(txn.replaced) "%[var(txn.scheme)]://%[var(txn.to_host)]%[${TO},field(4,|)]%[var(txn.replaced)]" if !${IS_URL}`,
  ...REDIRECT_STATUSES.map(
    (status) =>
      `http-request redirect code ${String(status)} location "%[var(txn.replaced)]" if { ${TO} -m beg ${String(status)} }`,
  ),
];
