import type { HashBy } from '../../../model/http/filter/hash-by.ts';
import { percentEncoded } from '../encode-data.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

/** The key, or `header:NAME`. */
export const hashBy: FilterData<HashBy> = {
  flag: '',
  data: ({ key }) => [
    { map: 'hashes', suffix: '', value: typeof key === 'string' ? key : `header:${percentEncoded(key.header)}` },
  ],
};

const isKey = (key: string): string => `if { var(txn.hash_by) -m str ${key} }`;
const IS_HEADER = 'if { var(txn.hash_by) -m beg header: }';

/** Looked up before the URL is rewritten, and used by `balance hash`. */
export const hashRules: readonly string[] = [
  `http-request set-var(txn.hash_by) var(txn.rid),map_str(${DATA_MAPS.hashes}) if ${hasData('hashes')}`,
  `http-request set-var(txn.hash) src,hex ${isKey('client-address')}`,
  `http-request set-var(txn.hash) req.hdr(host),lower ${isKey('host')}`,
  `http-request set-var(txn.hash) pathq ${isKey('uri')}`,
  `http-request set-var-fmt(txn.hash_of) "%[var(txn.hash_by),bytes(7),url_dec]|%[req.hdrs]" ${IS_HEADER}`,
  // A reference to its own begin finds a header whose name is data.
  String.raw`http-request set-var(txn.header) 'var(txn.hash_of),regsub("^([^|]+)[|](?:[^\n]*\n)*?\1: ([^\r\n]*)(?s:.*)$","=\2")' ${IS_HEADER}`,
  `http-request set-var(txn.hash) var(txn.header),bytes(1) ${IS_HEADER} { var(txn.header) -m beg = }`,
];
