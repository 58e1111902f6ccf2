import type { FakeNft } from '../fakes/nft/fake-nft.ts';
import type { Element, Table } from '../fakes/nft/table.ts';

export interface Listing {
  /** By `ip sluice services`: its elements as `key : value`, sorted. */
  readonly sets: Readonly<Record<string, readonly string[]>>;
  /** By `ip sluice cluster-2`: its rules. */
  readonly chains: Readonly<Record<string, readonly string[]>>;
}

/**
 * What stands in the tables, without what nothing leads to any more: a chain that the next change may want stays where it is, and so
 * does a map of clients of which only the next start finds that nobody looks into it. Neither does anything.
 */
export function listingOf(nft: FakeNft): Listing {
  const sets: Record<string, readonly string[]> = {};
  const chains: Record<string, readonly string[]> = {};
  for (const [tableName, table] of nft.tables) {
    const reached = chainsReached(table);
    const statements = [...table.chains].flatMap(([name, { rules }]) =>
      reached.has(name) ? rules.flatMap((rule) => rule.statements) : [],
    );
    const maps = new Set(statements.map((statement) => ('map' in statement ? statement.map : undefined)));
    for (const [name, set] of table.sets)
      if (!name.startsWith('clients-') || maps.has(name))
        sets[`${tableName} ${name}`] = [...set.elements].map(([key, item]) => lineOf(key, item)).sort();
    for (const [name, chain] of table.chains)
      if (reached.has(name)) chains[`${tableName} ${name}`] = chain.rules.map(({ text }) => text);
  }
  return { sets, chains };
}

/** The chains with a hook that look for something, those that elements go to, and those that these go to in turn. */
function chainsReached(table: Table): ReadonlySet<string> {
  const { sets, chains } = table;
  const reached = new Set<string>();
  for (const { elements } of sets.values())
    for (const { value = '' } of elements.values()) reached.add(value.replace(/^goto /, ''));
  for (const [name, { hook }] of chains) if (hook !== undefined && !isIdle(name, table)) reached.add(name);
  // A set that grows while it is walked through is walked through to its end.
  for (const name of reached)
    for (const { statements } of chains.get(name)?.rules ?? [])
      for (const statement of statements)
        if (statement.kind === 'verdict' && 'chain' in statement.verdict) reached.add(statement.verdict.chain);
  return reached;
}

/** Whether no packet can meet anything in a chain: each rule looks into an empty set, or goes to such a chain. */
function isIdle(name: string, table: Table): boolean {
  const { sets, chains } = table;
  return (chains.get(name)?.rules ?? []).every(({ text, statements }) => {
    const looked = [...text.matchAll(/@([\w./-]+)/g)].map((match) => match[1] ?? '');
    const target = statements.flatMap((item) =>
      item.kind === 'verdict' && 'chain' in item.verdict ? item.verdict.chain : [],
    );
    return looked.some((set) => sets.get(set)?.elements.size === 0) || target.some((chain) => isIdle(chain, table));
  });
}

function lineOf(key: string, { value, comment }: Element): string {
  return `${key}${value === undefined ? '' : ` : ${value}`}${comment === undefined ? '' : ` # ${comment}`}`;
}
