import { Fault, messageOf } from '../lib/fault.ts';

/** Nobody answered: refused, reset, unroutable, or a name that does not resolve. */
export const unreachable = 'kube-unreachable';
/** Somebody answered, but not in time. */
export const timedOut = 'kube-timeout';
/** Somebody answered whom the certificates do not vouch for, or who does not trust ours. */
export const untrusted = 'kube-tls';

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused; is the API server running, and is this its port?',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer to the connection attempt; a firewall may be in the way',
  EHOSTUNREACH: 'there is no route to this host',
  ENETUNREACH: 'there is no route to this network',
  ENOTFOUND: 'its name does not resolve; check the host name and the DNS of this machine',
  EAI_AGAIN: 'the DNS of this machine did not answer for its name',
};

const tlsReasons: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed and not the configured authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from another authority than the configured one',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from another authority than the configured one',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from another authority than the configured one',
  CERT_SIGNATURE_FAILURE: 'its certificate comes from another authority than the configured one',
  CERT_HAS_EXPIRED: 'its certificate has expired; check it and the clock of this machine',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; check it and the clock of this machine',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name; connect by that name or set tls-server-name',
};

/** ERR_SSL_* also are the alerts by which a server refuses our certificate; ERR_OSSL_* means that ours cannot be read. */
const tlsCode = /^ERR_(SSL|TLS|OSSL)_/;

/** Explains what Node's sockets and TLS throw. A Fault comes out as it is. */
export function connectionFault(server: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = errorCode(error);
  if (code in tlsReasons || tlsCode.test(code)) {
    const reason = tlsReasons[code] ?? messageOf(error);
    return new Fault(untrusted, `no trusted connection to the API server ${server}: ${reason} (${code})`, {
      cause: error,
    });
  }
  const reason = networkReasons[code] ?? messageOf(error);
  const suffix = code === '' ? '' : ` (${code})`;
  return new Fault(unreachable, `the API server ${server} cannot be reached: ${reason}${suffix}`, { cause: error });
}

function errorCode(error: unknown): string {
  // Happy eyeballs: Node reports the failures of all addresses of a name together.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error) || !('code' in first)) return '';
  return typeof first.code === 'string' ? first.code : '';
}

/** Whether `error` is a connection that died under a request before any answer came. */
export function isCutConnection(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}
