import { invariant } from '../../../lib/invariant.ts';
import type { EngineSettings } from '../engine-settings.ts';

/**
 * The access log's format: what HAProxy is told to write, and what `line.ts` counts on when it reads. One line of JSON for each
 * request, written by hand, because HAProxy's own encoder (`%{+json}o`) takes twice the time.
 *
 * What clients choose is `host`, which is encoded, and `path`, in which HAProxy writes what is not printable, `"` and `#` as `#` and two
 * digits; a backslash in it is left to the relay.
 */

/** What stands before each of the first five values: every line is searched for them, so they stand at the front, in this order. */
export const LEAD = {
  time: '{"time":"',
  ends: '","log":"access","ends":"',
  status: '","status":',
  totalMs: ',"totalMs":',
  route: ',"route":"',
} as const;

/** What stands before each of the last values, which are what has to be changed in a line that did not end as usual. */
export const TRAIL = { endpoint: ',"endpoint":"', reason: '","reason":"' } as const;

/** What stands in place of the reason where there is no request: before the name of an error of the connection, and before its text. */
export const ERROR_TRAIL = { error: '","error":"', detail: '","detail":"' } as const;

/** How long {@link LEAD.time}'s value is: `24/Nov/2026:20:42:10.191` here, and as long when it is rewritten. */
export const TIME_LENGTH = 24;

/** How long {@link LEAD.ends}'s value is: who ended the session, when, and two signs about cookies (configuration manual §8.5). */
export const ENDS_LENGTH = 4;

/** A line that is cut is lost. HAProxy keeps 1023 bytes of a path, of which each may take three in the line, and 255 of a host. */
const MAX_LINE_BYTES = 8192;

/** The ring between HAProxy and the server of the log. `socket` is the name of an abstract Unix socket. */
export function accessLogRing(socket: string): string {
  invariant(/^[A-Za-z0-9.-]+$/.test(socket), `${JSON.stringify(socket)} is a name of a socket`);
  return `# Keeps the latest lines while Sluice is away and hands them over when it is back.
ring access
    format raw
    maxlen ${String(MAX_LINE_BYTES)}
    size 4194304
    server sluice abnsz@${socket} log-proto legacy
`;
}

/** The directives of a frontend's `defaults`. */
export function accessLogDirectives(settings: EngineSettings): string {
  return `    log ring@access len ${String(MAX_LINE_BYTES)} format raw local0
    log-format ${word(requestLine(settings))}
    # Of what ends before there is a request: a TLS handshake that fails, a PROXY protocol header that is missing, broken HTTP/2.
    error-log-format ${word(connectionLine())}
`;
}

function word(line: string): string {
  return `"${line.replaceAll('"', String.raw`\"`)}"`;
}

function requestLine(settings: EngineSettings): string {
  const id = settings.trustedProxies.length === 0 ? 'ID' : '[capture.req.hdr(1),json(utf8s)]';
  const reason = `${TRAIL.reason.slice(0, -1)}%{+Q}[var(txn.route),field(4,|)]`;
  return `${fields('[capture.req.hdr(0),json(utf8s)]', id)}${reason}}`;
}

/** The same fields, most of which are empty; the host is what the client wants a certificate of. */
function connectionLine(): string {
  const detail = `${ERROR_TRAIL.detail}%[fc_err_str] %[ssl_fc_err_str,json(utf8s)]`;
  return `${fields('[ssl_fc_sni,json(utf8s)]', 'ID')}${ERROR_TRAIL.error}%[fc_err_name]${detail}"}`;
}

/** All fields up to the endpoint, whose value is not closed. */
function fields(host: string, requestId: string): string {
  const lead = `${LEAD.time}%tr${LEAD.ends}%tsc${LEAD.status}%ST${LEAD.totalMs}%Ta`;
  // The quotes of what may be absent are HAProxy's.
  const route = `${LEAD.route.slice(0, -1)}%{+Q}[var(txn.route),field(3,|)]`;
  const rest = [
    text('client', '%ci'),
    text('method', '%HM'),
    maybe('host', host),
    text('path', '%HPO'),
    text('version', '%HV'),
    number('bytes', '%B'),
    number('waitMs', '%Tw'),
    number('connectMs', '%Tc'),
    number('responseMs', '%Tr'),
    number('retries', '%rc'),
    maybe('requestId', requestId),
  ];
  return `${lead}${route},${rest.join(',')}${TRAIL.endpoint}%s`;
}

function text(name: string, value: string): string {
  return `"${name}":"${value}"`;
}

/** With the flag Q, HAProxy writes the quotes, and also where there is no value, in place of which it writes a dash without. */
function maybe(name: string, value: string): string {
  return `"${name}":%{+Q}${value}`;
}

function number(name: string, value: string): string {
  return `"${name}":${value}`;
}
