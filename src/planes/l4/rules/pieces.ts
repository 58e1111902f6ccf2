import type { Command, TableName } from './command.ts';
import { FAMILIES, MAIN_TABLES, TABLE, WORDS } from './names.ts';
import { deletion, type Transaction } from './transaction.ts';

/** A replacement of everything, in transactions none of which holds nft's lock for long. */
export interface Pieces {
  /** Puts a table together that no packet enters so far. */
  readonly filling: readonly (readonly Command[])[];
  /** Has packets enter it; what served until then is to be deleted in the same transaction. */
  readonly swapping: readonly Command[];
}

/** So many commands with elements, of some hundreds each, are one piece: a session of nft takes no more at once. */
const COMMANDS_PER_PIECE = 8;

const MAIN: readonly TableName[] = FAMILIES.map((family): TableName => `${WORDS[family].family} ${TABLE}`);

/** The pieces of a transaction that replaces everything, all of them about {@link TABLE}. Pure. */
export function inPieces({ commands }: Transaction): Pieces {
  // They are for the spare table as well, whichever that is.
  const replacing = new Set(
    MAIN_TABLES.flatMap((table) => FAMILIES.map((family) => `${WORDS[family].family} ${table}`)),
  );
  const hooked = new Set<string>();
  for (const command of commands)
    if (command.do === 'add-chain' && command.hook !== undefined) hooked.add(`chain ${command.table} ${command.name}`);
  const making: Command[] = [];
  const filling: Command[] = [];
  const swapping: Command[] = [];
  for (const command of commands) {
    const table = tableOf(command);
    const isReplacement = command.do === 'delete-table' || command.do === 'add-table';
    if (isReplacement && replacing.has(table)) continue;
    if (!MAIN.some((main) => main === table) || hooked.has(chainOf(command))) swapping.push(command);
    else if (command.do === 'add') filling.push(command);
    else making.push(command);
  }
  const tables = MAIN.flatMap((table): readonly Command[] => [...deletion(table), { do: 'add-table', table }]);
  return { filling: [[...tables, ...making], ...chunksOf(filling)], swapping };
}

/** Deletes {@link TABLE}, or whichever these commands are printed for. */
export function deletingMain(): readonly Command[] {
  return MAIN.flatMap(deletion);
}

function chunksOf(commands: readonly Command[]): readonly (readonly Command[])[] {
  const chunks: (readonly Command[])[] = [];
  for (let start = 0; start < commands.length; start += COMMANDS_PER_PIECE)
    chunks.push(commands.slice(start, start + COMMANDS_PER_PIECE));
  return chunks;
}

function tableOf(command: Command): string {
  if ('table' in command) return command.table;
  const [family = '', table = ''] = 'set' in command ? command.set.split(' ') : command.id.split(' ').slice(1);
  return `${family} ${table}`;
}

/** Empty where it is about no chain. */
function chainOf(command: Command): string {
  if (command.do === 'add-chain') return `chain ${command.table} ${command.name}`;
  if (command.do === 'add-rule') return `chain ${command.table} ${command.chain}`;
  return command.do === 'flush' ? command.id : '';
}
