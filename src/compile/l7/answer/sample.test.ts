import { expect, it } from 'vitest';
import { pathRegexOf } from '../../../model/path-regex.ts';
import { sampleOf } from './sample.ts';

function sample(text: string): string | undefined {
  const found = pathRegexOf(text);
  if (!('regex' in found)) throw new Error(found.problem);
  return sampleOf(found.regex);
}

it.each([
  ['/api(/|$)(.*)', '/api/x'],
  ['/v[0-9]+/items', '/v0/items'],
  ['/[^/]+/x', '/a/x'],
  ['/a{3}b?', '/aaab'],
  [String.raw`/\d{2}-\w`, '/00-a'],
  ['/(?:one|two)/(?<id>[[:digit:]]+)', '/one/0'],
  [String.raw`^/x\.y$`, '/x.y'],
  ['/[^a-z0]+', '/A'],
  [String.raw`/\x41`, '/A'],
])('a sample of %s is %s', (text, expected) => {
  expect(sample(text)).toBe(expected);
});

it('there is none where an expression looks ahead for something else', () => {
  expect(sample('/a(?=b)')).toBeUndefined();
});
