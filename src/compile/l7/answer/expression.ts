/** What POSIX classes stand for, which PCRE has in brackets and JavaScript has not. */
const POSIX: Readonly<Record<string, string>> = {
  alpha: 'a-zA-Z',
  digit: '0-9',
  alnum: 'a-zA-Z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: String.raw`\s`,
  blank: String.raw` \t`,
  punct: String.raw`!-\/:-@\[-\`{-~`,
  print: String.raw`\x20-\x7e`,
  graph: String.raw`\x21-\x7e`,
  cntrl: String.raw`\x00-\x1f\x7f`,
  xdigit: '0-9a-fA-F',
  word: String.raw`\w`,
};

/** An expression of the grammar of PathRegex as JavaScript matches it: what PCRE matches by it in the engine. */
export function expression(pattern: string, ignoresCase = false): RegExp {
  return new RegExp(
    pattern.replaceAll(/\[:(\w+):\]/g, (written, name: string) => POSIX[name] ?? written),
    ignoresCase ? 'i' : '',
  );
}

/** The same, anchored at the start. */
export function anchored(pattern: string, ignoresCase = false): RegExp {
  return expression(`^(?:${pattern.replace(/^\^/, '')})`, ignoresCase);
}
