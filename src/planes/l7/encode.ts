import { hash } from 'node:crypto';
import { invariant } from '../../lib/invariant.ts';
import { isIpv6Address, type Hostname } from '../../model/grammar.ts';
import type { EndpointTls } from '../../model/http/endpoint-connection.ts';
import type { PathMatch } from '../../model/http/match.ts';
import { pathRegexOf, type PathRegex } from '../../model/path-regex.ts';
import {
  ANY_HOST,
  type BackendId,
  type BackendPlan,
  type BackendProtocol,
  type CertificateId,
  type HostIdentity,
  type ServerPlan,
  type TlsListener,
} from '../../compile/plan.ts';

/**
 * The encoders of HAProxy's sinks: configuration words, map keys and values, runtime CLI arguments.
 * Each is an allow-list, checked again here although admission has checked before: whatever reaches
 * a sink without fitting its grammar is a bug of ours, and crashes rather than becoming syntax.
 *
 * A word in these characters needs no quoting in haproxy.cfg, in a map file or on the runtime CLI
 * (configuration manual §2.2, management guide §9.3: `;`, newline, blank, `\`, `<<` are special).
 */
const WORD = /^[A-Za-z0-9._:*-]+$/;

/** Map keys hold an entrance, a host and a path (RFC 3986 pchar), and end in {@link PATH_END} for an exact match. */
const MAP_KEY = /^(?:(?:https?|\d{1,5}\*?|\*)\|)?[A-Za-z0-9\-._~!$&'()*+,;:@%/=]+#?$/;

/** Values of routes are some fields of ours, with names of objects in them. */
const MAP_VALUE = /^[A-Za-z0-9._|/-]+$/;

/**
 * Ends every path that is looked up. `#` cannot stand in the path of a request (RFC 9112 §3.2, refused
 * by HAProxy), so that a key which ends in it matches that one path only.
 */
export const PATH_END = '#';

function checked(grammar: RegExp, text: string, sink: string): string {
  invariant(grammar.test(text), `${JSON.stringify(text)} fits the grammar of a ${sink}`);
  return text;
}

/** A backend's name in every sink. */
export function backendName(id: BackendId): string {
  return checked(WORD, id, 'backend name');
}

/** A server's name: its address and port, which are also what makes it one server, and what the access log shows. */
export function serverName(server: ServerPlan): string {
  return checked(WORD, `${server.address}:${String(server.port)}`, 'server name');
}

const PROTOCOL_WORDS: Readonly<Record<BackendProtocol, readonly string[]>> = {
  http: [],
  h2c: ['proto h2'],
  https: ['ssl'],
  // HTTP/2 is spoken also where the endpoint does not say in ALPN that it does: nobody writes so of one that cannot.
  h2s: ['ssl', 'alpn h2', 'proto h2'],
};

/**
 * The words of a `server` line and of `add server` by which its servers are spoken to, with a blank before them. What stands behind a Service
 * is known by its address alone. Where no route says what its certificate is to be held to, TLS keeps others from reading along, and proves
 * nothing, as with other controllers by default.
 */
export function serverWords({ protocol, tls }: Pick<BackendPlan, 'protocol' | 'tls'>): string {
  const isTls = protocol === 'https' || protocol === 'h2s';
  return [...PROTOCOL_WORDS[protocol], ...(isTls ? tlsWords(tls) : [])].map((word) => ` ${word}`).join('');
}

/** The name is given twice: what HAProxy verifies is the SNI, and `verifyhost` where there should be none. */
function tlsWords(tls: EndpointTls | undefined): readonly string[] {
  if (tls === undefined) return ['verify none'];
  const { signedBy, clientCertificate } = tls;
  const name = tls.serverName === undefined ? undefined : checked(WORD, tls.serverName, 'server name');
  const authorities = typeof signedBy === 'string' ? SYSTEM_AUTHORITIES : authoritiesFile(signedBy.fingerprint);
  return [
    ...(signedBy === 'anybody' ? ['verify none'] : [`verify required ca-file ${authorities}`]),
    ...(name === undefined ? [] : [`sni str(${name}) no-sni-auto`]),
    ...(name === undefined || signedBy === 'anybody' ? [] : [`verifyhost ${name}`]),
    ...(clientCertificate === undefined ? [] : [`crt ${clientCertificateFile(clientCertificate.fingerprint)}`]),
  ];
}

/** HAProxy's word for what the machine trusts; it has read them before it shuts itself off from the disk. */
const SYSTEM_AUTHORITIES = '@system-ca';

const FINGERPRINT = /^[0-9a-f]{32,64}$/;

/** The name of the file with authorities, relative to the checkpoint; on the runtime CLI it is only a name. What is in it never changes. */
export function authoritiesFile(fingerprint: string): string {
  return `certs/authorities-${checked(FINGERPRINT, fingerprint, 'fingerprint')}.pem`;
}

/** The same for a certificate that is shown to endpoints. */
export function clientCertificateFile(fingerprint: string): string {
  return `certs/client-${checked(FINGERPRINT, fingerprint, 'fingerprint')}.pem`;
}

/** A server's address in `server` lines and `add server`. */
export function serverAddress(server: ServerPlan): string {
  const host = isIpv6Address(server.address) ? `ipv6@${server.address}` : server.address;
  return `${checked(/^[A-Za-z0-9.:@]+$/, host, 'server address')}:${String(server.port)}`;
}

/** Longer names are cut: Linux takes file names of up to 255 bytes, and the id of a Secret may have 317. */
const MAX_FILE_NAME = 150;

/**
 * The file name of a copy of a certificate for some server names, relative to the checkpoint; on the runtime CLI it is only
 * a name. Half of SHA-256, so that nobody finds two that are equal.
 */
export function certificateFile(id: CertificateId, serverNames: readonly Hostname[]): string {
  const name = checked(WORD, id, 'certificate name');
  const digest = hash('sha256', [name, ...serverNames].join(' ')).slice(0, 32);
  return `certs/${name.slice(0, MAX_FILE_NAME)}_${digest}.pem`;
}

/** A server name of a certificate in a crt-list. */
export function sniFilter(host: string): string {
  return checked(WORD, host, 'SNI filter');
}

/**
 * The key under which a path of a host stands in the map that is searched for the longest prefix.
 * What is looked up is `host` + `path` + `/#`: a prefix key ends in `/` and so matches whole path
 * elements only, an exact key ends in `/#` and so matches nothing longer.
 */
export function routeKey(host: string, match: PathMatch): string {
  invariant(match.type !== 'RegularExpression', 'regular expressions stand in a map of their own');
  const text =
    match.type === 'Exact'
      ? `${host}${match.value}/${PATH_END}`
      : match.value === '/'
        ? `${host}/`
        : `${host}${match.value}/`;
  return checked(MAP_KEY, text, 'route key');
}

/**
 * What PCRE may try for one match (pcre2pattern(3)); after that there is none. By default it tries ten million times: a path such as `/aaaa!`
 * for `/(a+)+$` takes 30 ms of a processor then, so that few clients hold up everybody. This many are less than a millisecond.
 */
export const MATCH_LIMIT = '(*LIMIT_MATCH=200000)';

/**
 * The regular expression over `host` + `path` for a path that is one. It stands in a group: behind a bare `|` it would be
 * without its host, and match the requests of others. And the host must end where the path begins, or `/x|m/.*` of `a.co` would match
 * the requests of `a.com`.
 */
export function regexKey(host: string, pattern: PathRegex, ignoresCase = false): string {
  const group = ignoresCase ? '(?i:' : '(?:';
  const anchored = `^${host.replaceAll(/[.*|]/g, String.raw`\$&`)}(?=/)${group}${pattern.replace(/^\^/, '')})`;
  invariant('regex' in pathRegexOf(pattern), `${JSON.stringify(pattern)} stays in its group`);
  return checked(/^[\x21-\x7e]+$/, `${MATCH_LIMIT}${anchored}`, 'regular expression key');
}

/** A map key as an argument on the runtime CLI, where `;` would end the command (management guide §9.3). */
export function keyArgument(key: string): string {
  return checked(MAP_KEY, key, 'map key').replaceAll(';', String.raw`\;`);
}

/** Letters that switch rules of the frontend on for a route, beside those of its filters, and the sign that it needs none. */
export const FLAG = { hostHasRegex: 'R', hasConditions: 'M', hasShares: 'W', split: 'E', none: '-' } as const;

/** Backends of the skeleton that answer themselves. A `-` right after `sluice` and no `_`: no BackendId can be equal. */
export const REFUSAL_BACKEND = { 404: 'sluice-404', 500: 'sluice-500', 503: 'sluice-503' } as const;

/** The one that answers where to ask instead. */
export const REDIRECT_BACKEND = 'sluice-redirect';

/** The fields of what a route's key maps to. */
export interface RouteFields {
  readonly backend: string;
  readonly flags: string;
  readonly owner: string;
  /** Of a refusal; for others empty. */
  readonly reason: string;
  /** The id of the data of the route; undefined where it has none. */
  readonly rid: string | undefined;
}

/** `backend|flags|owner|reason`, and `|rid` for a route with data. */
export function routeValue({ backend, flags, owner, reason, rid }: RouteFields): string {
  const fields = [backend, flags || FLAG.none, owner, reason, ...(rid === undefined ? [] : [rid])];
  return checked(MAP_VALUE, fields.join('|'), 'route value');
}

/** The key by which the longest `*.parent` above a host is found, whatever stands between: its labels in reverse order. */
export function wildcardKey({ host, entrance }: HostIdentity): string {
  const port = typeof entrance === 'number' ? String(entrance) : '';
  return checked(MAP_KEY, `${port}*|${reversed(host)}.`, 'wildcard key');
}

function reversed(host: string): string {
  return host.replace(/^\*\./, '').split('.').reverse().join('.');
}

/**
 * The key of a listener in the map that is searched for the longest beginning of a host read from its end, with {@link PATH_END} behind it: of
 * several listeners of a port the one with the most specific host is found.
 */
export function tlsListenerKey({ port, host }: TlsListener): string {
  const name = host === ANY_HOST ? '' : host.startsWith('*.') ? `${reversed(host)}.` : `${reversed(host)}${PATH_END}`;
  return checked(/^\d{1,5}\|[A-Za-z0-9._-]*#?$/, `${String(port)}|${name}`, 'listener key');
}

/** What {@link tlsListenerKey} maps to: something that is equal for equal listeners alone. */
export function tlsListenerValue({ host }: TlsListener): string {
  return checked(WORD, host, 'listener');
}

/** What {@link wildcardKey} maps to: the parent. */
export function wildcardValue(host: string): string {
  return checked(WORD, host.replace(/^\*\./, ''), 'wildcard value');
}

/** What a host whose routes stand under entrances maps to, whatever the path. */
export const SPLIT_VALUE = checked(MAP_VALUE, `${REFUSAL_BACKEND[404]}|${FLAG.split}||no-route`, 'route value');

/**
 * The part of a key before the path. `*`, for {@link ANY_HOST}, cannot be a host that a client names; and keys with an entrance stand in a
 * map of their own, which is never asked with what a client alone has written.
 */
export function keyHost({ host, entrance, isDeep }: HostIdentity): string {
  const name = host === ANY_HOST ? '*' : isDeep === true ? `*${host}` : host;
  return entrance === 'main' || entrance === 'split' ? name : `${String(entrance)}|${name}`;
}
