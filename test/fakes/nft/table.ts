import { cidrHas, cidrOf, hostCidr, type Cidr } from '../../../src/model/cidr.ts';
import { ipAddressOf, isIpv6Address } from '../../../src/model/grammar.ts';
import type { Part } from './expression.ts';
import { refuse } from './refusal.ts';
import type { Rule } from './rule.ts';

export interface Table {
  readonly family: 'ip' | 'ip6';
  readonly chains: Map<string, Chain>;
  readonly sets: Map<string, ElementSet>;
}

export interface Chain {
  /** As declared; undefined for a chain that only others go to. */
  readonly hook: Hook | undefined;
  readonly rules: readonly Rule[];
}

export interface Hook {
  readonly hook: 'prerouting' | 'input' | 'output' | 'postrouting';
  readonly priority: number;
}

export interface ElementSet {
  readonly declaration: string;
  readonly types: readonly Part['kind'][];
  /** `none` for a set. */
  readonly data: 'none' | 'verdict' | 'address' | 'endpoint';
  /** The protocol of the ports that the map holds: nft makes it a condition of every rule that translates by the map. */
  readonly protocol: string | undefined;
  readonly isInterval: boolean;
  /** Whether rules add elements, which time out. */
  readonly isDynamic: boolean;
  readonly elements: ReadonlyMap<string, Element>;
}

export interface Element {
  readonly value: string | undefined;
  readonly comment: string | undefined;
  /** On the fake's own clock, in seconds; undefined: never. */
  readonly expiresS: number | undefined;
}

/** Refuses a key that the set cannot hold. */
export function checkKey(table: Table, name: string, set: ElementSet, key: string): void {
  const words = key.split(' . ');
  const fits =
    words.length === set.types.length &&
    set.types.every((type, index) => {
      const isRanged = set.isInterval && index === words.length - 1;
      return isWordOf(type, words[index] ?? '', table.family, isRanged);
    });
  if (!fits) refuse(`${key} is no key of ${name}, which has ${set.types.join(' . ')}`);
}

/** Refuses a value that the map cannot hold, or that leads nowhere. */
export function checkValue(table: Table, name: string, set: ElementSet, value: string | undefined): void {
  if ((value === undefined) !== (set.data === 'none')) refuse(`a value is ${value ?? 'missing'} in ${name}`);
  if (value === undefined) return;
  if (set.data === 'address') {
    if (!isWordOf('address', value, table.family, false)) refuse(`${value} is no address of ${table.family}`);
    return;
  }
  if (set.data === 'endpoint') {
    const [address = '', port = '', ...more] = value.split(' . ');
    const isOne =
      more.length === 0 &&
      isWordOf('address', address, table.family, false) &&
      isWordOf('port', port, table.family, false);
    if (!isOne) refuse(`${value} is no address and port of ${table.family}`);
    return;
  }
  const target = /^goto ([a-z0-9./-]+)$/.exec(value)?.[1];
  if (target === undefined && value !== 'drop') refuse(`${value} is no verdict of ours`);
  if (target !== undefined && !table.chains.has(target)) refuse(`No such file or directory: chain ${target}`);
}

function isWordOf(type: Part['kind'], word: string, family: 'ip' | 'ip6', isRanged: boolean): boolean {
  switch (type) {
    case 'address': {
      const range = isRanged ? rangeOf(word) : undefined;
      const address = range?.address ?? ipAddressOf(word);
      return address !== undefined && isIpv6Address(address) === (family === 'ip6');
    }
    case 'protocol':
      return /^(?:tcp|udp|sctp)$/.test(word);
    case 'port':
    case 'slot':
      return /^\d+$/.test(word) && Number(word) <= 65_535;
  }
}

/** A range as an interval set has it: a CIDR, or an address alone. */
export function rangeOf(word: string): Cidr | undefined {
  const address = ipAddressOf(word);
  return address === undefined ? cidrOf(word) : hostCidr(address);
}

/** Whether an element of an interval set covers `key`, whose last word is an address. */
export function covers(element: string, key: string): boolean {
  const left = element.split(' . ');
  const right = key.split(' . ');
  const range = rangeOf(left.pop() ?? '');
  const address = ipAddressOf(right.pop() ?? '');
  return (
    left.join(' . ') === right.join(' . ') && range !== undefined && address !== undefined && cidrHas(range, address)
  );
}

/** Whether two elements of an interval set share an address, which the kernel refuses. */
export function overlap(a: string, b: string): boolean {
  const [left, right] = [a, b].map((key) => {
    const words = key.split(' . ');
    return { range: rangeOf(words.pop() ?? ''), rest: words.join(' . ') };
  });
  if (left?.range === undefined || right?.range === undefined || left.rest !== right.rest) return false;
  return cidrHas(left.range, right.range.address) || cidrHas(right.range, left.range.address);
}
