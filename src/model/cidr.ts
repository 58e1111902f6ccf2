import { ipNumberOf, ipTextOf, widthOf, type IpFamily, type IpNumber } from '../lib/ip-number.ts';
import { ipAddressOf, type IpAddress } from './grammar.ts';

/** A range of addresses that share a prefix (RFC 4632); `address` is its first, `text` its canonical form. */
export interface Cidr {
  readonly family: IpFamily;
  readonly address: IpAddress;
  readonly prefix: number;
  readonly text: string;
}

/**
 * `text` as a Cidr, or undefined: `192.0.2.0/24`, with blanks around it and bits behind the prefix
 * tolerated, as the API server tolerates both in loadBalancerSourceRanges.
 */
export function cidrOf(text: string): Cidr | undefined {
  const [, address = '', digits = ''] = /^\s*([0-9A-Fa-f.:]+)\/(\d{1,3})\s*$/.exec(text) ?? [];
  const ip = ipAddressOf(address);
  const prefix = Number(digits);
  if (ip === undefined) return undefined;
  const { family, value } = ipNumberOf(ip);
  return prefix > widthOf(family) ? undefined : rangeOf({ family, value }, prefix);
}

/** The range of one address alone. */
export function hostCidr(address: IpAddress): Cidr {
  const number = ipNumberOf(address);
  return rangeOf(number, widthOf(number.family));
}

function rangeOf({ family, value }: IpNumber, prefix: number): Cidr {
  const shift = BigInt(widthOf(family) - prefix);
  const text = ipTextOf({ family, value: (value >> shift) << shift });
  // What ipTextOf writes is canonical, which is what the brand says.
  return { family, address: text as IpAddress, prefix, text: `${text}/${String(prefix)}` };
}

/** How many addresses a range holds. */
export function sizeOf({ family, prefix }: Cidr): bigint {
  return 1n << BigInt(widthOf(family) - prefix);
}

/** The address at an offset from the first one of a range. */
export function addressAt(cidr: Cidr, offset: bigint): IpAddress {
  const { family, value } = ipNumberOf(cidr.address);
  return ipTextOf({ family, value: value + offset }) as IpAddress;
}

/** Whether `address` lies in the range. */
export function cidrHas(cidr: Cidr, address: IpAddress): boolean {
  const number = ipNumberOf(address);
  if (number.family !== cidr.family) return false;
  const shift = BigInt(widthOf(cidr.family) - cidr.prefix);
  return number.value >> shift === ipNumberOf(cidr.address).value >> shift;
}

/** The ranges without those that lie in another one, sorted: two CIDRs either nest or have nothing in common. */
export function withoutNested(cidrs: readonly Cidr[]): readonly Cidr[] {
  const sorted = [...cidrs].sort((a, b) => a.prefix - b.prefix || (a.text < b.text ? -1 : 1));
  const kept: Cidr[] = [];
  for (const cidr of sorted) if (!kept.some((outer) => cidrHas(outer, cidr.address))) kept.push(cidr);
  return kept.sort((a, b) => (a.text < b.text ? -1 : 1));
}
