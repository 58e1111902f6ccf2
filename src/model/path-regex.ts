/**
 * Regular expressions that users write for paths.
 *
 * They stand inside a group, behind the host that they belong to, in one list with those of everybody else. So it matters that
 * they cannot leave the group. Whether parentheses balance depends on who reads: `\Q(\E`, `[](]`, `\c(`, `[[:alpha:](]` are one
 * thing for JavaScript, with which we try them, and another for PCRE (pcre2pattern(3)), with which HAProxy matches. And HAProxy
 * does not start with a list in which PCRE refuses one. Hence an allow-list of what both read in the same way.
 */

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
const CLASS = String.raw`\[(?!([:.=]).*\1\])(?:\^|(?!\^))-?(?:${SET}|${RANGE}|${SINGLE})+-?\]`;
const ESCAPE = String.raw`\\(?:[^A-Za-z0-9]|[dDwWsSbBnrtf]|x[0-9A-Fa-f]{2})`;
const GROUP = String.raw`\((?:\?[:=!])?(?![?*])`;
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
  if (!isPlain(text))
    return { problem: 'has an escape, class, group or count that PCRE and JavaScript read differently' };
  // The brand is given here, where the grammar has just been checked.
  return { regex: text as PathRegex };
}

function isPlain(text: string): boolean {
  let depth = 0;
  let copies = 1;
  let before = '';
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return false;
    if (token.startsWith('(')) depth += 1;
    else if (token === ')') depth -= 1;
    else if (/^\{\d/.test(token)) {
      const count = Math.max(...[...token.matchAll(/\d+/g)].map(([digits]) => Number(digits)));
      if (count > MAX_COUNT) return false;
      if (before === ')') copies *= Math.max(1, count);
    }
    if (depth < 0 || copies * text.length > MAX_COPIED_CHARACTERS) return false;
    before = token;
    at += token.length;
  }
  return depth === 0;
}

function compiles(pattern: string): boolean {
  try {
    return new RegExp(pattern).source !== '';
  } catch {
    // SyntaxError is the only thing that the constructor throws for a string.
    return false;
  }
}
