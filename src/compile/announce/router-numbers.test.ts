import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routerNumbers, type NumberedGroup } from './router-numbers.ts';

const RANGE = { first: 101, count: 20 };
const anyGroups = fc.uniqueArray(fc.record({ key: fc.string({ maxLength: 6 }), createdMs: fc.nat(3) }), {
  selector: ({ key }) => key,
  maxLength: 30,
});

function entries(groups: readonly NumberedGroup[]): Readonly<Record<string, number>> {
  return Object.fromEntries(routerNumbers(groups, RANGE));
}

describe('virtual router identifiers', () => {
  it('are in their range, one for each group, as long as there are any', () => {
    fc.assert(
      fc.property(anyGroups, (groups) => {
        const numbers = [...routerNumbers(groups, RANGE).values()];
        expect(new Set(numbers).size).toBe(Math.min(groups.length, RANGE.count));
        expect(numbers.every((number) => number >= 101 && number <= 120)).toBe(true);
      }),
    );
  });

  it('are the same on every node, in whatever order it learned of the groups', () => {
    fc.assert(
      fc.property(anyGroups, (groups) => {
        expect(entries(groups.toReversed())).toEqual(entries(groups));
      }),
    );
  });

  it('stay when a younger group comes', () => {
    fc.assert(
      fc.property(anyGroups, fc.string({ minLength: 7 }), (groups, key) => {
        expect(entries([...groups, { key, createdMs: 4 }])).toMatchObject(entries(groups));
      }),
    );
  });
});
