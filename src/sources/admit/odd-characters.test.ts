import { describe, expect, it } from 'vitest';
import { oddCharacterIn } from './odd-characters.ts';

describe('oddCharacterIn', () => {
  it.each([
    ['/\u00a0', 'a non-breaking space (U+00A0)'],
    ['zw\u200bsp.test', 'a zero-width space (U+200B)'],
    ['\u201csmart.test\u201d', 'a typographic quotation mark (U+201C)'],
    ['a\u2013b', 'an en dash (U+2013)'],
    ['a\u2003b', 'an odd space (U+2003)'],
    ['\ufeffa', 'a byte order mark (U+FEFF)'],
  ])('names what is odd in %j', (text, name) => {
    expect(oddCharacterIn(text)).toBe(name);
  });

  it.each(['', 'a b', 'bücher.test', '/ünïcode', '例え.test', '😀'])('takes %j as it is', (text) => {
    expect(oddCharacterIn(text)).toBeUndefined();
  });
});
