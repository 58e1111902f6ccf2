import type { CookieAffinity } from '../../../model/http/filter/affinity.ts';
import { percentEncoded } from '../encode-data.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

/** `name|attributes`, the one percent-encoded, the others in base64. */
export const cookieAffinity: FilterData<CookieAffinity> = {
  flag: '',
  data: ({ name, path, domain, maxAgeS, sameSite, isSecure }) => {
    const attributes = [
      ...(path === undefined ? [] : [`; Path=${path}`]),
      ...(domain === undefined ? [] : [`; Domain=${domain}`]),
      ...(maxAgeS === undefined ? [] : [`; Max-Age=${String(maxAgeS)}`]),
      ...(sameSite === undefined ? [] : [`; SameSite=${sameSite}`]),
      ...(isSecure ? ['; Secure'] : []),
      '; HttpOnly',
    ].join('');
    return [
      {
        map: 'cookies',
        suffix: '',
        value: `${percentEncoded(name)}|${Buffer.from(attributes, 'latin1').toString('base64')}`,
      },
    ];
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
  `http-request set-var(txn.new_cookie) uuid if ${STICKY} !{ var(txn.cookie) -m beg = }`,
  `http-request set-var(txn.hash) var(txn.new_cookie) if { var(txn.new_cookie) -m found }`,
];

export const affinityResponseRules: readonly string[] = [
  `http-response add-header set-cookie "%[var(txn.sticky),field(1,|),url_dec]=%[var(txn.new_cookie)]%[var(txn.sticky),field(2,|),b64dec]" if { var(txn.new_cookie) -m found }`,
];
