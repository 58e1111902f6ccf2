/**
 * Regular expressions that users write for paths.
 *
 * They stand inside a group, behind the host that they belong to, in one list with those of everybody else. So it matters that
 * they cannot leave the group. Whether parentheses balance depends on who reads: `\Q(\E`, `[](]`, `\c(`, `[[:alpha:](]` are one
 * thing for JavaScript, with which we try them, and another for PCRE (pcre2pattern(3)), with which HAProxy matches. Hence an
 * allow-list of what both read in the same way.
 */

declare const brand: unique symbol;

/** A regular expression in printable ASCII that PCRE and JavaScript take apart alike; at most 512 characters. */
export type PathRegex = string & { readonly [brand]: 'PathRegex' };

/** PCRE has no length limit of its own; longer ones have only been seen in attacks (CVE-2026-1580 and kin). */
const MAX_LENGTH = 512;

/** A character class (with POSIX names), an escape, the start of a group, or one other character. */
const TOKEN =
  /\[(?:\^|(?!\^))(?:\[:[a-z]+:\]|\\(?:[^A-Za-z0-9]|[dDwWsSbnrtfv]|x[0-9A-Fa-f]{2})|[^[\]\\])+\]|\\(?:[^A-Za-z0-9]|[dDwWsSbBnrtfv]|x[0-9A-Fa-f]{2})|\((?:\?(?:[:=!]|<[=!]|<[A-Za-z]\w*>))?(?![?*])|[^[\]\\(]/y;

/** `text` as a PathRegex, or what is wrong with it. */
export function pathRegexOf(text: string): { readonly regex: PathRegex } | { readonly problem: string } {
  if (text.length > MAX_LENGTH) return { problem: `is longer than ${String(MAX_LENGTH)} characters` };
  if (!/^[\x21-\x7e]+$/.test(text)) return { problem: 'has blanks or control characters' };
  if (!compiles(text)) return { problem: 'does not compile' };
  if (!isBalanced(text)) return { problem: 'has an escape, class or group that PCRE and JavaScript read differently' };
  // The brand is given here, where the grammar has just been checked.
  return { regex: text as PathRegex };
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return false;
    if (token.startsWith('(')) depth += 1;
    else if (token === ')') depth -= 1;
    if (depth < 0) return false;
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
