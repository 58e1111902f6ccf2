import type { AllocationSettings, ExternalIpPolicy, L4Settings } from '../../compile/l4/l4-settings.ts';
import { addressRangeOf, familyOf, type AddressRange } from '../../model/address-range.ts';
import type { RouterRange } from '../../compile/announce/router-numbers.ts';
import { cidrOf, hostCidr, type Cidr } from '../../model/cidr.ts';
import { hostnameOf, ipAddressOf, isDnsLabel, isDnsSubdomain, isPort } from '../../model/grammar.ts';
import type { LabelRequirement, LabelSelector } from '../../model/label-selector.ts';
import type { PublishedAddress } from '../../model/service.ts';
import { ROLES, type RoleName } from '../role.ts';
import { UsageMistake } from './flag.ts';

/** Readers of what flags are given: each returns what that means, or throws what is wrong with it as a {@link UsageMistake}. */

/** Any text that says something. */
export function textOf(text: string): string {
  if (text.trim() === '') throw new UsageMistake('Give something.');
  return text;
}

/** One of a few words. */
export function oneOf<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new UsageMistake(`Give one of: ${words.join(', ')}.`);
    return found;
  };
}

export function allowOrDeny(text: string): boolean {
  return oneOf('allow', 'deny')(text) === 'allow';
}

export function portOf(text: string): number {
  const port = Number(text);
  if (!isPort(port)) throw new UsageMistake('Give a port from 1 to 65535.');
  return port;
}

/** HOST:PORT as it was given; an IPv6 address stands in brackets. */
export function hostPortOf(text: string): string {
  if (isHostPort(text)) return text;
  throw new UsageMistake('Give it as HOST:PORT, such as 127.0.0.1:9901 or [::1]:9901.');
}

/** Where a server is to listen: the same, or :PORT for all addresses. */
export function listenOn(text: string): string {
  if (isHostPort(text) || (/^:\d{1,5}$/.test(text) && isPort(Number(text.slice(1))))) return text;
  throw new UsageMistake('Give it as HOST:PORT, such as 127.0.0.1:9901 or [::1]:9901, or as :PORT for all addresses.');
}

/** The same, or `none` for nowhere. */
export function listenOnOrNone(text: string): string | undefined {
  return text === 'none' ? undefined : listenOn(text);
}

function isHostPort(text: string): boolean {
  const [, host = '', port] = /^(\[[^\]]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  const isHost = host.startsWith('[') ? ipAddressOf(host.slice(1, -1)) !== undefined : host !== '';
  return isHost && isPort(Number(port));
}

export function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new UsageMistake('Give a whole number from 1.');
  return count;
}

/** A routing table that is not one of the kernel's own. */
export function routeTableOf(text: string): number {
  const number = countOf(text);
  if (number > 0xffff_ffff || (number >= 253 && number <= 255))
    throw new UsageMistake(
      'Give a number from 1 to 4294967295 that is not 253, 254 or 255, which are the kernel’s own.',
    );
  return number;
}

/** Seconds, as milliseconds. */
export function secondsAsMs(text: string): number {
  const seconds = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(seconds) || seconds < 0) throw new UsageMistake('Give a number of seconds.');
  return seconds * 1_000;
}

const UNIT_SECONDS = { h: 3600, m: 60, s: 1 } as const;

/** A duration as kube-proxy takes it, such as 24h0m0s, in whole seconds. */
export function durationAsS(text: string): number {
  const parts = [...text.matchAll(/(\d+)([hms])/g)];
  const isWhole = text === '0' || (parts.length > 0 && parts.map(([part]) => part).join('') === text);
  if (!isWhole) throw new UsageMistake('Give a duration such as 24h, 1h30m or 90s; 0 leaves the kernel its own.');
  return parts.reduce(
    (sum, [, digits, unit]) => sum + Number(digits) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS],
    0,
  );
}

export function countOrNone(text: string): number {
  return text === '0' ? 0 : countOf(text);
}

export function addressesOf(text: string): readonly string[] {
  return text.split(',').map((item) => {
    const address = ipAddressOf(item.trim());
    if (address === undefined) throw new UsageMistake(`"${item}" is not an IP address.`);
    return address;
  });
}

/** Ranges; a plain address stands for itself alone. */
export function cidrsOf(text: string): readonly Cidr[] {
  return text.split(',').map((item) => {
    const address = ipAddressOf(item.trim());
    const cidr = address === undefined ? cidrOf(item) : hostCidr(address);
    if (cidr === undefined) throw new UsageMistake(`"${item}" is not a CIDR such as 192.0.2.0/24.`);
    return cidr;
  });
}

/** Ranges of addresses as pools have them; a plain address stands for itself alone. */
export function addressRangesOf(text: string): readonly AddressRange[] {
  return text.split(',').map((item) => {
    const address = ipAddressOf(item.trim());
    const range =
      address === undefined ? addressRangeOf(item) : { family: familyOf(address), first: address, last: address };
    if (range === undefined)
      throw new UsageMistake(`"${item}" is not a range such as 192.0.2.10-192.0.2.50 or 192.0.2.0/28.`);
    return range;
  });
}

