import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressRangeOf, countOf, rangesOverlap, rangeText, type AddressRange } from '../../model/address-range.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { PoolSpace } from './pool-space.ts';

function ip(text: string): IpAddress {
  const address = ipAddressOf(text);
  if (address === undefined) throw new Error(text);
  return address;
}

function ranges(...texts: readonly string[]): readonly AddressRange[] {
  return texts.map((text) => {
    const range = addressRangeOf(text);
    if (range === undefined) throw new Error(text);
    return range;
  });
}

describe('address ranges', () => {
  it.each([
    ['192.0.2.10-192.0.2.12', '192.0.2.10-192.0.2.12', 3n],
    [' 192.0.2.10 - 192.0.2.10 ', '192.0.2.10', 1n],
    ['198.51.100.10/24', '198.51.100.0-198.51.100.255', 256n],
    ['192.0.2.7/32', '192.0.2.7', 1n],
    ['2001:db8::/126', '2001:db8::-2001:db8::3', 4n],
    ['2001:db8::1-2001:db8::ffff', '2001:db8::1-2001:db8::ffff', 65_535n],
    ['0.0.0.0/0', '0.0.0.0-255.255.255.255', 4_294_967_296n],
  ])('%s is %s', (text, written, count) => {
    const [range] = ranges(text);
    expect(range === undefined ? [] : [rangeText(range), countOf(range)]).toEqual([written, count]);
  });

  it.each(['192.0.2.1', '192.0.2.9-192.0.2.1', '192.0.2.1-2001:db8::1', '192.0.2.0/33', '192.0.2.1-', 'a-b', ''])(
    '%j is none',
    (text) => expect(addressRangeOf(text)).toBeUndefined(),
  );

  it.each([
    ['192.0.2.0/24', '192.0.2.255-192.0.3.4', true],
    ['192.0.2.0/24', '192.0.3.0/24', false],
    ['192.0.2.4-192.0.2.6', '192.0.2.0/24', true],
    ['192.0.2.0/24', '2001:db8::/64', false],
  ])('%s and %s have an address in common: %s', (a, b, isCommon) => {
    const [left, right] = ranges(a, b);
    expect(left !== undefined && right !== undefined && rangesOverlap(left, right)).toBe(isCommon);
  });
});

/** Takes addresses until there is none, `most` at most. */
function takeAll(space: PoolSpace, most = 1_000): readonly string[] {
  const taken: string[] = [];
  while (taken.length < most) {
    const { next } = space;
    if (next === undefined) break;
    space.take(next);
    taken.push(next);
  }
  return taken;
}

describe('the free addresses of a pool', () => {
  it('are given out upwards, through the ranges as they are listed', () => {
    const space = new PoolSpace(ranges('192.0.2.8/31', '192.0.2.1-192.0.2.2'), false);
    expect(takeAll(space)).toEqual(['192.0.2.8', '192.0.2.9', '192.0.2.1', '192.0.2.2']);
    expect(space.counts).toEqual({ total: 4n, taken: 4 });
  });

  it('are given out again only after all that nobody has had, the longest unused one first', () => {
    const space = new PoolSpace(ranges('192.0.2.1-192.0.2.4'), false);
    takeAll(space, 3);
    space.giveBack(ip('192.0.2.2'));
    space.giveBack(ip('192.0.2.1'));
    expect(takeAll(space)).toEqual(['192.0.2.4', '192.0.2.2', '192.0.2.1']);
  });

  it('are not those that were taken by name', () => {
    const space = new PoolSpace(ranges('192.0.2.1-192.0.2.3'), false);
    space.take(ip('192.0.2.1'));
    expect(takeAll(space)).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  it('are not .0 and .255 where these are avoided', () => {
    const space = new PoolSpace(ranges('192.0.1.254-192.0.2.1'), true);
    expect(takeAll(space)).toEqual(['192.0.1.254', '192.0.2.1']);
    expect(space.has(ip('192.0.2.0'))).toBe(false);
    expect(space.counts.total).toBe(2n);
  });

  it('are counted as they are given out', () => {
    const anyRange = fc.tuple(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 600 }));
    fc.assert(
      fc.property(anyRange, fc.boolean(), ([from, length], avoids) => {
        const text = (offset: number): string => `192.0.${String(offset >> 8)}.${String(offset & 255)}`;
        const space = new PoolSpace(ranges(`${text(from)}-${text(from + length)}`), avoids);
        expect(BigInt(takeAll(space, 2_000).length)).toBe(space.counts.total);
      }),
    );
  });

  it('of a range that never fills up are found at once', () => {
    const space = new PoolSpace(ranges('2001:db8::/64'), false);
    expect(takeAll(space, 3)).toEqual(['2001:db8::', '2001:db8::1', '2001:db8::2']);
  });
});
