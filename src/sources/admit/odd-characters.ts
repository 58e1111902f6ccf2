/** Characters that get into manifests by copying them from web pages and word processors, and that look like others or like nothing. */
const NAMES: Readonly<Record<string, string>> = {
  '\u00a0': 'a non-breaking space',
  '\u00ad': 'a soft hyphen',
  '\u200b': 'a zero-width space',
  '\u200c': 'a zero-width non-joiner',
  '\u200d': 'a zero-width joiner',
  '\u200e': 'a left-to-right mark',
  '\u200f': 'a right-to-left mark',
  '\u2010': 'a typographic hyphen',
  '\u2011': 'a non-breaking hyphen',
  '\u2013': 'an en dash',
  '\u2014': 'an em dash',
  '\u2018': 'a typographic quotation mark',
  '\u2019': 'a typographic quotation mark',
  '\u201c': 'a typographic quotation mark',
  '\u201d': 'a typographic quotation mark',
  '\u2060': 'a word joiner',
  '\ufeff': 'a byte order mark',
};

/** The first odd character in a text, named with its code point as `a non-breaking space (U+00A0)`; undefined where there is none. */
export function oddCharacterIn(text: string): string | undefined {
  for (const character of text) {
    const name =
      NAMES[character] ?? (/[\p{Zs}\p{Zl}\p{Zp}]/u.test(character) && character !== ' ' ? 'an odd space' : undefined);
    if (name === undefined) continue;
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return `${name} (U+${code})`;
  }
  return undefined;
}
