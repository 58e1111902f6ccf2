/** A version of the Internet Protocol. */
export type IpFamily = 4 | 6;

/** An IP address as a number: what ranges are compared and counted in. */
export interface IpNumber {
  readonly family: IpFamily;
  /** 32 bits for IPv4, 128 for IPv6. */
  readonly value: bigint;
}

/** How many bits an address of a family has. */
export function widthOf(family: IpFamily): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Reads an address that is known to be one (dotted decimal, or any text form of RFC 4291 §2.2); garbage gives garbage. */
export function ipNumberOf(text: string): IpNumber {
  return text.includes(':') ? { family: 6, value: ipv6Value(text) } : { family: 4, value: BigInt(ipv4Value(text)) };
}

function ipv4Value(text: string): number {
  return text.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

function ipv6Value(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const gap = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => 0);
  return [...left, ...gap, ...right].reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** The 16-bit groups of one side of `::`; an embedded IPv4 address is two of them. */
function groupsOf(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const value = ipv4Value(group);
    return [Math.floor(value / 65_536), value % 65_536];
  });
}

/** The canonical text of an address: dotted decimal, or RFC 5952. */
export function ipTextOf({ family, value }: IpNumber): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  const { start, length } = longestZeros(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The first longest run of zero groups: what `::` stands for (RFC 5952 §4.2). */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}
