import type { BgpPeerState } from '../model/bgp-peer-state.ts';
import type { AddressRow, PoolRow } from '../observe/address-rows.ts';
import type { GatewayRow } from '../observe/gateway-rows.ts';
import type { ServiceRow } from '../observe/service-rows.ts';
import type { CertificateRow, FindingRow, RouteRow } from '../observe/views.ts';

/** A column: its heading, its cell, and whether it is shown only with `-o wide`, or only without. */
export interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
  readonly only?: 'wide' | 'narrow';
}

/** The objects that a row speaks of. */
export interface RowNames {
  /** Empty where no object made the row. */
  readonly namespace: string;
  /** What a person may ask for it by. */
  readonly names: readonly string[];
}

/** One of the things that `sluice get` shows. */
export interface Listing<Row> {
  /** Also the last part of its path in the API. */
  readonly plural: string;
  /** Other words for it. */
  readonly aliases: readonly string[];
  readonly columns: readonly Column<Row>[];
  readonly namesOf: (row: Row) => RowNames;
}

const ROUTES: Listing<RouteRow> = {
  plural: 'routes',
  aliases: ['route'],
  namesOf: (row) => ({ namespace: namespaceOf(row.owner), names: [row.host] }),
  columns: [
    { heading: 'host', cell: (row) => row.host },
    { heading: 'path', cell: (row) => row.path },
    { heading: 'match', cell: (row) => row.match },
    { heading: 'target', cell: (row) => row.target },
    { heading: 'ready', cell: (row) => String(row.readyEndpoints) },
    { heading: 'tls', cell: (row) => (row.tls ? 'yes' : 'no') },
    { heading: 'ingress', cell: (row) => row.owner },
    { heading: 'redirect', cell: (row) => (row.redirectsToHttps ? 'https' : ''), only: 'wide' },
  ],
};

const GATEWAYS: Listing<GatewayRow> = {
  plural: 'gateways',
  aliases: ['gateway', 'gw'],
  namesOf: (row) => objectNames(row.gateway),
  columns: [
    { heading: 'gateway', cell: (row) => row.gateway },
    { heading: 'listener', cell: (row) => row.listener },
    { heading: 'kinds', cell: (row) => row.kinds.join(',') || '-' },
    { heading: 'routes', cell: (row) => String(row.attachedRoutes) },
    { heading: 'served', cell: (row) => (row.served ? 'yes' : 'no') },
    { heading: 'problem', cell: (row) => row.problem },
  ],
};

const SERVICES: Listing<ServiceRow> = {
  plural: 'services',
  aliases: ['service', 'svc'],
  namesOf: (row) => objectNames(row.service),
  columns: [
    { heading: 'service', cell: (row) => row.service },
    { heading: 'port', cell: (row) => `${String(row.port)}/${row.protocol}` },
    { heading: 'addresses', cell: (row) => row.addresses.join(',') || '-' },
    { heading: 'node port', cell: (row) => (row.nodePort === 0 ? '-' : String(row.nodePort)) },
    { heading: 'ready', cell: (row) => String(row.ready.length) },
    { heading: 'draining', cell: (row) => String(row.draining.length) },
    { heading: 'kernel', cell: (row) => row.kernel },
    { heading: 'http', cell: (row) => row.http || '-', only: 'wide' },
    {
      heading: 'endpoints',
      cell: (row) => [...row.ready, ...row.draining.map((item) => `${item} (draining)`)].join(',') || '-',
      only: 'wide',
    },
  ],
};

const ADDRESSES: Listing<AddressRow> = {
  plural: 'addresses',
  aliases: ['address', 'addr'],
  namesOf: (row) => objectNames(row.service),
  columns: [
    { heading: 'service', cell: (row) => row.service },
    { heading: 'addresses', cell: (row) => row.addresses.join(',') },
    { heading: 'pool', cell: (row) => row.pool },
    { heading: 'here', cell: (row) => row.here },
    { heading: 'node', cell: (row) => row.nodes.join(',') || '-' },
    { heading: 'since', cell: (row) => row.since.slice(0, 19) || '-' },
    { heading: 'why', cell: (row) => row.why || '-' },
    { heading: 'conflict', cell: (row) => row.conflict || '-' },
  ],
};

