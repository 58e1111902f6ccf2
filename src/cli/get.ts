import { Argument, Command, Option } from 'commander';
import { stringify } from 'yaml';
import type { ServiceRow } from '../observe/service-rows.ts';
import type { CertificateRow, FindingRow, RouteRow } from '../observe/views.ts';
import { askApi, withApiAddress } from './api.ts';
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
  { heading: 'port', cell: (row) => `${String(row.port)}/${row.protocol}` },
  { heading: 'addresses', cell: (row) => row.addresses.join(',') || '-' },
  { heading: 'node port', cell: (row) => (row.nodePort === 0 ? '-' : String(row.nodePort)) },
  { heading: 'ready', cell: (row) => String(row.ready.length) },
  { heading: 'draining', cell: (row) => String(row.draining.length) },
  { heading: 'kernel', cell: (row) => row.kernel },
  { heading: 'http', cell: (row) => row.http || '-', isWide: true },
  {
    heading: 'endpoints',
    cell: (row) => [...row.ready, ...row.draining.map((item) => `${item} (draining)`)].join(',') || '-',
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
  const command = new Command('get')
    .description('Show what a running Sluice serves.')
    .addHelpText('before', EXAMPLES)
    .addArgument(new Argument('<what>').choices(['routes', 'services', 'certificates', 'findings']))
    .addOption(new Option('-o, --output <format>').choices(['table', 'wide', 'json', 'yaml']).default('table'));
  return withApiAddress(command).action(
    async (what: string, flags: { readonly output: Output; readonly apiAddress: string }) => {
      const items = await fetchItems(flags.apiAddress, what);
      process.stdout.write(format(what, items, flags.output));
    },
  );
}

async function fetchItems(address: string, what: string): Promise<readonly unknown[]> {
  const { items } = await askApi(address, `/api/v1/${what}`);
  return Array.isArray(items) ? items.map((item: unknown) => item) : [];
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
