import { ipNumberOf, ipTextOf, widthOf, type IpFamily } from '../lib/ip-number.ts';
import { cidrOf } from './cidr.ts';
import { ipAddressOf, isIpv6Address, type IpAddress } from './grammar.ts';

/** Addresses of one family from the first to the last, both included. */
export interface AddressRange {
  readonly family: IpFamily;
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/**
 * `text` as a range, or undefined: a CIDR, all of whose addresses are meant whatever bits are set behind the prefix, or
 * `FIRST-LAST` with blanks around either (metallb.io/v1beta1 IPAddressPool).
 */
export function addressRangeOf(text: string): AddressRange | undefined {
  const cidr = cidrOf(text);
  if (cidr !== undefined) {
    const { family, value } = ipNumberOf(cidr.address);
    const last = value + (1n << BigInt(widthOf(family) - cidr.prefix)) - 1n;
    return { family, first: cidr.address, last: ipTextOf({ family, value: last }) as IpAddress };
  }
  const [, from = '', to = ''] = /^\s*([0-9A-Fa-f.:]+)\s*-\s*([0-9A-Fa-f.:]+)\s*$/.exec(text) ?? [];
  const [first, last] = [ipAddressOf(from), ipAddressOf(to)];
  if (first === undefined || last === undefined) return undefined;
  const [low, high] = [ipNumberOf(first), ipNumberOf(last)];
  return low.family !== high.family || low.value > high.value ? undefined : { family: low.family, first, last };
}

export function familyOf(address: IpAddress): IpFamily {
  return isIpv6Address(address) ? 6 : 4;
}

/** How many addresses a range holds. */
export function countOf({ first, last }: AddressRange): bigint {
  return ipNumberOf(last).value - ipNumberOf(first).value + 1n;
}

/** Whether `address` lies in the range. */
export function rangeHas({ family, first, last }: AddressRange, address: IpAddress): boolean {
  const number = ipNumberOf(address);
  return number.family === family && number.value >= ipNumberOf(first).value && number.value <= ipNumberOf(last).value;
}

/** Whether two ranges have an address in common. */
export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return rangeHas(a, b.first) || rangeHas(b, a.first);
}

/** A range as people write it; a single address stands for itself. */
export function rangeText({ first, last }: AddressRange): string {
  return first === last ? first : `${first}-${last}`;
}