const POOLS: Listing<PoolRow> = {
  plural: 'pools',
  aliases: ['pool'],
  namesOf: (row) => ({ namespace: '', names: [row.pool] }),
  columns: [
    { heading: 'pool', cell: (row) => row.pool },
    { heading: 'family', cell: (row) => row.family },
    { heading: 'addresses', cell: (row) => row.addresses },
    { heading: 'taken', cell: (row) => String(row.taken) },
  ],
};

const PEERS: Listing<BgpPeerState> = {
  plural: 'peers',
  aliases: ['peer', 'bgppeers'],
  namesOf: (row) => objectNames(row.peer),
  columns: [
    { heading: 'peer', cell: (row) => row.peer },
    { heading: 'neighbor', cell: (row) => row.neighbor },
    { heading: 'AS', cell: (row) => (row.peerAs === 0 ? '-' : String(row.peerAs)) },
    { heading: 'state', cell: (row) => row.state },
    { heading: 'since', cell: (row) => row.since },
    { heading: 'prefixes', cell: (row) => String(row.announced) },
    { heading: 'BFD', cell: (row) => row.bfd },
    { heading: 'last error', cell: (row) => row.lastError || '-' },
  ],
};

const CERTIFICATES: Listing<CertificateRow> = {
  plural: 'certificates',
  aliases: ['certificate', 'certs', 'cert'],
  namesOf: (row) => objectNames(row.secret),
  columns: [
    { heading: 'secret', cell: (row) => row.secret },
    { heading: 'hosts', cell: (row) => shortList(row.hosts), only: 'narrow' },
    { heading: 'hosts', cell: (row) => row.hosts.join(','), only: 'wide' },
    { heading: 'expires', cell: (row) => row.notAfter.slice(0, 10) },
    { heading: 'names', cell: (row) => row.dnsNames.join(','), only: 'wide' },
    { heading: 'fingerprint', cell: (row) => row.fingerprint.slice(0, 16), only: 'wide' },
  ],
};

const FINDINGS: Listing<FindingRow> = {
  plural: 'findings',
  aliases: ['finding'],
  namesOf: (row) => objectNames(row.object),
  columns: [
    { heading: 'code', cell: (row) => row.code },
    { heading: 'severity', cell: (row) => row.severity },
    { heading: 'kind', cell: (row) => row.kind },
    { heading: 'object', cell: (row) => row.object },
    { heading: 'field', cell: (row) => row.field },
    { heading: 'message', cell: (row) => row.message },
    { heading: 'reason', cell: (row) => row.reason, only: 'wide' },
    { heading: 'remedy', cell: (row) => row.remedy, only: 'wide' },
  ],
};

/** Everything that `sluice get` shows. */
export const LISTINGS: readonly Listing<unknown>[] = [
  ofRows(ROUTES),
  ofRows(GATEWAYS),
  ofRows(SERVICES),
  ofRows(ADDRESSES),
  ofRows(POOLS),
  ofRows(PEERS),
  ofRows(CERTIFICATES),
  ofRows(FINDINGS),
];

/** The rows come from the API of the same program, whose types these are. */
function ofRows<Row>({ plural, aliases, columns, namesOf }: Listing<Row>): Listing<unknown> {
  return {
    plural,
    aliases,
    namesOf: (row) => namesOf(row as Row),
    columns: columns.map((column) => ({ ...column, cell: (row) => column.cell(row as Row) })),
  };
}

/** `namespace/name` may be asked for by its name alone. */
function objectNames(key: string): RowNames {
  const namespace = namespaceOf(key);
  return { namespace, names: namespace === '' ? [key] : [key, key.slice(namespace.length + 1)] };
}

function namespaceOf(key: string): string {
  const end = key.indexOf('/');
  return end < 0 ? '' : key.slice(0, end);
}

/** As kubectl cuts them: a certificate may have hundreds. */
function shortList(items: readonly string[]): string {
  const rest = items.length - 3;
  return rest <= 0 ? items.join(',') : `${items.slice(0, 3).join(',')} + ${String(rest)} more...`;
}
