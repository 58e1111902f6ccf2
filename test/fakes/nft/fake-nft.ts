import { partsOf, typesOf, type Part } from './expression.ts';
import { refuse } from './refusal.ts';
import { ruleOf, type Rule, type Statement } from './rule.ts';
import { checkKey, checkValue, overlap, type Chain, type ElementSet, type Hook, type Table } from './table.ts';

type Tables = Map<string, Table>;
type Command = (match: RegExpExecArray, tables: Tables) => void;

const TABLE = String.raw`(ip6? [a-z-]+)`;
const NAME = '([a-z0-9./-]+)';

/** Every command that our renderer writes, and no other. */
const COMMANDS: readonly (readonly [pattern: RegExp, command: Command])[] = [
  [new RegExp(`^add table ${TABLE}$`), addTable],
  [new RegExp(`^delete table ${TABLE}$`), deleteTable],
  [new RegExp(`^add (set|map) ${TABLE} ${NAME} \\{ (.*) \\}$`), addSet],
  [new RegExp(`^flush (set|map) ${TABLE} ${NAME}$`), flushSet],
  [
    new RegExp(
      `^add chain ${TABLE} ${NAME}(?: \\{ type nat hook (prerouting|input|output|postrouting) priority (-?\\d+); comment "[^"]*"; \\})?$`,
    ),
    addChain,
  ],
  [new RegExp(`^delete (chain|map) ${TABLE} ${NAME}$`), deleteUnused],
  [new RegExp(`^flush chain ${TABLE} ${NAME}$`), flushChain],
  [new RegExp(`^add rule ${TABLE} ${NAME} (.*)$`), addRule],
  [new RegExp(`^(add|create) element ${TABLE} ${NAME} \\{ (.*) \\}$`), addElements],
  [new RegExp(`^delete element ${TABLE} ${NAME} \\{ (.*) \\}$`), deleteElements],
];

/**
 * nftables in memory: takes the transactions that planes/l4 renders, whole or not at all, under the rules of the kernel.
 * Whatever our renderer does not write is refused, so that a new form cannot slip in without the fake knowing what it means.
 */
export class FakeNft {
  #tables: Tables = new Map();
  /** The fake's clock: affinities time out by it. */
  #nowS = 0;

  get tables(): ReadonlyMap<string, Table> {
    return this.#tables;
  }

  get nowS(): number {
    return this.#nowS;
  }

