import { invariant } from '../../../lib/invariant.ts';
import { TABLE, type MainTable } from './names.ts';

/** A table, as nft names it: `ip sluice`. */
export type TableName = `${'ip' | 'ip6'} ${string}`;

/** What is written of an element of a set or map. */
export interface WrittenElement {
  readonly key: string;
  /** Undefined in a set. */
  readonly value: string | undefined;
  /** For people who list the table. */
  readonly comment?: string;
}

/** A set or map, declared with `typeof`: objects declared with `type` by a newer nft crash an older one. */
export interface SetDeclaration {
  readonly name: string;
  readonly typeOf: string;
  /** Present for a map. */
  readonly data?: string;
  readonly more?: string;
}

/** Where packets of the kernel enter a chain. All of ours are of type nat, which only the first packet of a connection visits. */
export interface Hook {
  readonly hook: 'prerouting' | 'input' | 'output' | 'postrouting';
  readonly priority: number;
  /** For people who list the table. */
  readonly comment: string;
}

/** A chain, set or map: `chain ip sluice cluster-3`. */
export type ObjectId = `${'chain' | 'set' | 'map'} ${TableName} ${string}`;

/** One thing that nft is told to do. Rules and keys are texts in nft's language, which who makes them has encoded. */
export type Command =
  | { readonly do: 'add-table' | 'delete-table'; readonly table: TableName }
  /** One that is there stays as it is. */
  | { readonly do: 'add-set'; readonly table: TableName; readonly set: SetDeclaration }
  /** `hook`: of a base chain. */
  | { readonly do: 'add-chain'; readonly table: TableName; readonly name: string; readonly hook?: Hook }
  | { readonly do: 'add-rule'; readonly table: TableName; readonly chain: string; readonly rule: string }
  | { readonly do: 'flush' | 'delete'; readonly id: ObjectId }
  /** All of one set or map. `create` refuses an element that is there already, where `add` takes it for the same one. */
  | {
      readonly do: 'add' | 'create' | 'delete-elements';
      readonly set: string;
      readonly elements: readonly WrittenElement[];
    };

/** Commands as nft reads them, one a line; what they say of {@link TABLE} is said of `table`. */
export function printCommands(commands: readonly Command[], table: MainTable = TABLE): string {
  const lines = commands.map(printCommand);
  return (table === TABLE ? lines : lines.map((line) => line.replace(OF_TABLE, `$1 ${table}`))).join('\n');
}

/** How a command about {@link TABLE} begins. */
const OF_TABLE = new RegExp(`^([a-z]+ [a-z]+ ip6?) ${TABLE}(?= |$)`);

/** The same, each by itself. */
export function printCommand(command: Command): string {
  switch (command.do) {
    case 'add-table':
      return `add table ${command.table}`;
    case 'delete-table':
      return `delete table ${command.table}`;
    case 'add-set':
      return printSet(command.table, command.set);
    case 'add-chain':
      return `add chain ${command.table} ${command.name}${command.hook === undefined ? '' : ` ${printHook(command.hook)}`}`;
    case 'add-rule':
      return `add rule ${command.table} ${command.chain} ${command.rule}`;
    case 'flush':
    case 'delete':
      return `${command.do} ${command.id}`;
    case 'add':
    case 'create':
      return `${command.do} element ${command.set} { ${command.elements.map(printElement).join(', ')} }`;
    case 'delete-elements':
      return `delete element ${command.set} { ${command.elements.map(printDeleted).join(', ')} }`;
  }
}

function printSet(table: TableName, { name, typeOf, data, more }: SetDeclaration): string {
  const kind = data === undefined ? 'set' : 'map';
  const type = data === undefined ? `typeof ${typeOf};` : `typeof ${typeOf} : ${data};`;
  return `add ${kind} ${table} ${name} { ${type}${more === undefined ? '' : ` ${more}`} }`;
}

function printHook({ hook, priority, comment }: Hook): string {
  return `{ type nat hook ${hook} priority ${String(priority)}; comment "${comment}"; }`;
}

function printElement({ key, value, comment }: WrittenElement): string {
  const noted = comment === undefined ? '' : ` comment "${checkedComment(comment)}"`;
  return value === undefined ? `${key}${noted}` : `${key}${noted} : ${value}`;
}

function printDeleted({ key, value }: WrittenElement): string {
  return value === undefined ? key : `${key} : ${value}`;
}

/** A comment is quoted, and cannot be longer than 128 bytes (nft(8)). */
function checkedComment(comment: string): string {
  invariant(/^[A-Za-z0-9./:-]*$/.test(comment), `${JSON.stringify(comment)} is a name`);
  return comment.slice(0, 127);
}
