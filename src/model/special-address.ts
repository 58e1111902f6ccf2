import { ipNumberOf, ipTextOf } from '../lib/ip-number.ts';
import type { IpAddress } from './grammar.ts';

/** What an address is that leads to no host of its own, or to what surrounds the machine itself. */
export type SpecialAddress = 'loopback' | 'unspecified' | 'link-local' | 'cloud metadata' | 'multicast' | 'broadcast';

/** By text: addresses are canonical, and there may be a hundred thousand of them. */
const KINDS: readonly (readonly [kind: SpecialAddress, text: RegExp])[] = [
  ['loopback', /^(?:127\.|::1$)/],
  // Linux takes a connection to an unspecified address for one to itself.
  ['unspecified', /^(?:0\.0\.0\.0|::)$/],
  ['link-local', /^(?:169\.254\.|fe[89ab][0-9a-f]:)/],
  // Amazon's for IPv6, Google's for IPv6, Alibaba's; those of most others are link-local.
  ['cloud metadata', /^(?:fd00:ec2::254|fd20:ce::254|100\.100\.100\.200)$/],
  ['multicast', /^(?:22[4-9]\.|23\d\.|ff[0-9a-f]{2}:)/],
  ['broadcast', /^255\.255\.255\.255$/],
];

/** Undefined for an ordinary address. `::ffff:127.0.0.1` is what 127.0.0.1 is: the kernel takes one for the other (RFC 4291 §2.5.5.2). */
export function specialAddressOf(address: IpAddress): SpecialAddress | undefined {
  const text = unmappedAddress(address);
  return KINDS.find(([, pattern]) => pattern.test(text))?.[0];
}

/** The IPv4 address inside an IPv4-mapped IPv6 one; any other address as it is. */
export function unmappedAddress(address: IpAddress): IpAddress {
  if (!/^::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(address)) return address;
  // What ipTextOf writes is canonical, which is what the brand says.
  return ipTextOf({ family: 4, value: ipNumberOf(address).value & 0xffff_ffffn }) as IpAddress;
}
