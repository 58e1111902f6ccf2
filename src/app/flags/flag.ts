import type { RoleName } from '../role.ts';

/** One row of the register: what a flag is called, what it takes, what it means. */
export interface Flag<Value> {
  /** As it is given: `--http-port <port>`; a switch such as `--http3` takes nothing. */
  readonly flag: string;
  readonly help: string;
  /** Reads what was given, `true` for a switch. @throws UsageMistake. */
  readonly read: (text: string) => Value;
  /** What holds where the flag is not given. */
  readonly default: Value;
  /** The default in words, for people; undefined where there is nothing to say. */
  readonly defaultText: string | undefined;
  /** The variable of the environment that means the same; undefined: {@link environmentNameOf} has it. */
  readonly environment?: string | undefined;
  /** The only role that looks at it: refused where that role is left out by name. */
  readonly role?: RoleName | undefined;
  /** The only kind of source that it is for, and what to do with the other one. */
  readonly source?: { readonly kind: 'manifests' | 'cluster'; readonly otherwise: string } | undefined;
  /** Whether `sluice check` takes it too, because it decides what is right. */
  readonly isChecked?: boolean | undefined;
}

/** The rows of flags that go to the same place, by the property that they become there. */
export type FlagGroup = Readonly<Record<string, Flag<unknown>>>;

/** What the flags of a group are, once read. */
export type ValuesOf<Group extends FlagGroup> = {
  readonly [Key in keyof Group]: Group[Key] extends Flag<infer Value> ? Value : never;
};

/** Rows for some of the properties of what they become. */
export type FlagsFor<Target> = { readonly [Key in keyof Target]?: Flag<Target[Key]> };

type Row = Pick<Flag<unknown>, 'flag' | 'help' | 'environment' | 'role' | 'source' | 'isChecked'>;
type Given<Value> = Row & { readonly read: (text: string) => Value; readonly defaultText?: string };

/** A row whose flag takes a value, and which means something where it is not given. Say the default in words where it is no text, number or list of texts. */
export function option<Value>(row: Given<Value> & { readonly default: NoInfer<Value> }): Flag<Value> {
  return { ...row, defaultText: row.defaultText ?? textOf(row.default) };
}

/** A row whose flag takes a value, and is undefined where it is not given. */
export function optional<Value>(row: Given<Value>): Flag<Value | undefined> {
  return { ...row, default: undefined, defaultText: row.defaultText };
}

/** A row whose flag is true where it is given. */
export function switchOn(row: Row): Flag<boolean> {
  return { ...row, read: booleanOf, default: false, defaultText: undefined };
}

/** A row whose flag, `--no-NAME`, is false where it is given. */
export function switchOff(row: Row): Flag<boolean> {
  return { ...row, read: (text) => !booleanOf(text), default: true, defaultText: undefined };
}

/** `true` or `false`. @throws UsageMistake for anything else. */
export function booleanOf(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new UsageMistake('Give true or false.');
  return text === 'true';
}

/** What is wrong with the value of a flag, and what to give instead. Whoever reads the flag says which one it is. */
export class UsageMistake extends Error {
  override readonly name = 'UsageMistake';
}

/** The values of a group of which nothing was given. */
export function defaultsOf<Group extends FlagGroup>(group: Group): ValuesOf<Group> {
  const values = Object.entries(group).map(([key, row]) => [key, row.default] as const);
  // The entries are those of the group, whose types these are.
  return Object.fromEntries(values) as ValuesOf<Group>;
}

/** `--http-port` of `--http-port <port>` and of `-p, --http-port <port>`. */
export function nameOfFlag({ flag }: Pick<Flag<unknown>, 'flag'>): string {
  return /--[a-z0-9-]+/.exec(flag)?.[0] ?? flag;
}

/** The variable of the environment that means the same as a flag: `SLUICE_HTTP_PORT` for `--http-port`. */
export function environmentNameOf(row: Pick<Flag<unknown>, 'flag' | 'environment'>): string {
  return row.environment ?? `SLUICE_${nameOfFlag(row).slice(2).toUpperCase().replaceAll('-', '_')}`;
}

function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(', ');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
