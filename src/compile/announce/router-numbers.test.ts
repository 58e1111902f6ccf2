import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipAddressOf } from '../../model/grammar.ts';
import { routerNumbers, type RouterClaim } from './router-numbers.ts';

const RANGE = { first: 101, count: 20 };

const anyClaim = fc
  .record({
    last: fc.nat(40),
    own: fc.nat(3),
    shard: fc.nat(4),
    createdMs: fc.nat(3),
    recorded: fc.option(fc.nat(130)),
  })
  .map(({ last, own, shard, createdMs, recorded }): RouterClaim => {
    const address = ipAddressOf(`192.0.2.${String(last)}`);
    if (address === undefined) throw new Error('this is an address');
    const isSingle = own === 0;
    const classKey = isSingle ? `local ${address}` : `any ${String(own)}`;
    const shardKey = isSingle ? classKey : `${classKey} ${String(shard)}`;
    return { address, classKey, shardKey, isSingle, createdMs, recorded: recorded ?? undefined };
  });
const anyClaims = fc.uniqueArray(anyClaim, { selector: ({ address }) => address, maxLength: 30 });

function entries(claims: readonly RouterClaim[]): Readonly<Record<string, number>> {
  return Object.fromEntries(routerNumbers(claims, RANGE));
}

/** The claims as they are once what they were given is recorded. */
function recordedOf(claims: readonly RouterClaim[]): readonly RouterClaim[] {
  const numbers = routerNumbers(claims, RANGE);
  return claims.map((claim) => ({ ...claim, recorded: numbers.get(claim.address) }));
}

describe('virtual router identifiers', () => {
  it('are in their range, each of one class, and everybody has one while there are any', () => {
    fc.assert(
      fc.property(anyClaims, (claims) => {
        const numbers = routerNumbers(claims, RANGE);
        const classes = new Map<number, Set<string>>();
        for (const { address, classKey } of claims) {
          const number = numbers.get(address);
          if (number === undefined) continue;
          expect(number >= 101 && number <= 120).toBe(true);
          classes.set(number, (classes.get(number) ?? new Set()).add(classKey));
        }
        expect([...classes.values()].every(({ size }) => size === 1)).toBe(true);
        expect(numbers.size === claims.length || classes.size === RANGE.count).toBe(true);
      }),
    );
  });

  it('are the same on every node, in whatever order it learned of the addresses', () => {
    fc.assert(
      fc.property(anyClaims, (claims) => {
        expect(entries(claims.toReversed())).toEqual(entries(claims));
      }),
    );
  });

  it('stay once they are recorded, whoever comes and goes', () => {
    fc.assert(
      fc.property(anyClaims, anyClaims, fc.nat(30), (claims, others, kept) => {
        const recorded = recordedOf(claims);
        const addresses = new Set(claims.map(({ address }) => address));
        const newcomers = others
          .filter(({ address }) => !addresses.has(address))
          .map((claim) => ({ ...claim, recorded: undefined }));
        const rest = recorded.slice(0, kept);
        const before = Object.fromEntries(
          rest.flatMap(({ address, recorded: number }) => (number === undefined ? [] : [[address, number]])),
        );
        expect(entries([...newcomers, ...rest])).toMatchObject(before);
      }),
    );
  });

  it('stay when a younger address of its own comes, also where nothing is recorded', () => {
    fc.assert(
      fc.property(anyClaims, (claims) => {
        const fresh = claims.map((claim) => ({ ...claim, recorded: undefined }));
        const address = ipAddressOf('192.0.2.200');
        if (address === undefined) throw new Error('this is an address');
        const own = { address, classKey: 'own', shardKey: 'own', isSingle: true, createdMs: 4, recorded: undefined };
        expect(entries([...fresh, own])).toMatchObject(entries(fresh));
      }),
    );
  });

  it('of a Service whose traffic became Local make way for those that shared its router', () => {
    const [old, other] = recordedOf(
      ['192.0.2.1', '192.0.2.2'].flatMap((text) => {
        const address = ipAddressOf(text);
        if (address === undefined) return [];
        return { address, classKey: 'any', shardKey: 'any 1', isSingle: false, createdMs: 0, recorded: undefined };
      }),
    );
    if (old === undefined || other === undefined) throw new Error('there are two');
    const local = { ...old, classKey: 'local', shardKey: 'local', isSingle: true };
    const after = routerNumbers([local, other], RANGE);
    expect(after.get(other.address)).toBe(other.recorded);
    expect(after.get(local.address)).not.toBe(other.recorded);
  });
});
