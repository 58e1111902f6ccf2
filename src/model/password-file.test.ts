import { describe, expect, it } from 'vitest';
import { passwordHashOf, passwordLinesOf } from './password-file.ts';

describe('password files', () => {
  it('a line is a name and a password; comments, empty lines and what follows a second colon are passed over', () => {
    const text = '# comment\n\nann:{PLAIN}a:extra\r\nbob:{PLAIN}b\nann:{PLAIN}other\nnobody';
    expect([...passwordLinesOf(text).users]).toEqual([
      ['ann', { kind: 'plain', password: 'a' }],
      ['bob', { kind: 'plain', password: 'b' }],
    ]);
  });

  it('lines with a password that cannot be used are named by their number', () => {
    expect(passwordLinesOf('a:\nb:{PLAIN}b\nc:raw\n').unusable).toEqual([1, 3]);
  });

  it.each([
    ['raw', undefined],
    ['', undefined],
    ['{PLAIN}', 'plain'],
    ['{SHA}Ys23Ag/5IOWqZCw9QGaVDdHwH00=', 'sha1'],
    ['{SSHA}Ys23Ag/5IOWqZCw9QGaVDdHwH00abc=', 'sha1'],
    ['$apr1$abcdefgh$bGLO42WqKpmLoPH9uGWTg1', 'md5-crypt'],
    ['$1$abcdefgh$X4AQOXsoYNpzaat9Hm7iC/', 'md5-crypt'],
    [`$5$salt$${'a'.repeat(43)}`, 'sha-crypt'],
    [`$6$rounds=500000$salt$${'a'.repeat(86)}`, 'sha-crypt'],
    // A minute of work for a single wrong password.
    [`$6$rounds=99999999$salt$${'a'.repeat(86)}`, undefined],
    [`$2y$14$${'a'.repeat(53)}`, 'bcrypt'],
    [`$2y$15$${'a'.repeat(53)}`, undefined],
    // DES: eight letters count of a password, and all of them can be tried.
    ['ab1cd2ef3gh4i', undefined],
    ['$y$j9T$abc$def', undefined],
  ])('%s', (text, kind) => {
    expect(passwordHashOf(text)?.kind).toBe(kind);
  });
});
