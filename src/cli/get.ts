import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { stringify } from 'yaml';
import { Fault } from '../lib/fault.ts';
import { askApi, withApiAddress } from './api.ts';
import { LISTINGS, type Listing } from './columns.ts';
import { print } from './print.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `Examples:
  sluice get routes
  sluice get routes shop.example.com
  sluice get services -n shop -o wide
  sluice get findings -o json
`;

const WHAT = LISTINGS.map(({ plural }) => plural);

interface GetFlags {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly output: 'table' | 'wide' | 'json' | 'yaml';
  readonly apiAddress: string;
}

/** `sluice get`: what a running Sluice serves, through its HTTP API. */
export function getCommand(): Command {
  const command = new Command('get')
    .description('Show what a running Sluice serves.')
    .addHelpText('before', EXAMPLES)
    .addArgument(new Argument(`<${WHAT.join('|')}>`, 'what to show').argParser(listingOf))
    .argument('[name]', 'only what has this name: a host, a Service, a Secret, an object')
    .option('-n, --namespace <name>', 'only what objects of this namespace made')
    .option('-A, --all-namespaces', 'of all namespaces, which is the default')
    .addOption(new Option('-o, --output <format>').choices(['table', 'wide', 'json', 'yaml']).default('table'));
  return withApiAddress(command).action(
    async (listing: Listing<unknown>, name: string | undefined, flags: GetFlags) => {
      const items = await fetchItems(flags.apiAddress, listing.plural);
      printRows(listing, items, name, flags);
    },
  );
}

function listingOf(word: string): Listing<unknown> {
  const found = LISTINGS.find(({ plural, aliases }) => plural === word || aliases.includes(word));
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`There are: ${WHAT.join(', ')}.`);
}

async function fetchItems(address: string, what: string): Promise<readonly unknown[]> {
  const { items } = await askApi(address, `/api/v1/${what}`);
  return Array.isArray(items) ? items.map((item: unknown) => item) : [];
}

/** @throws Fault when something was asked for by name and is not there */
function printRows(
  { plural, columns, namesOf }: Listing<unknown>,
  items: readonly unknown[],
  name: string | undefined,
  { namespace, allNamespaces, output }: GetFlags,
): void {
  const rows = items.filter((row) => {
    const found = namesOf(row);
    const isThere = namespace === undefined || allNamespaces === true || found.namespace === namespace;
    return isThere && (name === undefined || found.names.includes(name));
  });
  const where = namespace === undefined || allNamespaces === true ? '' : ` in namespace ${namespace}`;
  if (name !== undefined && rows.length === 0)
    throw new Fault('not-found', `there are no ${plural} named "${name}"${where}`, { retryable: false });
  if (output === 'json') print(`${JSON.stringify({ items: rows }, undefined, 2)}\n`);
  else if (output === 'yaml') print(stringify({ items: rows }));
  // Not on standard output, whose lines are counted and piped.
  else if (rows.length === 0) process.stderr.write(`There are no ${plural}${where}.\n`);
  else {
    const hidden = output === 'wide' ? 'narrow' : 'wide';
    const shown = columns.filter((column) => column.only !== hidden);
    const cells = rows.map((row) => shown.map((column) => column.cell(row)));
    print(
      formatTable(
        shown.map((column) => column.heading),
        cells,
      ),
    );
  }
}
