import type { RequestHeaderModifier, ResponseHeaderModifier } from '../../../model/http/filter/header-modifier.ts';
import { headerFields, headerNames } from '../encode-data.ts';
import { DATA_MAPS, type DataMap } from '../files.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

export const requestHeaderModifier: FilterData<RequestHeaderModifier> = {
  flag: '',
  data: (filter) => [{ map: 'requestHeaders', suffix: '', value: changes(filter) }],
};

export const responseHeaderModifier: FilterData<ResponseHeaderModifier> = {
  flag: '',
  data: (filter) => [{ map: 'responseHeaders', suffix: '', value: changes(filter) }],
};

function changes({ remove, set, add }: RequestHeaderModifier | ResponseHeaderModifier): string {
  return [headerNames(remove), headerFields(set), headerFields(add)].join('|');
}

/** Names that are removed, then fields that are set, then fields that are added. HAProxy answers 500 where it is given none. */
const OPERATIONS = ['del', 'set', 'add'] as const;

export const requestHeaderRules: readonly string[] = [
  lookUp('requestHeaders', 'txn.request_headers'),
  ...OPERATIONS.map((operation, index) => `http-request ${edit(operation, index, 'txn.request_headers')}`),
];

/** Looked up when the request comes: by the time of the response the route may be another one. */
export const responseHeaderLookUp: readonly string[] = [lookUp('responseHeaders', 'txn.response_headers')];

export const responseHeaderRules: readonly string[] = OPERATIONS.map(
  (operation, index) => `http-response ${edit(operation, index, 'txn.response_headers')}`,
);

function lookUp(map: DataMap, variable: string): string {
  return `http-request set-var(${variable}) var(txn.rid),map_str(${DATA_MAPS[map]}) if ${hasData(map)}`;
}

function edit(operation: string, index: number, variable: string): string {
  const fields = `var(${variable}),field(${String(index + 1)},|)`;
  return `${operation}-headers-bin ${fields},b64dec if { var(${variable}) -m found } { ${fields} -m len gt 0 }`;
}
