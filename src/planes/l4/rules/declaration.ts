import type { Command, Hook, ObjectId, TableName } from './command.ts';

/** A chain, set or map that exists because elements need it, and for as long as any does. */
export interface Declaration {
  readonly id: ObjectId;
  /** Makes it, or brings one that is there to the same rules. */
  readonly commands: readonly Command[];
}

/** A chain with its rules, and where packets enter it if it is a base chain. */
export interface Chain {
  readonly name: string;
  readonly rules: readonly string[];
  readonly hook?: Hook;
}

/** A chain for {@link Declaration}. */
export function declaredChain(table: TableName, chain: Chain): Declaration {
  return { id: `chain ${table} ${chain.name}`, commands: chainCommands(table, chain) };
}

/** Makes a chain, or gives one that is there already these rules instead of its own. */
export function chainCommands(table: TableName, { name, rules, hook }: Chain): readonly Command[] {
  return [
    { do: 'add-chain', table, name, ...(hook === undefined ? {} : { hook }) },
    { do: 'flush', id: `chain ${table} ${name}` },
    ...rules.map((rule): Command => ({ do: 'add-rule', table, chain: name, rule })),
  ];
}
