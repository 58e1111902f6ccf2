import type { RefusalReason } from '../../../compile/plan.ts';

/** Reasons of routes, which reach the log by HAProxy's map. */
const ROUTE_REASONS = {
  'no-route': 'No rule wants this host and path.',
  'service-missing': 'The Service of the rule does not exist.',
  'port-missing': 'The Service of the rule has no such port.',
  'backend-invalid':
    'The backend of the rule, or its expression, cannot be used; a Finding or the log of Sluice says why.',
  'backends-missing': 'The rule names no backend, or none with a weight.',
  'restriction-unsupported':
    'The Ingress or HTTPRoute asks for what may restrict access and is not implemented (SLU216, SLU706): it is closed.',
  'restriction-broken':
    'What it takes to tell who may come cannot be had, such as a Secret with passwords (SLU311): the route is closed.',
} as const satisfies Readonly<Record<RefusalReason, string>>;

/**
 * Why a request did not end as usual: every word that may stand under `reason` in the access log, and what it means. The page of the
 * reference is held to this register by a test.
 */
export const REASONS = {
  ...ROUTE_REASONS,
  // Refused whatever the route; the word stands in HAProxy's configuration.
  'path-invalid': 'The path leads above the root, or has a broken escape or a NUL.',
  'host-missing': 'The request names no host, which HTTP/1.1 and HTTP/2 have to.',
  'method-not-allowed': 'CONNECT or TRACE, which would lead past the gateway, or show what it adds.',
  'loop-detected': 'The request came by for the eleventh time: it goes round.',
  misdirected:
    'Over a connection with the TLS of one listener of a Gateway, the request asks for a host of another one.',
  // The client.
  'bad-request': 'The request breaks the rules of HTTP.',
  'uri-too-long': 'The request line is longer than a buffer of 16 KiB.',
  'headers-too-large': 'The headers are longer than a buffer of 16 KiB.',
  'transfer-encoding-unsupported': 'The body is encoded in another way than `chunked`.',
  'protocol-error':
    'HTTP/2 or HTTP/3 that breaks the rules of the protocol, or is beyond a limit; the stream or the connection was ended.',
  'request-timeout': 'The request did not come in time.',
  'client-timeout': 'The client took nothing of the answer for the time that it has.',
  'client-abort': 'The client went away before it had its answer.',
  'tls-handshake-failed':
    'The client and HAProxy found no common TLS, or the client refused the certificate; `detail` says more.',
  'proxy-protocol-failed':
    'A connection of --proxy-protocol did not begin with a header of the PROXY protocol; `detail` says more.',
  // The endpoint.
  'no-endpoints': 'The Service has no endpoint that takes requests.',
  'queue-timeout': 'Every endpoint was busy for too long.',
  'connect-failed': 'The endpoint refused the connection.',
  'connect-timeout': 'The endpoint did not answer the connection.',
  'response-timeout': 'The endpoint was silent for too long.',
  'endpoint-abort': 'The endpoint ended the connection before its answer was complete.',
  'bad-response':
    'The answer of the endpoint breaks the rules of HTTP, or its headers are longer than a buffer of 16 KiB.',
  // HAProxy.
  'endpoint-removed': 'The endpoint was taken away while the request ran.',
  'out-of-resources': 'HAProxy has no memory, socket or port left for it.',
  'internal-error': 'HAProxy could not go on; a bug, or headers that leave no room for those that are added.',
  killed: 'The session was ended by hand.',
} as const;

export type Reason = keyof typeof REASONS;

/**
 * The termination state in words (configuration manual §8.5): the first letter of `ends` is who ended the session, in lower case by a
 * time-out, the second the phase that it was in.
 */
export function reasonOfEnd(ends: string, status: number, endpoint: string): Reason | '' {
  const phase = ends.charAt(1);
  switch (ends.charAt(0)) {
    case 'C':
      return 'client-abort';
    case 'c':
      return phase === 'D' || phase === 'L' ? 'client-timeout' : 'request-timeout';
    case 'S':
      if (phase === 'C') return endpoint === '' ? 'no-endpoints' : 'connect-failed';
      return endpoint === '' ? 'no-endpoints' : 'endpoint-abort';
    case 's':
      return SERVER_TIMEOUTS[phase] ?? 'response-timeout';
    case 'P':
      return reasonOfProxy(phase, status);
    case 'R':
      return 'out-of-resources';
    case 'I':
      return 'internal-error';
    case 'D':
    case 'U':
      return 'endpoint-removed';
    case 'K':
      return 'killed';
    default:
      return '';
  }
}

const SERVER_TIMEOUTS: Readonly<Record<string, Reason>> = { C: 'connect-timeout', Q: 'queue-timeout' };

/** HAProxy itself ended it: what it could not read from the client, up to the phase of the request, or from the endpoint. */
function reasonOfProxy(phase: string, status: number): Reason {
  if (status >= 500) return status === 502 ? 'bad-response' : 'internal-error';
  if (phase === 'D') return 'bad-response';
  if (phase === 'C') return 'out-of-resources';
  return UNREAD_REQUESTS[status] ?? 'bad-request';
}

const UNREAD_REQUESTS: Readonly<Record<number, Reason>> = {
  0: 'protocol-error',
  408: 'request-timeout',
  414: 'uri-too-long',
  422: 'transfer-encoding-unsupported',
  431: 'headers-too-large',
};

/** Why a connection has not come to a request, where `error`, HAProxy's name of it (`fc_err_name`), is one of a handshake. */
export function reasonOfHandshake(error: string): Reason | undefined {
  if (error.startsWith('PRX_')) return 'proxy-protocol-failed';
  return error.startsWith('SSL_') ? 'tls-handshake-failed' : undefined;
}
