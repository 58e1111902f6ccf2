import type { CookieAffinity } from '../../../model/http/filter/affinity.ts';
import { percentEncoded } from '../encode-data.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

/** `name|attributes|mark|secure|expires`, the first percent-encoded, the second in base64, the last in seconds. */
export const cookieAffinity: FilterData<CookieAffinity> = {
  flag: '',
  data: ({ name, mark = '', path, domain, maxAgeS, expiresS, sameSite, isSecure }) => {
    const attributes = [
      ...(path === undefined ? [] : [`; Path=${path}`]),
      ...(domain === undefined ? [] : [`; Domain=${domain}`]),
      ...(maxAgeS === undefined ? [] : [`; Max-Age=${String(maxAgeS)}`]),
      ...(sameSite === undefined ? [] : [`; SameSite=${sameSite}`]),
      '; HttpOnly',
    ].join('');
    const encoded = Buffer.from(attributes, 'latin1').toString('base64');
    const parts = [percentEncoded(name), encoded, mark, isSecure ? 'secure' : '', expiresS ?? ''];
    return [{ map: 'cookies', suffix: '', value: parts.join('|') }];
  },
};

const STICKY = '{ var(txn.sticky) -m found }';

/**
 * The value of the cookie becomes what the endpoint is chosen by (`balance hash`); who has none gets a random one. A regular expression
 * with a reference to its own begin finds a cookie whose name is data.
 */
export const affinityRules: readonly string[] = [
  `http-request set-var(txn.sticky) var(txn.rid),map_str(${DATA_MAPS.cookies}) if ${hasData('cookies')}`,
  `http-request set-var-fmt(txn.cookies) "%[var(txn.sticky),field(1,|),url_dec]|%[req.fhdr(cookie)]" if ${STICKY}`,
  String.raw`http-request set-var(txn.cookie) 'var(txn.cookies),regsub("^([^|]+)[|](?:.*;[ ]*)?\1=([A-Za-z0-9_-]+).*$","=\2")' if ${STICKY}`,
  `http-request set-var(txn.hash) var(txn.cookie),bytes(1) if ${STICKY} { var(txn.cookie) -m beg = }`,
  `http-request set-var-fmt(txn.new_cookie) "%[var(txn.sticky),field(3,|)]%[uuid]" if ${STICKY} !{ var(txn.cookie) -m beg = }`,
  `http-request set-var(txn.hash) var(txn.new_cookie) if { var(txn.new_cookie) -m found }`,
];

const IS_NEW = '{ var(txn.new_cookie) -m found }';
const EXPIRES = 'var(txn.sticky),field(5,|)';

export const affinityResponseRules: readonly string[] = [
  `http-response set-var(txn.cookie_end) str("; Secure") if ${IS_NEW} { ssl_fc }`,
  `http-response set-var(txn.cookie_end) str("; Secure") if ${IS_NEW} { var(txn.sticky),field(4,|) -m str secure }`,
  `http-response set-var(txn.expires) ${EXPIRES},add(0) if ${IS_NEW} { ${EXPIRES} -m len gt 0 }`,
  `http-response set-var-fmt(txn.cookie_end) "; Expires=%[date,add(txn.expires),http_date]%[var(txn.cookie_end)]" if ${IS_NEW} { var(txn.expires) -m found }`,
  `http-response add-header set-cookie "%[var(txn.sticky),field(1,|),url_dec]=%[var(txn.new_cookie)]%[var(txn.sticky),field(2,|),b64dec]%[var(txn.cookie_end)]" if ${IS_NEW}`,
];
