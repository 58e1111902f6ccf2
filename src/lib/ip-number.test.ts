import fc from 'fast-check';
import { BlockList, isIPv6 } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ipNumberOf, ipTextOf } from './ip-number.ts';

const family = fc.constantFrom(4 as const, 6 as const);
const address = family.chain((chosen) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(chosen === 4 ? 32 : 128)) - 1n }).map((value) => ({ family: chosen, value })),
);

describe('addresses as numbers', () => {
  it.each([
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['fd00::', 'fd00::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['192.0.2.255', '192.0.2.255'],
  ])('%s is written %s', (text, canonical) => {
    expect(ipTextOf(ipNumberOf(text))).toBe(canonical);
  });

  it('come back from their text', () => {
    fc.assert(
      fc.property(address, (number) => {
        expect(ipNumberOf(ipTextOf(number))).toEqual(number);
      }),
    );
  });

  it('mean the same to Node', () => {
    fc.assert(
      fc.property(address, (number) => {
        const text = ipTextOf(number);
        const list = new BlockList();
        list.addAddress(text, isIPv6(text) ? 'ipv6' : 'ipv4');
        expect(list.check(text, isIPv6(text) ? 'ipv6' : 'ipv4')).toBe(true);
        if (number.family === 6) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
      }),
    );
  });
});
