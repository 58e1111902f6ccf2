import { describe, expect, it } from 'vitest';
import { comparedPath } from './request-path.ts';

describe('comparedPath', () => {
  it.each([
    ['/', '/'],
    ['/foo', '/foo'],
    ['/foo/', '/foo/'],
    ['/foo?x=/../', '/foo'],
    ['/foo#bar', '/foo'],
    ['//foo//x', '/foo/x'],
    ['/foo//', '/foo/'],
    ['/./foo', '/foo'],
    ['/foo/.', '/foo/'],
    ['/foo/..', '/'],
    ['/bar/../foo', '/foo'],
    ['/foo/%2e%2e/bar', '/bar'],
    ['/public/..%2fadmin', '/admin'],
    ['/%66oo', '/foo'],
    ['/foo%2fx', '/foo/x'],
    ['/a%252fb', '/a%2fb'],
    ['/a%3fb', '/a?b'],
    ['/a%23b', '/a#b'],
    ['/...', '/...'],
    ['/..a', '/..a'],
    ['/public/..;/admin', '/public/..;/admin'],
    ['/\u00e4', '/\u00e4'],
    ['/\u4f60', '/\u00e4\u00bd\u00a0'],
  ])('of %s is %s', (target, path) => {
    expect(comparedPath(target)).toBe(path);
  });

  it.each(['', '*', 'foo', '/..', '/a/../..', '/%2e%2e/x', '/a%0', '/a%zz', '/a%00', '/a%'])('refuses %j', (target) => {
    expect(comparedPath(target)).toBeUndefined();
  });
});
