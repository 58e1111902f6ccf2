import { ipNumberOf, widthOf } from '../../../lib/ip-number.ts';
import type { Cidr } from '../../../model/cidr.ts';
import type { AccessList } from '../../../model/http/filter/access-list.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import type { Datum, FilterData } from './filter-data.ts';

/** Which list an entry is of: clients that are let in, that are kept out, that limits do not count. */
export type ListLetter = 'a' | 'd' | 'x';

/** Which lists there are, and their ranges. */
export const accessList: FilterData<AccessList> = {
  flag: '',
  data: ({ allow, deny }) => [
    { map: 'access', suffix: '', value: `${allow === undefined ? '' : 'a'}${deny.length === 0 ? '' : 'd'}-` },
    ...listData('a', allow ?? []),
    ...listData('d', deny),
  ],
};

/** Ranges as entries of the map of all lists. */
export function listData(letter: ListLetter, ranges: readonly Cidr[]): readonly Datum[] {
  const suffixes = ranges.flatMap((range) =>
    beginsOf(range).map((begin) => `#${letter}${String(range.family)}${begin}`),
  );
  return [...new Set(suffixes)].map((suffix) => ({ map: 'lists', suffix, value: '1' }));
}

/** The begins, in hexadecimal digits, of all addresses of a range: at most eight, since a digit is four bits. */
function beginsOf({ family, address, prefix }: Cidr): readonly string[] {
  const digits = ipNumberOf(address)
    .value.toString(16)
    .toUpperCase()
    .padStart(widthOf(family) / 4, '0');
  const whole = Math.floor(prefix / 4);
  const rest = prefix % 4;
  const begin = digits.slice(0, whole);
  if (rest === 0) return [begin];
  const first = Number.parseInt(digits.charAt(whole), 16);
  return Array.from({ length: 2 ** (4 - rest) }, (_, index) => `${begin}${(first + index).toString(16).toUpperCase()}`);
}

/** Whether the address of the client is in a list of the route: {@link clientAddressRules} come before. */
export function isListed(letter: ListLetter): string {
  return `{ "var(txn.rid),concat('#${letter}',txn.client_key),map_beg(${DATA_MAPS.lists})" -m found }`;
}

/** The address of the client as lists have it: its family, then its digits. */
export const clientAddressRules: readonly string[] = [
  'http-request set-var(txn.client_hex) src,hex',
  'http-request set-var-fmt(txn.client_key) "4%[var(txn.client_hex)]" if { var(txn.client_hex) -m len 8 }',
  'http-request set-var-fmt(txn.client_key) "6%[var(txn.client_hex)]" if !{ var(txn.client_hex) -m len 8 }',
];

export const accessListRules: readonly string[] = [
  `http-request set-var(txn.access) var(txn.rid),map_str(${DATA_MAPS.access}) if ${hasData('access')}`,
  `http-request deny status 403 if { var(txn.access) -m found } { var(txn.access) -m sub d } ${isListed('d')}`,
  `http-request deny status 403 if { var(txn.access) -m found } { var(txn.access) -m sub a } !${isListed('a')}`,
];
