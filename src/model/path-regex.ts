/**
 * Regular expressions that users write for paths.
 *
 * They stand inside a group, behind the host that they belong to, in one list with those of everybody else. So it matters that
 * they cannot leave the group. Whether parentheses balance depends on who reads: `\Q(\E`, `[](]`, `\c(`, `[[:alpha:](]` are one
 * thing for JavaScript, with which we try them, and another for PCRE (pcre2pattern(3)), with which HAProxy matches. And HAProxy
 * does not start with a list in which PCRE refuses one. Hence an allow-list of what both read in the same way.
 */

import { invariant } from '../lib/invariant.ts';

declare const brand: unique symbol;

/** A regular expression in printable ASCII that PCRE and JavaScript take apart alike; at most 512 characters. */
export type PathRegex = string & { readonly [brand]: 'PathRegex' };

/** PCRE has no length limit of its own; longer ones have only been seen in attacks (CVE-2026-1580 and kin). */
const MAX_LENGTH = 512;

const SINGLE = String.raw`(?:\\[^A-Za-z0-9]|\\[nrtf]|\\x[0-9A-Fa-f]{2}|[^[\]\\-])`;
/** A set has no place in a range. */
const SET = String.raw`(?:\\[dDwWsS]|\[:(?:alpha|digit|alnum|upper|lower|space|blank|punct|print|graph|cntrl|xdigit|word):\])(?!-[^\]])`;
/** After a range, a dash is a dash. */
const RANGE = `${SINGLE}-${SINGLE}-?`;
/** What begins and ends as `[:alpha:]` does, PCRE takes for a set without its class. */
const MEMBER = new RegExp(`${SET}|(${SINGLE})-(${SINGLE})-?|${SINGLE}`, 'y');
const CLASS = String.raw`\[(?!([:.=]).*\1\])(?:\^|(?!\^))-?(?:${SET}|${RANGE}|${SINGLE})+-?\]`;
const ESCAPE = String.raw`\\(?:[^A-Za-z0-9]|[dDwWsSbBnrtf]|x[0-9A-Fa-f]{2})`;
const GROUP = String.raw`\((?:\?(?:[:=!]|<[A-Za-z]\w{0,30}>))?(?![?*])`;
const COUNT = String.raw`\{\d+(?:,\d*)?\}`;
const TOKEN = new RegExp([CLASS, ESCAPE, GROUP, COUNT, String.raw`[^[\]\\({]`].join('|'), 'y');

/** PCRE takes apart a group that is repeated by count into as many copies, of which 64 KiB are the most that it holds. */
const MAX_COPIED_CHARACTERS = 4096;

/** The highest count that PCRE takes is 65535. */
const MAX_COUNT = 1000;

/** `text` as a PathRegex, or what is wrong with it. */
export function pathRegexOf(text: string): { readonly regex: PathRegex } | { readonly problem: string } {
  if (text.length > MAX_LENGTH) return { problem: `is longer than ${String(MAX_LENGTH)} characters` };
  if (!/^[\x21-\x7e]+$/.test(text)) return { problem: 'has blanks or control characters' };
  if (!compiles(text)) return { problem: 'does not compile' };
  const tokens = tokensOf(text);
  if (tokens === undefined || !isBalanced(tokens) || !tokens.every(areRangesInOrder))
    return { problem: 'has an escape, class or group that PCRE and JavaScript read differently' };
  if (countsOf(tokens).some((count) => count > MAX_COUNT) || copiesOf(tokens) * text.length > MAX_COPIED_CHARACTERS)
    return { problem: 'repeats too much' };
  // The brand is given here, where the grammar has just been checked.
  return { regex: text as PathRegex };
}