/** Ranges as they are written. */
export function cidrTextsOf(text: string): readonly string[] {
  return cidrsOf(text).map((cidr) => cidr.text);
}

export function clusterIpRangesOf(text: string): readonly Cidr[] {
  const ranges = cidrsOf(text);
  const families = new Set(ranges.map(({ family }) => family));
  if (families.size !== ranges.length) throw new UsageMistake('Give one range a family.');
  return ranges;
}

export function nodePortAddressesOf(text: string): L4Settings['nodePortAddresses'] {
  return text === 'primary' ? text : cidrsOf(text);
}

export function externalIpsOf(text: string): ExternalIpPolicy {
  return text === 'allow' || text === 'deny' ? { kind: text } : { kind: 'ranges', cidrs: cidrsOf(text) };
}

export function publishedOf(text: string): readonly PublishedAddress[] {
  return text.split(',').map((item) => {
    const ip = ipAddressOf(item.trim());
    if (ip !== undefined) return { ip };
    const hostname = hostnameOf(item.trim());
    if (hostname === undefined) throw new UsageMistake(`"${item}" is neither an IP address nor a host name.`);
    return { hostname };
  });
}

export function namespacesOf(text: string): readonly string[] {
  const names = text.split(',').map((item) => item.trim());
  const wrong = names.find((name) => !isDnsLabel(name));
  if (wrong !== undefined) throw new UsageMistake(`"${wrong}" is not the name of a namespace.`);
  return [...new Set(names)].sort();
}

/** The name of an object in a namespace. */
export function namespacedNameOf(text: string): string {
  if (!/^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(text)) throw new UsageMistake('Give it as namespace/name.');
  return text;
}

export function portRangeOf(text: string): AllocationSettings['nodePorts'] {
  const [, first = '', last = ''] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (!isPort(range.first) || !isPort(range.last) || range.last < range.first)
    throw new UsageMistake('Give it as FIRST-LAST, such as 30000-32767.');
  return range;
}

/** Identifiers of virtual routers (RFC 9568 §5.2.3). */
export function routerRangeOf(text: string): RouterRange {
  const [, from = '', to = ''] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (first < 1 || last > 255 || last < first)
    throw new UsageMistake('Give it as FIRST-LAST, from 1 to 255, such as 101-250.');
  return { first, count: last - first + 1 };
}

/** What keepalived can do and does not take every busy moment for a death: hundredths of a second up to 40.95 s. */
export function advertisementMsOf(text: string): number {
  const milliseconds = Number(text);
  if (!Number.isInteger(milliseconds / 10) || milliseconds < 20 || milliseconds > 40_950)
    throw new UsageMistake('Give a multiple of 10 from 20 to 40950.');
  return milliseconds;
}

/** The name of a network interface, or its beginning (IFNAMSIZ leaves 15 characters). */
export function interfaceOf(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,15}$/.test(text)) throw new UsageMistake('Give the name of a network interface.');
  return text;
}

/** A label selector as kubectl takes it: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, and several with commas between. */
export function labelSelectorOf(text: string): LabelSelector {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  return { requirements: parts.map(requirementOf) };
}

const LABEL_KEY = String.raw`(?:[a-z0-9][a-z0-9.-]*\/)?[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?`;
const LABEL_VALUE = String.raw`(?:[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)?`;
const REQUIREMENT = new RegExp(
  `^(?:(?<absent>!)?\\s*(?<key>${LABEL_KEY})|(?<name>${LABEL_KEY})(?:\\s*(?<sign>==?|!=)\\s*(?<value>${LABEL_VALUE})|\\s+(?<word>in|notin)\\s*\\((?<list>[^()]*)\\)))$`,
);

function requirementOf(text: string): LabelRequirement {
  const { absent, key, name, sign, value, word, list } = REQUIREMENT.exec(text)?.groups ?? {};
  if (key !== undefined) return { key, operator: absent === undefined ? 'Exists' : 'DoesNotExist', values: [] };
  const values = value === undefined ? (list ?? '').split(',').map((item) => item.trim()) : [value];
  if (name === undefined || values.some((item) => !new RegExp(`^${LABEL_VALUE}$`).test(item)))
    throw new UsageMistake(`"${text}" is no part of a label selector such as team=shop,tier in (a,b),!legacy.`);
  return { key: name, operator: sign === '!=' || word === 'notin' ? 'NotIn' : 'In', values };
}

export function objectNameOf(text: string): string {
  if (!isDnsSubdomain(text))
    throw new UsageMistake('Give the name of an object: lower case letters, digits, "-" and ".".');
  return text;
}

export function nodeNameOf(text: string): string {
  if (!isDnsSubdomain(text)) throw new UsageMistake('Give the name of a Node object.');
  return text;
}

export function rolesOf(text: string): ReadonlySet<RoleName> {
  const roles = text.split(',').map((item) => {
    const role = ROLES.find((name) => name === item.trim());
    if (role === undefined) throw new UsageMistake(`"${item}" is none of ${ROLES.join(', ')}.`);
    return role;
  });
  return new Set(roles);
}