  /** Lets time pass. */
  advance(seconds: number): void {
    this.#nowS += seconds;
    for (const table of this.#tables.values()) for (const [name, set] of table.sets) this.#expire(table, name, set);
  }

  /** @throws FakeNftRefusal when nothing of it was applied. */
  apply(commands: readonly string[]): void {
    this.#tables = this.#judge(commands);
  }

  /** @throws like {@link apply}, which would do it. */
  check(commands: readonly string[]): void {
    this.#judge(commands);
  }

  #judge(commands: readonly string[]): Tables {
    const next: Tables = new Map(
      [...this.#tables].map(([name, { family, chains, sets }]) => [
        name,
        { family, chains: new Map(chains), sets: new Map(sets) },
      ]),
    );
    for (const command of commands) runCommand(command, next);
    return next;
  }

  /** Puts an element into a map as a rule does (`update`). */
  remember(table: Table, name: string, key: string, value: string, timeoutS: number): void {
    const set = setOf(table, name);
    checkKey(table, name, set, key);
    checkValue(table, name, set, value);
    const elements = new Map(set.elements);
    elements.set(key, { value, comment: undefined, expiresS: this.#nowS + timeoutS });
    table.sets.set(name, { ...set, elements });
  }

  #expire(table: Table, name: string, set: ElementSet): void {
    if (!set.isDynamic) return;
    const elements = new Map([...set.elements].filter(([, { expiresS = Infinity }]) => expiresS > this.#nowS));
    table.sets.set(name, { ...set, elements });
  }
}

function runCommand(text: string, tables: Tables): void {
  for (const [pattern, command] of COMMANDS) {
    const match = pattern.exec(text);
    if (match === null) continue;
    command(match, tables);
    return;
  }
  refuse(`no command of ours: ${text}`);
}

function addTable([, name = '']: RegExpExecArray, tables: Tables): void {
  if (tables.has(name)) return;
  tables.set(name, { family: name.startsWith('ip6 ') ? 'ip6' : 'ip', chains: new Map(), sets: new Map() });
}

function deleteTable([, name = '']: RegExpExecArray, tables: Tables): void {
  if (!tables.delete(name)) refuse(`No such file or directory: table ${name}`);
}

function addSet([, kind, tableName = '', name = '', spec = '']: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  const known = table.sets.get(name);
  const declaration = `${kind ?? ''} ${spec}`;
  if (known !== undefined) {
    if (known.declaration !== declaration) refuse(`File exists: ${name} is declared otherwise`);
    return;
  }
  const [, typeOf = '', more = ''] = /^typeof ([^;]+);(.*)$/.exec(spec) ?? refuse(`no declaration of ours: ${spec}`);
  const [key = '', data] = typeOf.split(' : ');
  if ((data === undefined) !== (kind === 'set')) refuse(`${kind ?? ''} ${name} is declared with ${typeOf}`);
  if (!/^(?: flags (?:interval|dynamic,timeout);)?(?: size \d+;)?$/.test(more)) refuse(`no options of ours: ${more}`);
  table.sets.set(name, {
    declaration,
    types: typesOf(partsOf(key, table.family)),
    ...dataOf(data, table),
    isInterval: more.includes('interval'),
    isDynamic: more.includes('dynamic'),
    elements: new Map(),
  });
}

function dataOf(data: string | undefined, table: Table): Pick<ElementSet, 'data' | 'protocol'> {
  if (data === undefined || data === 'verdict') return { data: data ?? 'none', protocol: undefined };
  const [address, port, ...more] = partsOf(data, table.family);
  if (address?.kind !== 'address' || more.length > 0) return refuse(`a map to ${data}`);
  if (port === undefined) return { data: 'address', protocol: undefined };
  return port.kind === 'port' && port.protocol !== undefined
    ? { data: 'endpoint', protocol: port.protocol }
    : refuse(`a map to ${data}, whose protocol nobody knows`);
}

/** The kernel holds on to what is in use. */
function deleteUnused([, kind, tableName = '', name = '']: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  if (kind === 'chain') chainOf(table, name);
  else setOf(table, name);
  const rules = [...table.chains].flatMap(([chain, { rules: all }]) => (chain === name ? [] : all));
  const isNamed = rules.some(({ statements }) => statements.some((statement) => namesOf(statement).includes(name)));
  const values = [...table.sets.values()].flatMap(({ elements }) => [...elements.values()].map(({ value }) => value));
  if (isNamed || (kind === 'chain' && values.includes(`goto ${name}`))) refuse(`Device or resource busy: ${name}`);
  if (kind === 'chain') table.chains.delete(name);
  else table.sets.delete(name);
}

function namesOf(statement: Statement): readonly string[] {
  if (statement.kind === 'verdict') return 'chain' in statement.verdict ? [statement.verdict.chain] : [];
  if (statement.kind === 'member') return [statement.set];
  return 'map' in statement ? [statement.map] : [];
}

function flushSet([, , tableName = '', name = '']: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  table.sets.set(name, { ...setOf(table, name), elements: new Map() });
}

function addChain([, tableName = '', name = '', hook, priority]: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  // The pattern admits no other word.
  const wanted: Hook | undefined =
    hook === undefined ? undefined : { hook: hook as Hook['hook'], priority: Number(priority) };
  const known = table.chains.get(name);
  if (known !== undefined && JSON.stringify(known.hook) !== JSON.stringify(wanted))
    refuse(`File exists: chain ${name}`);
  if (known === undefined) table.chains.set(name, { hook: wanted, rules: [] });
}

function flushChain([, tableName = '', name = '']: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  table.chains.set(name, { ...chainOf(table, name), rules: [] });
}

function addRule([, tableName = '', name = '', text = '']: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  const chain = chainOf(table, name);
  const rule = ruleOf(text, table.family);
  checkReferences(table, rule);
  table.chains.set(name, { ...chain, rules: [...chain.rules, rule] });
}

function checkReferences(table: Table, { statements }: Rule): void {
  for (const statement of statements) {
    if (statement.kind === 'verdict' && 'chain' in statement.verdict) chainOf(table, statement.verdict.chain);
    if (statement.kind === 'member') checkUse(table, statement.set, statement.key, 'none');
    if (statement.kind === 'verdict-map') checkUse(table, statement.map, statement.key, 'verdict');
    if (statement.kind === 'translate')
      checkUse(table, statement.map, statement.key, statement.port === undefined ? 'endpoint' : 'address');
    if (statement.kind === 'remember') checkUse(table, statement.map, statement.key, 'address');
  }
}

function checkUse(table: Table, name: string, key: readonly Part[], data: ElementSet['data']): void {
  const set = setOf(table, name);
  if (set.data !== data) refuse(`${name} holds ${set.data}, and is used for ${data}`);
  const types = typesOf(key).join(' . ');
  if (types !== set.types.join(' . '))
    refuse(`datatype mismatch: ${types} in ${name}, which has ${set.types.join(' . ')}`);
}

function addElements([, verb, tableName = '', name = '', list = '']: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  const set = setOf(table, name);
  const elements = new Map(set.elements);
  for (const { key, comment, value } of elementsOf(list)) {
    checkKey(table, name, set, key);
    checkValue(table, name, set, value);
    const known = elements.get(key);
    if (known !== undefined && known.value !== value)
      refuse(`File exists: ${key} in ${name} is ${known.value ?? ''}, not ${value ?? ''}`);
    if (known !== undefined && verb === 'create') refuse(`File exists: ${key} in ${name}`);
    if (known !== undefined) continue;
    if (set.isInterval && [...elements.keys()].some((other) => overlap(other, key)))
      refuse(`conflicting intervals: ${key} in ${name}`);
    elements.set(key, { value, comment, expiresS: undefined });
  }
  table.sets.set(name, { ...set, elements });
}

function deleteElements([, tableName = '', name = '', list = '']: RegExpExecArray, tables: Tables): void {
  const table = tableOf(tables, tableName);
  const set = setOf(table, name);
  const elements = new Map(set.elements);
  for (const { key, value } of elementsOf(list)) {
    checkKey(table, name, set, key);
    const known = elements.get(key) ?? refuse(`No such file or directory: ${key} in ${name}`);
    if (value !== undefined && known.value !== value) refuse(`No such file or directory: ${key} : ${value} in ${name}`);
    elements.delete(key);
  }
  table.sets.set(name, { ...set, elements });
}

interface WrittenElement {
  readonly key: string;
  readonly comment: string | undefined;
  readonly value: string | undefined;
}

function elementsOf(list: string): readonly WrittenElement[] {
  return list.split(', ').map((text) => {
    const match = /^([0-9a-z.:/]+(?: \. [0-9a-z.:/]+)*)(?: comment "([^"]{0,127})")?(?: : (.+))?$/.exec(text);
    const [, key = '', comment, value] = match ?? refuse(`no element of ours: ${text}`);
    return { key, comment, value };
  });
}

function tableOf(tables: Tables, name: string): Table {
  return tables.get(name) ?? refuse(`No such file or directory: table ${name}`);
}

export function setOf(table: Table, name: string): ElementSet {
  return table.sets.get(name) ?? refuse(`No such file or directory: set ${name}`);
}

export function chainOf(table: Table, name: string): Chain {
  return table.chains.get(name) ?? refuse(`No such file or directory: chain ${name}`);
}
