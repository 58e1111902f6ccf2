import { invariant } from '../../../lib/invariant.ts';
import type { ExternalAuth } from '../../../model/http/filter/external-auth.ts';
import { percentEncoded } from '../encode-data.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

/** `backend|method|host|path|response headers|sign-in|redirect|cookies`, as `sluice.lua` reads it: all but the second percent-encoded. */
export const externalAuth: FilterData<ExternalAuth> = {
  flag: '',
  data: (filter) => {
    invariant(filter.backend !== '', 'compile has found the backend of the server that is asked');
    const parts = [
      percentEncoded(filter.backend),
      filter.method,
      percentEncoded(filter.host),
      percentEncoded(filter.path),
      filter.responseHeaders.map(percentEncoded).join(','),
      percentEncoded(filter.signIn ?? ''),
      percentEncoded(filter.requestRedirect ?? ''),
      filter.alwaysSetsCookie ? 'always' : '',
    ];
    return [{ map: 'authorizations', suffix: '', value: parts.join('|') }];
  },
};

const ASKS = '{ var(txn.authorization) -m found }';
const said = (verdict: string): string => `${ASKS} { var(txn.authorization) -m str ${verdict} }`;

/** `sluice.lua` asks, and says what came of it in `txn.authorization`: nothing but `yes` lets a request pass. */
export const externalAuthRules: readonly string[] = [
  `http-request set-var(txn.authorization) str(unknown) if ${hasData('authorizations')}`,
  `http-request lua.sluice_authorize if ${ASKS}`,
  `http-request redirect code 302 location "%[var(txn.sign_in)]" if ${said('sign-in')}`,
  String.raw`http-request return status 401 content-type text/plain string "401: not let in\n" hdr www-authenticate "%[var(txn.challenge)]" if ${said('401')} { var(txn.challenge) -m found }`,
  String.raw`http-request return status 401 content-type text/plain string "401: not let in\n" if ${said('401')}`,
  String.raw`http-request return status 403 content-type text/plain string "403: not let in\n" if ${said('403')}`,
  String.raw`http-request return status 500 content-type text/plain string "500: nobody says whether this request is let in\n" if ${ASKS} !{ var(txn.authorization) -m str yes }`,
];

/** As nginx has it, cookies go with an answer that is no error, unless it is said that they always do. */
export const externalAuthResponseRules: readonly string[] = [
  'http-after-response add-header set-cookie "%[var(txn.auth_cookie)]" if { var(txn.auth_cookie) -m found } { var(txn.auth_always) -m found } or { var(txn.auth_cookie) -m found } { status 200 201 204 206 301 302 303 304 307 308 }',
];

/**
 * The way from Lua to backends: a frontend on an abstract Unix socket, which leads wherever it is told by who knows the key. `name` is that
 * of the socket.
 */
export function askedFrontend(name: string): string {
  return `defaults sluice-asking
    mode http
    timeout client 60s
    timeout http-request 10s

frontend sluice-asked from sluice-asking
    bind abns@${name}
    http-request set-var(txn.key) req.hdr(x-sluice-key)
    http-request deny status 403 if !{ var(txn.key),strcmp(proc.checker_key) eq 0 }
    http-request early-hint x-sluice through
    http-request set-var(txn.to) req.hdr(x-sluice-backend)
    http-request del-header ^x-sluice- -m reg
    use_backend %[var(txn.to)]
    default_backend sluice-503
`;
}
