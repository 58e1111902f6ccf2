import { nearestOf } from '../../lib/nearest.ts';
import { environmentNameOf, nameOfFlag, UsageMistake, type Flag } from '../flags/flag.ts';
import { RUN_FLAGS } from '../flags/register.ts';
import { ARGUMENT_ROWS, type ArgumentRow, type Meaning } from './argument-rows.ts';

/** One argument of an ingress-nginx, and what becomes of it. */
export interface ReadArgument {
  /** As it was given, with its dashes and its value. */
  readonly argument: string;
  readonly verdict: Meaning['kind'];
  /** Our flag and its value; or why nothing is missing; or why it is refused, and what to do. */
  readonly text: string;
}

/** The arguments of an ingress-nginx, read. */
export interface ReadArguments {
  readonly arguments: readonly ReadArgument[];
  /** The same, as variables of the environment that our flags are read from. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A name of an argument and its value; undefined where none was given. */
interface Given {
  readonly word: string;
  readonly name: string;
  readonly value: string | undefined;
}

/**
 * Reads the argument list of a Deployment of ingress-nginx, as pflag does: `--name=value`, `--name value`, and `--switch`. The name of the
 * executable at its beginning is passed over. Never throws: what cannot be read is refused.
 */
export function readArguments(words: readonly string[]): ReadArguments {
  const given = givenIn(words);
  const values = new Map(given.map(({ name, value }) => [name, value ?? 'true']));
  const environment: Record<string, string> = {};
  const read = given.map(({ word, name, value }): ReadArgument => {
    const row = ARGUMENT_ROWS.find((item) => item.name === name);
    const { verdict, text, variable } = row === undefined ? unknown(word, name) : readOne(row, value, values);
    if (variable !== undefined) environment[variable.name] = variable.value;
    return { argument: word, verdict, text };
  });
  return { arguments: read, environment };
}

function givenIn(words: readonly string[]): readonly Given[] {
  const given: Given[] = [];
  const rest = words.filter((word, index) => index > 0 || word.startsWith('-'));
  for (let index = 0; index < rest.length; index += 1) {
    const word = rest[index] ?? '';
    const [, name, attached] = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? [];
    const takesNext = name !== undefined && attached === undefined && takesValue(name) && index + 1 < rest.length;
    if (takesNext) index += 1;
    const value = takesNext ? rest[index] : attached;
    given.push({ word: takesNext ? `${word}=${value ?? ''}` : word, name: name ?? word, value });
  }
  return given;
}

function takesValue(name: string): boolean {
  return ARGUMENT_ROWS.find((row) => row.name === name)?.takes === 'value';
}

interface Read extends Omit<ReadArgument, 'argument'> {
  readonly variable?: { readonly name: string; readonly value: string };
}

function readOne(row: ArgumentRow, value: string | undefined, values: ReadonlyMap<string, string>): Read {
  const { meaning } = row;
  if (row.takes === 'value' && value === undefined) return { verdict: 'refused', text: 'It has no value.' };
  const text = value ?? 'true';
  // kubelet puts variables in; here nobody has.
  if (/\$\([A-Za-z_]\w*\)/.test(text) && meaning.kind !== 'ignored')
    return { verdict: 'refused', text: `Write what ${text} stands for: only kubelet puts variables in.` };
  switch (meaning.kind) {
    case 'ignored':
      return { verdict: 'ignored', text: meaning.why };
    case 'refused':
      if (meaning.unless?.test(text) === true) return { verdict: 'ignored', text: 'It is so here in any case.' };
      return { verdict: 'refused', text: `${meaning.why} ${meaning.instead}` };
    case 'mapped':
      return mapped(meaning, text, values);
  }
}

function mapped(
  { to, translate, note }: Extract<Meaning, { kind: 'mapped' }>,
  text: string,
  values: ReadonlyMap<string, string>,
): Read {
  // pflag takes an empty value for the default of most of them.
  if (text === '') return { verdict: 'ignored', text: 'It is empty.' };
  const value = translate?.(text, values) ?? text;
  const row = ourFlag(to);
  try {
    row.read(value);
  } catch (thrown) {
    if (!(thrown instanceof UsageMistake)) throw thrown;
    return { verdict: 'refused', text: `${to} does not take "${value}". ${thrown.message}` };
  }
  const variable = { name: environmentNameOf(row), value };
  return { verdict: 'mapped', text: `${to}=${value}${note === undefined ? '' : ` ${note}`}`, variable };
}

function unknown(word: string, name: string): Read {
  if (!word.startsWith('-')) return { verdict: 'refused', text: 'It is no argument of ingress-nginx 1.15.1.' };
  const meant = nearestOf(
    name,
    ARGUMENT_ROWS.map((row) => row.name),
  );
  const hint = meant === undefined ? '' : ` Did you mean --${meant}?`;
  return { verdict: 'refused', text: `ingress-nginx 1.15.1 has no such argument.${hint}` };
}

/** The row of our own register with this name. */
export function ourFlag(name: string): Flag<unknown> {
  const rows = Object.values(RUN_FLAGS).flatMap(({ flags }) => Object.values<Flag<unknown>>(flags));
  const found = rows.find((row) => nameOfFlag(row) === name);
  // Every row of ingress-nginx leads to one, which a test goes through.
  if (found === undefined) throw new TypeError(`there is no flag ${name}`);
  return found;
}
