import { invariant } from '../../lib/invariant.ts';
import type { EngineSettings } from './engine-settings.ts';

/**
 * Rules about the headers that say who asks for what: which of them a client may send, and which Sluice sets. Backends believe them,
 * so what comes from nobody who is trusted is removed, whatever it says.
 *
 * The rules come first in a frontend: what they remove, no later rule sees.
 */
export function clientHeaderRules(settings: EngineSettings, isTls: boolean): string {
  return settings.trustedProxies.length === 0 ? untrustedRules(isTls) : trustedRules(settings, isTls);
}

/** The header by which a request that comes back is noticed (RFC 8586), and the name under which Sluice stands in it. */
export const LOOP_HEADER = { name: 'cdn-loop', value: 'sluice' } as const;

/** A header written as CGI, WSGI and Rack read it: `X_Forwarded.For` becomes HTTP_X_FORWARDED_FOR there, as `X-Forwarded-For` does. */
const DASH = '[-_.]';

/** Forwarded (RFC 7239), Forwarded-For; and Real-IP, Client-IP, Connecting-IP, Remote-Addr, External-Address, with the names of CDNs before. */
const ADDRESS_CLAIM = `(?:forwarded|(?:real|client|connecting|connection|remote|user|external)${DASH}?(?:ip|addr))`;

/**
 * Headers in which a proxy says who the client is or what was asked for at first. A pattern for each kind, not a list of names: each
 * CDN and balancer has its own. One expression, because every search through the headers is paid by every request; it tells most
 * names by their first letter.
 */
const CLAIMS = [
  `(?:[a-z]{1,12}${DASH}(?:proxy${DASH})?)?${ADDRESS_CLAIM}`,
  `x${DASH}(?:${[
    `(?:[a-z]+${DASH})*${ADDRESS_CLAIM}`,
    // X-Original-URL, X-Original-Host, X-Rewrite-URL: some frameworks route by them (CVE-2018-14773).
    `original${DASH}`,
    `rewrite${DASH}`,
    `(?:url${DASH})?scheme$`,
    `(?:ssl${DASH})?client${DASH}(?:cert|verify|subject|issuer|s?dn|cn)`,
    // What Sluice itself sets.
    `request${DASH}id$`,
  ].join('|')})`,
  `ssl${DASH}client${DASH}`,
  `front${DASH}end${DASH}https$`,
  // HTTP_PROXY of a CGI program (CVE-2016-5385), and a connection to a proxy that Sluice is not.
  `proxy(?:$|${DASH}connection$)`,
  // Other spellings of what frames a message: CONTENT_LENGTH of a CGI program.
  'content[_.]',
  'transfer[_.]',
].join('|');

/** What a client who is not trusted may not send: claims, and `Connection`, of which nothing is passed on from anybody. */
const REMOVED_NAMES = `^(?:${CLAIMS}|connection$)`;

/** Spellings that a trusted proxy passes on, because it does not know what a CGI program takes them for. */
const MISSPELT_CLAIMS = `^(?=[^_.]*[_.])(?:${CLAIMS})`;

/**
 * `Connection` names headers that end at the next hop (RFC 9110 §7.6.1). Passed on, it would have an endpoint that is a proxy drop
 * what Sluice says of the client (CVE-2022-31813); so nothing of it is passed on but a change of protocols.
 */
const UPGRADE = 'add-header connection upgrade if { req.hdr(upgrade) -m found }';

/** Stands in a request once for each time that it has come by. */
const PASS = `add-header ${LOOP_HEADER.name} ${LOOP_HEADER.value}`;

function untrustedRules(isTls: boolean): string {
  return [
    `del-header ${REMOVED_NAMES} -m reg`,
    UPGRADE,
    PASS,
    'add-header x-forwarded-for %[src]',
    `add-header x-forwarded-proto ${schemeOf(isTls)}`,
    'add-header x-forwarded-host %[req.hdr(host)]',
    `add-header x-forwarded-port ${defaultPort(isTls)}`,
    'add-header x-real-ip %[src]',
    'add-header x-request-id %[unique-id]',
  ]
    .map(rule)
    .join('');
}

function schemeOf(isTls: boolean): string {
  return isTls ? 'https' : 'http';
}

function defaultPort(isTls: boolean): string {
  return isTls ? '443' : '80';
}

/**
 * The port that the client named. Only where the look-up of the route missed: a Host with a port stands in no map as it is, so that
 * requests without one, which are most, never get here.
 */
export function portOfHostRule(settings: EngineSettings, missed: string): string {
  // With trusted proxies it is set before, since they may have said it.
  return settings.trustedProxies.length > 0
    ? ''
    : rule(`set-header x-forwarded-port ${PORT_OF_HOST} ${missed} ${HAS_PORT}`);
}

const PORT_OF_HOST = '%[req.hdr(host),port_only]';
const HAS_PORT = '{ req.hdr(host),port_only gt 0 }';

/** How many trusted proxies may stand behind one another, beside the one that connects. */
const MAX_PROXY_HOPS = 4;

/** HAProxy does not start with a line of more than 64 words. */
const PROXIES_PER_LINE = 50;

