/** A chain, set or map that exists because elements need it, and for as long as any does. */
export interface Declaration {
  /** What nft calls it: `chain ip sluice cluster-3`. */
  readonly id: string;
  /** Makes it, or brings one that is there to the same rules. */
  readonly commands: readonly string[];
}

/** A chain for {@link Declaration}. */
export function declaredChain(
  table: string,
  chain: { readonly name: string; readonly rules: readonly string[] },
): Declaration {
  const { name, rules } = chain;
  return { id: `chain ${table} ${name}`, commands: chainCommands(table, name, rules) };
}

/** Makes a chain, or gives one that is there already these rules instead of its own. `spec` makes it a base chain. */
export function chainCommands(table: string, name: string, rules: readonly string[], spec = ''): readonly string[] {
  return [
    `add chain ${table} ${name}${spec === '' ? '' : ` { ${spec} }`}`,
    `flush chain ${table} ${name}`,
    ...rules.map((rule) => `add rule ${table} ${name} ${rule}`),
  ];
}

/** A set or map, declared with `typeof`: objects declared with `type` by a newer nft crash an older one. */
export interface SetDeclaration {
  readonly name: string;
  readonly typeOf: string;
  /** Present for a map. */
  readonly data?: string;
  readonly more?: string;
}

/** Makes a set or map, or leaves one that is there as it is. */
export function setCommand(table: string, { name, typeOf, data, more }: SetDeclaration): string {
  const kind = data === undefined ? 'set' : 'map';
  const type = data === undefined ? `typeof ${typeOf};` : `typeof ${typeOf} : ${data};`;
  return `add ${kind} ${table} ${name} { ${type}${more === undefined ? '' : ` ${more}`} }`;
}

/** A base chain: where packets of the kernel enter our rules. */
export interface BaseChain {
  readonly name: string;
  readonly hook: 'prerouting' | 'input' | 'output' | 'postrouting';
  readonly priority: number;
  readonly rules: readonly string[];
  readonly comment: string;
}

/** Makes a base chain of type nat, which only the first packet of a connection visits. */
export function baseChainCommands(table: string, chain: BaseChain): readonly string[] {
  const { name, hook, priority, rules, comment } = chain;
  return chainCommands(table, name, rules, `type nat hook ${hook} priority ${String(priority)}; comment "${comment}";`);
}
