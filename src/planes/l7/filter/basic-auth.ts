import type { BasicAuth } from '../../../model/http/filter/basic-auth.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

/** `file|realm`: the digest that names the password file, and the realm in base64. HAProxy is given no password and no hash of one. */
export const basicAuth: FilterData<BasicAuth> = {
  flag: '',
  data: ({ realm, passwords }) => [
    {
      map: 'passwords',
      suffix: '',
      value: `${passwords.id}|${Buffer.from(realm, 'latin1').toString('base64')}`,
    },
  ],
};

/**
 * Clients that have been let in before. The key is a digest of the route's data and of what the client said, with a key that only this
 * HAProxy has: what stands here is worth nothing elsewhere, and with another Secret the route has other data, so that it counts no more.
 */
export const VERIFIED_TABLE = `backend sluice-verified
    stick-table type string len 64 size 100k expire 10m store gpt(1)
`;

const ASKS = '{ var(txn.passwords) -m found }';
/** RFC 7617 §2. Of anything else nobody is asked: with a control character in it, the question itself would be refused, again and again. */
const CREDENTIALS = '^basic +[A-Za-z0-9+/=_-]+ *$';
const IS_NEW = '{ var(txn.is_new) -m bool }';

/**
 * Who says nothing is asked, who has been let in goes on, and of anybody else Sluice is asked, which has the passwords
 * (`password/password-checker.ts`). Nothing but its "yes" lets a request pass.
 */
export const basicAuthRules: readonly string[] = [
  `http-request set-var(txn.passwords) var(txn.rid),map_str(${DATA_MAPS.passwords}) if ${hasData('passwords')}`,
  `http-request set-var(txn.credentials) req.fhdr(authorization) if ${ASKS}`,
  `http-request set-var(txn.verdict) str(no) if ${ASKS} !{ var(txn.credentials) -m reg -i '${CREDENTIALS}' }`,
  `http-request set-var-fmt(txn.said) "%[var(proc.checker_key)]|%[var(txn.rid)]|%[var(txn.credentials)]" if ${ASKS} !{ var(txn.verdict) -m found }`,
  'http-request set-var(txn.said) var(txn.said),sha2(256),hex if { var(txn.said) -m found }',
  'http-request set-var(txn.verdict) str(yes) if { var(txn.said) -m found } { var(txn.said),table_gpt(0,sluice-verified) -m int 1 }',
  `http-request set-var(txn.is_new) bool(true) if ${ASKS} !{ var(txn.verdict) -m found }`,
  `http-request lua.sluice_check if ${IS_NEW}`,
  `http-request track-sc2 var(txn.said) table sluice-verified if ${IS_NEW} { var(txn.verdict) -m str yes }`,
  `http-request sc-set-gpt(0,2) int(1) if ${IS_NEW} { var(txn.verdict) -m str yes }`,
  String.raw`http-request return status 401 content-type text/plain string "401: a name and its password are needed\n" hdr www-authenticate "Basic realm=\"%[var(txn.passwords),field(2,|),b64dec]\"" if ${ASKS} { var(txn.verdict) -m str no }`,
  String.raw`http-request return status 503 content-type text/plain string "503: passwords cannot be checked now\n" if ${ASKS} !{ var(txn.verdict) -m str yes }`,
  `http-request del-header authorization if ${ASKS}`,
];