/** After the claims of strangers are removed, every claim that is left is one of a trusted proxy. */
function trustedRules(settings: EngineSettings, isTls: boolean): string {
  const { trustedProxies: proxies, isForwardedForReplaced = false } = settings;
  return `${acl('is-trusted', 'src', proxies)}${acl('is-proxy', 'var(txn.at)', proxies)}${[
    `del-header ^(?:${CLAIMS}) -m reg if !is-trusted`,
    `del-header ${MISSPELT_CLAIMS} -m reg if is-trusted`,
    'del-header connection',
    UPGRADE,
    PASS,
    ...clientRules(isForwardedForReplaced),
    ...schemeAndPortRules(isTls),
    'add-header x-forwarded-host %[req.hdr(host)] if !{ req.hdr(x-forwarded-host) -m found }',
    'add-header x-request-id %[unique-id] if !{ req.hdr(x-request-id) -m found }',
  ]
    .map(rule)
    .join('')}`;
}

function rule(text: string): string {
  return `    http-request ${text}\n`;
}

function acl(name: string, sample: string, proxies: readonly string[]): string {
  const lines: string[] = [];
  for (let start = 0; start < proxies.length; start += PROXIES_PER_LINE) {
    const some = proxies.slice(start, start + PROXIES_PER_LINE).map((proxy) => {
      invariant(/^[0-9a-fA-F.:/]+$/.test(proxy), `${JSON.stringify(proxy)} is a range of addresses`);
      return proxy;
    });
    lines.push(`    acl ${name} ${sample} -m ip ${some.join(' ')}\n`);
  }
  return lines.join('');
}

/**
 * Finds the client: from the right of X-Forwarded-For past every address that is a trusted proxy. What stands to the left of the first
 * stranger is what that one says, and to the left of something that is no address, such as `unknown`, nothing can be known.
 * From then on the client is the source of the request, in the access log too. Most requests have passed one proxy, and end after the
 * first hop.
 */
function clientRules(isForwardedForReplaced: boolean): readonly string[] {
  const furtherHops = Array.from({ length: MAX_PROXY_HOPS }, (_, hop) => [
    `set-var-fmt(txn.at) %[req.hdr_ip(x-forwarded-for,-${String(hop + 2)})] if { var(txn.hops) -m found } is-proxy`,
    'set-var(txn.client) var(txn.at) if { var(txn.hops) -m found } { var(txn.at) -m len gt 0 }',
  ]);
  return [
    // `[2001:db8::1]:443`: the one way to write an address that HAProxy does not read (RFC 7239 §6).
    String.raw`replace-value x-forwarded-for ^\\[(.*)\\]:\\d+$ \\1 if { req.hdr(x-forwarded-for) -m sub ]: }`,
    // An empty text, and not what was there before, for what is no address.
    'set-var-fmt(txn.at) %[req.hdr_ip(x-forwarded-for,-1)] if is-trusted',
    'set-var(txn.client) var(txn.at) if { var(txn.at) -m len gt 0 }',
    'set-var(txn.hops) bool(true) if is-proxy',
    ...furtherHops.flat(),
    // A proxy that says it in another header only.
    'set-var(txn.client) req.hdr_ip(x-real-ip) if is-trusted !{ req.hdr(x-forwarded-for) -m found }',
    'add-header x-forwarded-for %[src]',
    'set-src var(txn.client) if { var(txn.client) -m found }',
    'set-header x-real-ip %[src]',
    ...(isForwardedForReplaced ? ['set-header x-forwarded-for %[src]'] : []),
  ];
}

/**
 * The scheme that the client used: WebSocket clients of some proxies come as `wss`, which is `https`, and only that spelling is passed
 * on. And the port that it connected to: what the proxy says, or what follows from the scheme that it says, or what the client named.
 */
function schemeAndPortRules(isTls: boolean): readonly string[] {
  const isUnusual = '!{ req.fhdr(x-forwarded-proto) -m str http https }';
  const isOpen = '!{ req.hdr(x-forwarded-port) -m found }';
  // Where several proxies have appended theirs, the first is what the client used.
  const isFirst = (schemes: string): string => `{ req.hdr(x-forwarded-proto,1) -m str -i ${schemes} }`;
  return [
    `set-header x-forwarded-proto https if ${isUnusual} ${isFirst('https wss')}`,
    `set-header x-forwarded-proto http if ${isUnusual} ${isFirst('http ws')}`,
    `del-header x-forwarded-proto if ${isUnusual}`,
    `add-header x-forwarded-port 443 if ${isOpen} { req.hdr(x-forwarded-proto) -m str https }`,
    `add-header x-forwarded-port 80 if ${isOpen} { req.hdr(x-forwarded-proto) -m str http }`,
    `add-header x-forwarded-port ${PORT_OF_HOST} if ${isOpen} ${HAS_PORT}`,
    `add-header x-forwarded-port ${defaultPort(isTls)} if ${isOpen}`,
    `add-header x-forwarded-proto ${schemeOf(isTls)} if !{ req.hdr(x-forwarded-proto) -m found }`,
  ];
}
