import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRegexes } from '../../test/injection/haproxy-reader.ts';
import { coverOf, pathRegexOf } from './path-regex.ts';

describe('pathRegexOf', () => {
  it.each([
    '/',
    '/api/v[0-9]+/(?:users|groups)(/|$)(.*)',
    String.raw`/a\.b\-c\/d\d{1,3}\w*\s?`,
    '/[^/]+/[[:alpha:]_]+/[a-z()|]+',
    String.raw`/[\]\\\[]+`,
    '/([a-z]+)(?=/)(?!x)',
    '/([0-9a-f]{8}-){3}[0-9a-f]{1000}',
    '/[-a-z0-9_-]+',
    '/[a-z0-9-_.]+[.][=:]',
    '^/anchored$',
    '/a|/b',
    String.raw`/\x41[\x41-\x5a]`,
  ])('takes %s', (text) => {
    expect(pathRegexOf(text)).toEqual({ regex: text });
  });

  it.each([
    ['what is not closed', '/(unclosed', 'does not compile'],
    ['what was never opened', '/a)|(b', 'does not compile'],
    ['a blank', '/a b', 'has blanks or control characters'],
    ['a line end', '/a\n/b', 'has blanks or control characters'],
    ['other alphabets', '/é', 'has blanks or control characters'],
    ['nothing', '', 'has blanks or control characters'],
    ['more than 512 characters', `/${'a'.repeat(512)}`, 'is longer than 512 characters'],
    ['quotations of PCRE', String.raw`/\Q(\E)|.*(?:x\Q)\E`, 'PCRE and JavaScript'],
    ['a bracket as the first of a class', '/([])|.*', 'PCRE and JavaScript'],
    ['POSIX classes that hide a parenthesis', '/[[:alpha:](])|.*(?:[[:alpha:])]', 'PCRE and JavaScript'],
    ['control characters by name', String.raw`/\c()|.*(?:\c)`, 'PCRE and JavaScript'],
    ['the empty class', '/[]', 'PCRE and JavaScript'],
    ['looking back, for which PCRE must know how far', '/(?<=a+)b', 'PCRE and JavaScript'],
    ['a range to a class', String.raw`/[a-\d]`, 'PCRE and JavaScript'],
    ['a range from a class', String.raw`/[\w-z]`, 'PCRE and JavaScript'],
    ['a range out of order, behind where JavaScript takes the class to end', '/[[:digit:]z-a_]', 'PCRE and JavaScript'],
    ['a POSIX class that stands alone', '/[:alpha:]', 'PCRE and JavaScript'],
    ['a collating element', '/[.a.]', 'PCRE and JavaScript'],
    ['a POSIX class that is none', '/[[:foo:]]', 'PCRE and JavaScript'],
    ['a count that is too high', '/a{70000}', 'repeats too much'],
    ['counts of counts', '/((ab){100}){100}', 'repeats too much'],
    ['back references', String.raw`/(a)\1`, 'PCRE and JavaScript'],
  ])('refuses %s', (_, text, problem) => {
    expect(pathRegexOf(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('takes nothing that leaves the group in which it is put, as PCRE reads it', () => {
    const tokens = String.raw`( ) (?: [ ] [^ [] [:alpha:] \Q \E \c \ | .* a ^ (?# (?= - *`.split(' ');
    let taken = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 10 }), (some) => {
        const text = some.join('');
        if (!('regex' in pathRegexOf(text))) return;
        taken += 1;
        readRegexes(`(*LIMIT_MATCH=200000)^host(?=/)(?:${text}) a||b/c|\n`);
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });
});

describe('coverOf', () => {
  it.each([
    ['/admin(/|$)(.*)', '/admin+()()()()'],
    ['/admin[0-9]', '/admin+()()'],
    ['^/admin.', '/admin()'],
    ['/admin?x', '/admi+()'],
    ['/admin{2}', '/admi()()'],
    [String.raw`/a\.b(c)`, String.raw`/a\.b+()`],
    ['/admin|/secret', '/+()()()()()()'],
    ['/admin(', '/admin+'],
    [String.raw`/admin\Q(|`, '/admin()()'],
    ['/admin(/|$)(?<rest>.*)', '/admin()()()()()()()()'],
    ['/a|(', '/+()'],
    ['/a b', '/a()'],
    ['.*', '/+'],
    ['^', '/'],
  ])('begins as %s does, and is as long', (expression, cover) => {
    expect(coverOf(expression)).toBe(cover);
  });

  it('takes an expression that is too long', () => {
    expect(coverOf(`/a${'(b)'.repeat(1000)}`)).toHaveLength(512);
    expect(coverOf(String.raw`\.`.repeat(1000))).toHaveLength(512);
  });

  it('matches whatever the expression matches', () => {
    const tokens = String.raw`a b / \. . ? * + | ( ) ^ $ {0} {2} [ab] - ~`.split(' ');
    const paths = fc
      .array(fc.constantFrom('a', 'b', '/', '.', '-'), { maxLength: 5 })
      .map((some) => `/${some.join('')}`);
    let matched = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...tokens), { maxLength: 6 }), paths, (some, path) => {
        const text = `/${some.join('')}`;
        if (!('regex' in pathRegexOf(text)) || !new RegExp(`^(?:${text})`).test(path)) return;
        matched += 1;
        expect(new RegExp(`^(?:${coverOf(text)})`).test(path), `${path} of ${text}`).toBe(true);
        expect(coverOf(text)).toHaveLength(text.length);
      }),
      { numRuns: 8_000 },
    );
    expect(matched).toBeGreaterThan(200);
  });
});
