import { createHash } from 'node:crypto';
import type { BodySize, ConnectionLimit, RateLimit } from '../../../model/http/filter/limits.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import { isListed, listData } from './access-list.ts';
import type { FilterData } from './filter-data.ts';

/** `interval|burst|bucket|status`, the burst in milliseconds, too. */
export const rateLimit: FilterData<RateLimit> = {
  flag: '',
  data: ({ intervalMs, burst, bucket, exempt, status }) => {
    const interval = Math.max(1, Math.round(intervalMs));
    const parts = [interval, Math.min(LONGEST_BURST_MS, interval * burst), bucketName(bucket), status];
    return [{ map: 'rates', suffix: '', value: parts.join('|') }, ...listData('x', exempt)];
  },
};

/** `most|bucket|status`. */
export const connectionLimit: FilterData<ConnectionLimit> = {
  flag: '',
  data: ({ most, bucket, exempt, status }) => [
    { map: 'connections', suffix: '', value: [most, bucketName(bucket), status].join('|') },
    ...listData('x', exempt),
  ],
};

export const bodySize: FilterData<BodySize> = {
  flag: '',
  data: ({ mostBytes }) => [{ map: 'bodies', suffix: '', value: String(mostBytes) }],
};

/** A bucket that is fuller than this is taken for one whose time has gone round (see {@link rateRules}). */
const LONGEST_BURST_MS = 600_000;

/** Keys of stick tables are short. */
function bucketName(bucket: string): string {
  return createHash('sha256').update(bucket).digest('hex').slice(0, 16);
}

/** The static backends whose tables count: limits of HAProxy's own need one. */
export const TABLES = `backend sluice-rates
    stick-table type string len 64 size 100k expire 15m store gpt(1)

backend sluice-connections
    stick-table type string len 64 size 100k expire 15m store conn_cur
`;

const LIMITED = '{ var(txn.bucket) -m found }';
const statusRules = (variable: string, field: number, condition: string): readonly string[] => [
  ...[429, 503].map(
    (status) =>
      `http-request deny status ${String(status)} if ${condition} { var(${variable}),field(${String(field)},|) -m str ${String(status)} }`,
  ),
  // Any other status: rules have theirs written into them.
  `http-request set-var(txn.refused_with) var(${variable}),field(${String(field)},|) if ${condition}`,
  'http-request lua.sluice_refuse if { var(txn.refused_with) -m found }',
];

/**
 * A leaky bucket for each client, as nginx has it, in one number: when it will be empty, in milliseconds of a clock that goes round after
 * twelve days. Two threads may both let the last one in.
 */
export const rateRules: readonly string[] = [
  `http-request set-var(txn.rate) var(txn.rid),map_str(${DATA_MAPS.rates}) if ${hasData('rates')}`,
  `http-request set-var-fmt(txn.bucket) "%[var(txn.rate),field(3,|)]#%[var(txn.client_key)]" if { var(txn.rate) -m found } !${isListed('x')}`,
  `http-request track-sc0 var(txn.bucket) table sluice-rates if ${LIMITED}`,
  `http-request set-var(txn.interval) var(txn.rate),field(1,|),add(0) if ${LIMITED}`,
  `http-request set-var(txn.burst) var(txn.rate),field(2,|),add(0) if ${LIMITED}`,
  `http-request set-var(txn.now) date(0,ms),mod(1073741824) if ${LIMITED}`,
  `http-request set-var(txn.level) sc_get_gpt(0,0),sub(txn.now) if ${LIMITED}`,
  `http-request set-var(txn.level) int(0) if ${LIMITED} { var(txn.level) -m int lt 0 }`,
  `http-request set-var(txn.level) int(0) if ${LIMITED} { var(txn.level) -m int gt ${String(LONGEST_BURST_MS * 2)} }`,
  ...statusRules('txn.rate', 4, `${LIMITED} { var(txn.level),sub(txn.burst) -m int gt 0 }`),
  `http-request set-var(txn.level) var(txn.level),add(txn.now),add(txn.interval) if ${LIMITED}`,
  `http-request sc-set-gpt(0,0) var(txn.level) if ${LIMITED}`,
];

const CONNECTED = '{ var(txn.connections_of) -m found }';

export const connectionRules: readonly string[] = [
  `http-request set-var(txn.connections) var(txn.rid),map_str(${DATA_MAPS.connections}) if ${hasData('connections')}`,
  `http-request set-var-fmt(txn.connections_of) "%[var(txn.connections),field(2,|)]#%[var(txn.client_key)]" if { var(txn.connections) -m found } !${isListed('x')}`,
  `http-request track-sc1 var(txn.connections_of) table sluice-connections if ${CONNECTED}`,
  `http-request set-var(txn.most) var(txn.connections),field(1,|),add(0) if ${CONNECTED}`,
  ...statusRules('txn.connections', 3, `${CONNECTED} { sc_conn_cur(1),sub(txn.most) -m int gt 0 }`),
];

/** A body without Content-Length is waited for as far as a large buffer takes it, so that streaming ends there. */
export const bodyRules: readonly string[] = [
  `http-request set-var(txn.most_bytes) var(txn.rid),map_str(${DATA_MAPS.bodies}),add(0) if ${hasData('bodies')}`,
  'http-request deny status 413 if { var(txn.most_bytes) -m found } { req.hdr_val(content-length),sub(txn.most_bytes) gt 0 }',
  'http-request wait-for-body time 60s at-least 1048000 use-large-buffer if { var(txn.most_bytes) -m found } { req.hdr(transfer-encoding) -m sub chunked }',
  'http-request deny status 413 if { var(txn.most_bytes) -m found } { req.body_len,sub(txn.most_bytes) gt 0 }',
];
