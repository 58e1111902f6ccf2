import { InvalidArgumentError } from 'commander';
import { cidrOf, hostCidr, type Cidr } from '../model/cidr.ts';
import { hostnameOf, ipAddressOf, isPort } from '../model/grammar.ts';
import type { PublishedAddress } from '../model/service.ts';

/** Readers of option values: each returns what the option means, or throws what commander prints as its mistake. */

export function portOf(text: string): number {
  const port = Number(text);
  if (!isPort(port)) throw new InvalidArgumentError('Give a port from 1 to 65535.');
  return port;
}

/** HOST:PORT as it was given; an IPv6 address stands in brackets. */
export function hostPortOf(text: string): string {
  if (isHostPort(text)) return text;
  throw new InvalidArgumentError('Give it as HOST:PORT, such as 127.0.0.1:9901 or [::1]:9901.');
}

/** Where a server is to listen: the same, or :PORT for all addresses. */
export function listenOn(text: string): string {
  if (isHostPort(text) || (/^:\d{1,5}$/.test(text) && isPort(Number(text.slice(1))))) return text;
  throw new InvalidArgumentError(
    'Give it as HOST:PORT, such as 127.0.0.1:9901 or [::1]:9901, or as :PORT for all addresses.',
  );
}

function isHostPort(text: string): boolean {
  const [, host = '', port] = /^(\[[^\]]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  const isHost = host.startsWith('[') ? ipAddressOf(host.slice(1, -1)) !== undefined : host !== '';
  return isHost && isPort(Number(port));
}

export function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('Give a whole number from 1.');
  return count;
}

export function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds < 0) throw new InvalidArgumentError('Give a number of seconds.');
  return seconds;
}

export function addressesOf(text: string): readonly string[] {
  return text.split(',').map((item) => {
    const address = ipAddressOf(item.trim());
    if (address === undefined) throw new InvalidArgumentError(`"${item}" is not an IP address.`);
    return address;
  });
}

/** Ranges; a plain address stands for itself alone. */
export function cidrsOf(text: string): readonly Cidr[] {
  return text.split(',').map((item) => {
    const address = ipAddressOf(item.trim());
    const cidr = address === undefined ? cidrOf(item) : hostCidr(address);
    if (cidr === undefined) throw new InvalidArgumentError(`"${item}" is not a CIDR such as 192.0.2.0/24.`);
    return cidr;
  });
}

export function publishedOf(text: string): readonly PublishedAddress[] {
  return text.split(',').map((item) => {
    const ip = ipAddressOf(item.trim());
    if (ip !== undefined) return { ip };
    const hostname = hostnameOf(item.trim());
    if (hostname === undefined) throw new InvalidArgumentError(`"${item}" is neither an IP address nor a host name.`);
    return { hostname };
  });
}

export function keyArgument(text: string): string {
  if (!/^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(text)) throw new InvalidArgumentError('Give it as namespace/name.');
  return text;
}

export function portRangeOf(text: string): { readonly first: number; readonly last: number } {
  const [, first = '', last = ''] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (!isPort(range.first) || !isPort(range.last) || range.last < range.first)
    throw new InvalidArgumentError('Give it as FIRST-LAST, such as 30000-32767.');
  return range;
}

/** The name of a network interface, or its beginning (IFNAMSIZ leaves 15 characters). */
export function interfaceOf(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,15}$/.test(text)) throw new InvalidArgumentError('Give the name of a network interface.');
  return text;
}
