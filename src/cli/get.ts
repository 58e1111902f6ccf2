import { Argument, Command, InvalidArgumentError } from 'commander';
import { option, optional, switchOn, type ValuesOf } from '../app/flags/flag.ts';
import { oneOf, textOf } from '../app/flags/readers.ts';
import { Fault } from '../lib/fault.ts';
import { API_FLAGS, askApi } from './api.ts';
import { LISTINGS, type Listing } from './columns.ts';
import { flagValues, withFlags } from './flag-options.ts';
import { print } from './print.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `Examples:
  sluice get routes
  sluice get routes shop.example.com
  sluice get services -n shop -o wide
  sluice get findings -o json
`;

const WHAT = LISTINGS.map(({ plural }) => plural);

const FLAGS = {
  namespace: optional({
    flag: '-n, --namespace <name>',
    help: 'only what objects of this namespace made',
    read: textOf,
  }),
  allNamespaces: switchOn({ flag: '-A, --all-namespaces', help: 'of all namespaces, which is the default' }),
  output: option({
    flag: '-o, --output <table|wide|json|yaml>',
    help: 'how the rows are written',
    read: oneOf('table', 'wide', 'json', 'yaml'),
    default: 'table',
  }),
};

/** `sluice get`: what a running Sluice serves, through its HTTP API. */
export function getCommand(): Command {
  const command = new Command('get')
    .addHelpText('before', EXAMPLES)
    .addArgument(new Argument(`<${WHAT.join('|')}>`, 'what to show').argParser(listingOf))
    .argument('[name]', 'only what has this name: a host, a Service, a Secret, an object');
  return withFlags(withFlags(command, FLAGS), API_FLAGS).action(
    async (listing: Listing<unknown>, name: string | undefined, _: unknown, parsed: Command) => {
      const api = flagValues(parsed, API_FLAGS, process.env);
      const items = await fetchItems(api, listing.plural);
      await printRows(listing, items, name, flagValues(parsed, FLAGS, {}));
    },
  );
}

function listingOf(word: string): Listing<unknown> {
  const found = LISTINGS.find(({ plural, aliases }) => plural === word || aliases.includes(word));
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`There are: ${WHAT.join(', ')}.`);
}

async function fetchItems(api: ValuesOf<typeof API_FLAGS>, what: string): Promise<readonly unknown[]> {
  const { items } = await askApi(api, `/api/v1/${what}`);
  return Array.isArray(items) ? items.map((item: unknown) => item) : [];
}

/** @throws Fault when something was asked for by name and is not there */
async function printRows(
  { plural, columns, namesOf }: Listing<unknown>,
  items: readonly unknown[],
  name: string | undefined,
  { namespace, allNamespaces, output }: ValuesOf<typeof FLAGS>,
): Promise<void> {
  const rows = items.filter((row) => {
    const found = namesOf(row);
    const isThere = namespace === undefined || allNamespaces || found.namespace === namespace;
    return isThere && (name === undefined || found.names.includes(name));
  });
  const where = namespace === undefined || allNamespaces ? '' : ` in namespace ${namespace}`;
  if (name !== undefined && rows.length === 0)
    throw new Fault('not-found', `there are no ${plural} named "${name}"${where}`, { retryable: false });
  if (output === 'json') print(`${JSON.stringify({ items: rows }, undefined, 2)}\n`);
  else if (output === 'yaml') {
    // Loaded only here: it would take half of the start.
    const { stringify } = await import('yaml');
    print(stringify({ items: rows }));
  }
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