/** An expression for a path as it is written; of one that is too long, for what it begins with. */
export function literalRegex(path: string): PathRegex {
  const found = pathRegexOf(path.replaceAll(/[^A-Za-z0-9/_~!@%&=:;,'"<>#-]/g, String.raw`\$&`));
  return 'regex' in found ? found.regex : coverOf(path);
}

/** A character that stands for itself wherever PCRE reads it, and that is not optional. */
const LITERAL = String.raw`(?:[A-Za-z0-9/_~!@%&=:;,'"<>#-]|\\[!-/:-@[-\`{-~])(?![?*{])`;

/** Short enough for {@link MAX_LENGTH}, escapes included. */
const LITERALS = new RegExp(`^\\^?((?:${LITERAL}){0,200})`);

/**
 * A plain expression in the place of one that cannot be had: it matches every path that the other one could match, and some more, since it
 * is the literal text that the other one begins with, or `/`. It is as long, so that it is tried in the same place; `()` and a `+` make
 * no difference to what it matches. `expression` may be one that is refused for whatever reason.
 */
export function coverOf(expression: string): PathRegex {
  const literals = LITERALS.exec(expression)?.[1] ?? '';
  const prefix = literals === '' || mayBranch(expression) ? '/' : literals;
  const missing = Math.max(0, Math.min(expression.length, MAX_LENGTH) - prefix.length);
  const found = pathRegexOf(`${prefix}${missing % 2 === 1 ? '+' : ''}${'()'.repeat(missing >> 1)}`);
  invariant('regex' in found, 'literals are an expression');
  return found.regex;
}

/** Whether an expression may have a `|` that is in no group, so that not all that it matches begins as it does. */
function mayBranch(text: string): boolean {
  if (!text.includes('|')) return false;
  // Of what is refused nobody can say for sure where its groups are.
  const tokens = (text.length > MAX_LENGTH ? undefined : tokensOf(text)) ?? text.match(/\\?./gs) ?? [];
  let depth = 0;
  return tokens.some((token) => {
    if (token.startsWith('(')) depth += 1;
    else if (token === ')') depth -= 1;
    return token === '|' && depth <= 0;
  });
}

/** Undefined where something stands that is not on the list. */
function tokensOf(text: string): readonly string[] | undefined {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; at += tokens.at(-1)?.length ?? 0) {
    TOKEN.lastIndex = at;
    const [token] = TOKEN.exec(text) ?? [];
    if (token === undefined) return undefined;
    tokens.push(token);
  }
  return tokens;
}

function isBalanced(tokens: readonly string[]): boolean {
  let depth = 0;
  for (const token of tokens) {
    if (token.startsWith('(')) depth += 1;
    else if (token === ')') depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

/**
 * PCRE refuses `[z-a]`. So does JavaScript, but for it a class with `[:digit:]` in it has ended by then,
 * so that it never sees the ranges after that.
 */
function areRangesInOrder(token: string): boolean {
  if (!token.startsWith('[')) return true;
  const members = token.slice(1, -1).replace(/^\^?-?/, '');
  MEMBER.lastIndex = 0;
  for (;;) {
    const found = MEMBER.exec(members);
    if (found === null) return true;
    const [, first, last] = found;
    if (first !== undefined && last !== undefined && codeOf(first) > codeOf(last)) return false;
  }
}

const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12 };

/** The character code of what {@link SINGLE} takes. */
function codeOf(single: string): number {
  if (!single.startsWith('\\')) return single.charCodeAt(0);
  const escaped = single.slice(1);
  return escaped.length > 1 ? Number.parseInt(escaped.slice(1), 16) : (CONTROLS[escaped] ?? escaped.charCodeAt(0));
}

function countsOf(tokens: readonly string[]): readonly number[] {
  return tokens.flatMap((token) => (/^\{\d/.test(token) ? (token.match(/\d+/g) ?? []) : [])).map(Number);
}

/** How often at most something inside groups is copied, whichever group it is in. */
function copiesOf(tokens: readonly string[]): number {
  const repeated = tokens.flatMap((token, index) =>
    tokens[index - 1] === ')' ? [Math.max(1, ...countsOf([token]))] : [],
  );
  return repeated.reduce((product, count) => product * count, 1);
}

function compiles(pattern: string): boolean {
  try {
    return new RegExp(pattern).source !== '';
  } catch {
    // SyntaxError is the only thing that the constructor throws for a string.
    return false;
  }
}
