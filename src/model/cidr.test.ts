import { describe, expect, it } from 'vitest';
import { cidr, ip } from '../../test/l4/snapshot-steps.ts';
import { addressAt, cidrHas, cidrOf, hostCidr, sizeOf, withoutNested } from './cidr.ts';

describe('cidrOf', () => {
  it.each([
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['192.0.2.77/24', '192.0.2.0/24'],
    [' 192.0.2.0/24\t', '192.0.2.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.0.2.1/32', '192.0.2.1/32'],
    ['2001:DB8::1/64', '2001:db8::/64'],
    ['::/0', '::/0'],
    ['fd00::/125', 'fd00::/125'],
  ])('%j is %s', (text, canonical) => {
    expect(cidrOf(text)?.text).toBe(canonical);
  });

  it.each([
    '192.0.2.0',
    '192.0.2.0/33',
    '2001:db8::/129',
    '192.0.2/24',
    '192.0.2.0/',
    '/24',
    '192.0.2.0/-1',
    '192.0.2.0/24;',
    '',
    '192.0.2.0 /24',
    '192.0.2.0/2.4',
  ])('%j is none', (text) => {
    expect(cidrOf(text)).toBeUndefined();
  });
});

describe('cidrHas', () => {
  it.each([
    ['192.0.2.0/24', '192.0.2.0', true],
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['0.0.0.0/0', '203.0.113.5', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '192.0.2.1', false],
    ['fd00::/64', 'fd00::ffff:ffff:ffff:ffff', true],
    ['fd00::/64', 'fd00:0:0:1::', false],
    ['192.0.2.1/32', '192.0.2.1', true],
    ['192.0.2.1/32', '192.0.2.2', false],
  ])('%s has %s: %s', (range, address, has) => {
    expect(cidrHas(cidr(range), ip(address))).toBe(has);
  });
});

it.each([
  ['192.0.2.0/24', 256n, 5n, '192.0.2.5'],
  ['192.0.2.128/25', 128n, 127n, '192.0.2.255'],
  ['fd00::/112', 65_536n, 65_535n, 'fd00::ffff'],
  ['0.0.0.0/0', 4_294_967_296n, 256n, '0.0.1.0'],
])('%s holds %d addresses; that at %d is %s', (range, size, offset, address) => {
  expect(sizeOf(cidr(range))).toBe(size);
  expect(addressAt(cidr(range), offset)).toBe(address);
});

it.each([
  ['192.0.2.1', '192.0.2.1/32'],
  ['fd00::1', 'fd00::1/128'],
])('%s alone is %s', (address, range) => {
  expect(hostCidr(ip(address)).text).toBe(range);
});

describe('withoutNested', () => {
  it.each([
    [['10.0.0.0/8', '10.1.0.0/16'], ['10.0.0.0/8']],
    [['10.1.0.0/16', '10.0.0.0/8'], ['10.0.0.0/8']],
    [['10.1.0.0/16', '10.1.0.0/16'], ['10.1.0.0/16']],
    [
      ['10.2.0.0/16', '10.1.0.0/16'],
      ['10.1.0.0/16', '10.2.0.0/16'],
    ],
    [
      ['::/0', '10.1.0.0/16', 'fd00::/8'],
      ['10.1.0.0/16', '::/0'],
    ],
    [[], []],
  ])('of %j leaves %j', (given, kept) => {
    expect(withoutNested(given.map(cidr)).map(({ text }) => text)).toEqual(kept);
  });
});
