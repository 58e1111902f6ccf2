import { Argument, Command, Option } from 'commander';
import { stringify } from 'yaml';
import { Fault, messageOf } from '../lib/fault.ts';
import type { CertificateRow, FindingRow, RouteRow, ServiceRow } from '../observe/views.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `Examples:
  sluice get routes
  sluice get services -o wide
  sluice get findings -o json

`;

type Output = 'table' | 'wide' | 'json' | 'yaml';

/** A column: its heading and its cell; `isWide` ones are shown with `-o wide` only. */
interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
  readonly isWide?: boolean;
}

const ROUTES: readonly Column<RouteRow>[] = [
  { heading: 'host', cell: (row) => row.host },
  { heading: 'path', cell: (row) => row.path },
  { heading: 'match', cell: (row) => row.match },
  { heading: 'target', cell: (row) => row.target },
  { heading: 'ready', cell: (row) => String(row.readyEndpoints) },
  { heading: 'tls', cell: (row) => (row.tls ? 'yes' : 'no') },
  { heading: 'ingress', cell: (row) => row.owner },
  { heading: 'redirect', cell: (row) => (row.redirectsToHttps ? 'https' : ''), isWide: true },
];

const SERVICES: readonly Column<ServiceRow>[] = [
  { heading: 'service', cell: (row) => row.service },
  { heading: 'port', cell: (row) => String(row.port) },
  { heading: 'protocol', cell: (row) => row.protocol },
  { heading: 'ready', cell: (row) => String(row.ready.length) },
  { heading: 'draining', cell: (row) => String(row.draining.length) },
  {
    heading: 'endpoints',
    cell: (row) => [...row.ready, ...row.draining.map((item) => `${item} (draining)`)].join(','),
    isWide: true,
  },
];

const CERTIFICATES: readonly Column<CertificateRow>[] = [
  { heading: 'secret', cell: (row) => row.secret },
  { heading: 'hosts', cell: (row) => row.hosts.join(',') },
  { heading: 'expires', cell: (row) => row.notAfter.slice(0, 10) },
  { heading: 'names', cell: (row) => row.dnsNames.join(','), isWide: true },
  { heading: 'fingerprint', cell: (row) => row.fingerprint.slice(0, 16), isWide: true },
];

const FINDINGS: readonly Column<FindingRow>[] = [
  { heading: 'code', cell: (row) => row.code },
  { heading: 'severity', cell: (row) => row.severity },
  { heading: 'kind', cell: (row) => row.kind },
  { heading: 'object', cell: (row) => row.object },
  { heading: 'field', cell: (row) => row.field },
  { heading: 'message', cell: (row) => row.message },
  { heading: 'remedy', cell: (row) => row.remedy, isWide: true },
];

/** `sluice get`: what a running Sluice serves, through its HTTP API. */
export function getCommand(): Command {
  return new Command('get')
    .description('Show what a running Sluice serves.')
    .addHelpText('before', EXAMPLES)
    .addArgument(new Argument('<what>').choices(['routes', 'services', 'certificates', 'findings']))
    .addOption(new Option('-o, --output <format>').choices(['table', 'wide', 'json', 'yaml']).default('table'))
    .option('--api-address <host:port>', 'the API of the running Sluice', '127.0.0.1:9901')
    .action(async (what: string, flags: { readonly output: Output; readonly apiAddress: string }) => {
      const items = await fetchItems(flags.apiAddress, what);
      process.stdout.write(format(what, items, flags.output));
    });
}

async function fetchItems(address: string, what: string): Promise<readonly unknown[]> {
  try {
    const response = await fetch(`http://${address}/api/v1/${what}`);
    const body: unknown = await response.json();
    const items: unknown = typeof body === 'object' && body !== null && 'items' in body ? body.items : undefined;
    if (response.ok && Array.isArray(items)) return items.map((item: unknown) => item);
    throw new Fault(
      'api',
      `${address} answered ${String(response.status)}; is that the API of Sluice? Say where it is with --api-address.`,
    );
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault(
      'api',
      `no Sluice answers on ${address} (${messageOf(cause)}). Start one with "sluice run", or say where it is with --api-address.`,
      { cause },
    );
  }
}

function format(what: string, items: readonly unknown[], output: Output): string {
  if (output === 'json') return `${JSON.stringify({ items }, undefined, 2)}\n`;
  if (output === 'yaml') return stringify({ items });
  const isWide = output === 'wide';
  switch (what) {
    case 'routes':
      return tableOf(ROUTES, items, isWide);
    case 'services':
      return tableOf(SERVICES, items, isWide);
    case 'certificates':
      return tableOf(CERTIFICATES, items, isWide);
    default:
      return tableOf(FINDINGS, items, isWide);
  }
}

function tableOf<Row>(columns: readonly Column<Row>[], items: readonly unknown[], isWide: boolean): string {
  if (items.length === 0) return 'None.\n';
  const shown = columns.filter((column) => isWide || column.isWide !== true);
  // The rows come from the API of the same program, whose types these are.
  const rows = items as readonly Row[];
  return formatTable(
    shown.map((column) => column.heading),
    rows.map((row) => shown.map((column) => column.cell(row))),
  );
}
