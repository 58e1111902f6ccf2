import { ipNumberOf, ipTextOf } from '../lib/ip-number.ts';

/**
 * The allow-list grammars of the strings that users write. What a grammar admits is safe for every
 * sink it can reach; the encoders of the planes check again.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A lower-case DNS name without trailing dot, possibly with a first label `*`; at most 253 characters. */
export type Hostname = Branded<'Hostname'>;

/** An absolute URL path in the characters of RFC 3986 `pchar` and `/`; at most 4096 characters. */
export type UrlPath = Branded<'UrlPath'>;

/** An IPv4 address in dotted decimal or an IPv6 address in RFC 5952 text. */
export type IpAddress = Branded<'IpAddress'>;

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** RFC 1123 label: names of namespaces, Services, ports. */
export function isDnsLabel(text: string): boolean {
  return LABEL.test(text);
}

/** RFC 1123 subdomain: names of most objects. */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= 253 && text.split('.').every((label) => LABEL.test(label));
}

/** `text` as a Hostname, or undefined. Case is folded, one trailing dot dropped (RFC 4343, RFC 1034 §3.1). */
export function hostnameOf(text: string): Hostname | undefined {
  if (text.length > 254) return undefined;
  const folded = text.toLowerCase().replace(/\.$/, '');
  const name = folded.startsWith('*.') ? folded.slice(2) : folded;
  // Underscores are not host names (RFC 1123) but stand in real certificates and DNS; the API server refuses them too.
  // The brand is given here, where the grammar has just been checked.
  return isDnsSubdomain(name) ? (folded as Hostname) : undefined;
}

/** Whether a host is `*.parent`. */
export function isWildcard(host: Hostname): boolean {
  return host.startsWith('*.');
}

/** Whether the wildcard or plain name `pattern` covers `host`; a `*` stands for exactly one label (RFC 6125 §6.4.3). */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  if (!pattern.startsWith('*.') || host.startsWith('*.')) return false;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot + 1) === pattern.slice(2);
}

const PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$/;

/** `text` as a UrlPath, or undefined. */
export function urlPathOf(text: string): UrlPath | undefined {
  // The brand is given here, where the grammar has just been checked.
  return text.length <= 4096 && PATH.test(text) ? (text as UrlPath) : undefined;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const IPV6_GROUP = /^[0-9a-fA-F]{1,4}$/;

/**
 * `text` as an IpAddress in its one canonical form, or undefined. Zones (`%eth0`) and octal or short
 * IPv4 forms are refused.
 */
export function ipAddressOf(text: string): IpAddress | undefined {
  // The brand is given here, where the grammar has just been checked.
  if (IPV4.test(text)) return text as IpAddress;
  return isIpv6(text) ? (ipTextOf(ipNumberOf(text)) as IpAddress) : undefined;
}

/** Whether an IpAddress is IPv6. */
export function isIpv6Address(address: IpAddress): boolean {
  return address.includes(':');
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2 || text.length > 45) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  const embedded = last !== undefined && IPV4.test(last);
  const plain = embedded ? groups.slice(0, -1) : groups;
  const width = plain.length + (embedded ? 2 : 0);
  if (!plain.every((group) => IPV6_GROUP.test(group))) return false;
  return halves.length === 2 ? width < 8 : width === 8;
}

/** Whether `value` is a TCP or UDP port. */
export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
}
