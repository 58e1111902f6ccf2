import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hostCovers,
  hostnameOf,
  ipAddressOf,
  isDnsLabel,
  isDnsSubdomain,
  isIpv6Address,
  isPort,
  isWildcard,
  urlPathOf,
} from './grammar.ts';

/** Text that comes close to what is allowed, with what is not. */
function near(alphabet: string): fc.Arbitrary<string> {
  const character = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...alphabet.split('')) },
    fc.constantFrom('\n', '\u0000', ' ', 'é', ';', '；', 'K', '😀', '٠', '_'),
  );
  return fc.array(character, { maxLength: 24 }).map((characters) => characters.join(''));
}

describe('ipAddressOf', () => {
  it('takes what node:net takes, but for zones', () => {
    const addresses = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      near('0123456789.'),
      near('0123456789abcdefABCDEF::.'),
      fc
        .tuple(fc.ipV6(), fc.constantFrom('', ':', '::', '%eth0', '/64', ' ', '\n', ':1'))
        .map(([ip, more]) => ip + more),
      fc.tuple(fc.constantFrom('0', '00', '+', ' ', '0x'), fc.ipV4()).map(([more, ip]) => more + ip),
    );
    fc.assert(
      fc.property(addresses, (text) => {
        const isAddress = isIP(text) !== 0 && !text.includes('%');
        expect(ipAddressOf(text) !== undefined).toBe(isAddress);
      }),
      { numRuns: 3000 },
    );
  });

  it('tells the families apart, and has one text for one address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = ipAddressOf(text);
        if (address === undefined) throw new Error('refused');
        expect(isIpv6Address(address)).toBe(isIP(text) === 6);
        expect(isIP(address)).toBe(isIP(text));
        expect(address).toBe(address.toLowerCase());
        expect(ipAddressOf(address)).toBe(address);
        expect(ipAddressOf(text.toUpperCase())).toBe(address);
      }),
    );
  });

  it.each([
    '010.0.0.1',
    '10.1',
    '0x7f.1',
    '1.2.3.4.',
    '1.2.3',
    '1.2.3.4\n',
    '256.1.1.1',
    '::ffff:1.2.3',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '',
    '12345::',
  ])('refuses %j', (text) => {
    expect(ipAddressOf(text)).toBeUndefined();
  });
});

describe('hostnameOf', () => {
  it('gives nothing but lower-case labels of letters, digits and dashes, and once given gives the same again', () => {
    fc.assert(
      fc.property(fc.oneof(near('abcXYZ019-._*'), near('a.'), fc.domain()), (text) => {
        const host = hostnameOf(text);
        if (host === undefined) return;
        expect(host).toMatch(/^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*$/);
        expect(host.length).toBeLessThanOrEqual(253);
        for (const label of host.replace(/^\*\./, '').split('.')) {
          expect(label).not.toMatch(/^-|-$/);
          expect(label.length).toBeLessThanOrEqual(63);
        }
        expect(hostnameOf(host)).toBe(host);
        expect(hostnameOf(`${host}.`)).toBe(host);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes every domain', () => {
    fc.assert(
      fc.property(fc.domain(), (domain) => {
        expect(hostnameOf(domain)).toBe(domain.toLowerCase());
      }),
    );
  });

  it.each([
    ['a.test', 'a.test'],
    ['A.Test.', 'a.test'],
    ['*.a.test', '*.a.test'],
    ['localhost', 'localhost'],
    [`${'a'.repeat(63)}.test`, `${'a'.repeat(63)}.test`],
    ['*', undefined],
    ['*.', undefined],
    ['*a.test', undefined],
    ['a.*.test', undefined],
    ['*.*.test', undefined],
    ['a..test', undefined],
    ['.a.test', undefined],
    ['a.test..', undefined],
    ['a_b.test', undefined],
    ['a.test:80', undefined],
    ['ａ.test', undefined],
    [`${'a'.repeat(64)}.test`, undefined],
    [`${'a.'.repeat(126)}aa`, undefined],
  ])('reads %j as %j', (text, host) => {
    expect(hostnameOf(text)).toBe(host);
  });

  it('covers exactly one label with a wildcard', () => {
    expect([
      hostCovers('*.a.test', 'b.a.test'),
      hostCovers('*.a.test', 'a.test'),
      hostCovers('*.a.test', 'c.b.a.test'),
      hostCovers('*.a.test', '*.a.test'),
      hostCovers('*.test', '*.a.test'),
      hostCovers('a.test', 'a.test'),
      hostCovers('a.test', 'b.test'),
    ]).toEqual([true, false, false, true, false, true, false]);
    const wildcard = hostnameOf('*.a.test');
    const plain = hostnameOf('a.test');
    expect([wildcard, plain].map((host) => host !== undefined && isWildcard(host))).toEqual([true, false]);
  });
});

describe('urlPathOf', () => {
  it('takes absolute paths of pchar and slashes, and nothing else, unchanged', () => {
    fc.assert(
      fc.property(near("/abc019-._~!$&'()*+,;=:@%"), (text) => {
        const isPath =
          text.startsWith('/') &&
          text
            .split('')
            .every((character) => "/-._~!$&'()*+,;=:@%".includes(character) || /[A-Za-z0-9]/.test(character));
        expect(urlPathOf(text)).toBe(isPath ? text : undefined);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes the path of any URL', () => {
    fc.assert(
      fc.property(fc.webUrl(), (url) => {
        const { pathname } = new URL(url);
        expect(urlPathOf(pathname)).toBe(pathname);
      }),
    );
  });

  it('takes 4096 characters and no more', () => {
    expect([4096, 4097].map((length) => urlPathOf('/'.padEnd(length, 'a')) !== undefined)).toEqual([true, false]);
  });
});

describe('names', () => {
  it.each([
    ['a', true, true],
    ['a-b', true, true],
    ['a.b', false, true],
    ['', false, false],
    ['-a', false, false],
    ['a-', false, false],
    ['A', false, false],
    ['a_b', false, false],
    ['a\n', false, false],
    ['a..b', false, false],
    ['a'.repeat(63), true, true],
    ['a'.repeat(64), false, false],
  ])('%j', (text, isLabel, isSubdomain) => {
    expect([isDnsLabel(text), isDnsSubdomain(text)]).toEqual([isLabel, isSubdomain]);
  });
});

describe('isPort', () => {
  it.each([
    [1, true],
    [65535, true],
    [0, false],
    [-1, false],
    [65536, false],
    [1.5, false],
    [Number.NaN, false],
    ['80', false],
    [undefined, false],
  ])('%j', (value, is) => {
    expect(isPort(value)).toBe(is);
  });
});
