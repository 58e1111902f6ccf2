import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/compile/plan.ts';
import { attack, attacked, HARMLESS } from './hostile.ts';
import { afterAttacks, anyMark, marks, textAt, withText, type Mark } from './marks.ts';
import { bystanders, targets } from './objects.ts';
import { commandsBetween, extent, planOf, served, shareOf, toldBy } from './served.ts';

function describeMark({ index, place }: Mark): string {
  return `${String(index)}: ${place.path.join('.')} (${place.part})`;
}

const untouched = planOf([...targets, ...bystanders]);
const nothing = planOf([]);
const bystanderAlone = shareOf(served(planOf(bystanders)), 'bystander');

const untouchedExtent = extentOf(untouched);

/** How many lines, sections and commands there are of each kind. */
function extentOf(plan: Plan): readonly number[] {
  return [...extent(served(plan)), commandsBetween(nothing.l7, plan.l7)];
}

/** A host may be another one, with a line of its own: what harmless strings in the same place lead to is the measure. */
function expectNoMoreThanHarmless(mark: Mark, found: readonly number[]): void {
  if (found.every((count, kind) => count <= (untouchedExtent[kind] ?? 0))) return;
  const harmless = HARMLESS.map((text) => extentOf(planOf([...withText(targets, mark, text), ...bystanders])));
  const most = untouchedExtent.map((count, kind) => Math.max(count, ...harmless.map((extents) => extents[kind] ?? 0)));
  found.forEach((count, kind) => expect(count).toBeLessThanOrEqual(most[kind] ?? 0));
}

describe('strings of users', () => {
  it('are all found: values and keys of every kind', () => {
    const found = new Set(marks.map(describeMark));
    expect(found.size).toBe(marks.length);
    expect(marks.length).toBeGreaterThan(250);
    expect(
      marks.every(
        (mark) => textAt(withText(targets, mark, 'changed'), mark) === 'changed' || mark.place.part === 'key',
      ),
    ).toBe(true);
  });

  it('leave the others as they are when they are harmless', () => {
    expect(shareOf(served(untouched), 'bystander')).toEqual(bystanderAlone);
  });

  it('never become syntax, add a line, or reach what others serve', () => {
    fc.assert(
      fc.property(anyMark, attack, (mark, change) => {
        const plan = planOf([...withText(targets, mark, attacked(textAt(targets, mark), change)), ...bystanders]);
        expect(shareOf(served(plan), 'bystander')).toEqual(bystanderAlone);
        commandsBetween(untouched.l7, plan.l7);
        commandsBetween(plan.l7, untouched.l7);
        expectNoMoreThanHarmless(mark, extentOf(plan));
        expectPrintable(toldBy(plan));
      }),
      { numRuns: 400 },
    );
  }, 240_000);

  it('never become syntax in several places at once', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyMark, attack), { minLength: 2, maxLength: 6 }), (attacks) => {
        const plan = planOf([...afterAttacks(targets, attacks), ...bystanders]);
        expect(shareOf(served(plan), 'bystander')).toEqual(bystanderAlone);
        commandsBetween(nothing.l7, plan.l7);
        commandsBetween(untouched.l7, plan.l7);
        commandsBetween(plan.l7, untouched.l7);
        expectPrintable(toldBy(plan));
      }),
      { numRuns: 150 },
    );
  }, 240_000);
});

/** Nothing that could drive a terminal, forge a line of a log, or be refused as the message of an Event. */
function expectPrintable(texts: readonly string[]): void {
  for (const text of texts) {
    expect(text).not.toMatch(/[\p{Cc}\u2028\u2029]|\p{Cs}/u);
    expect(text.length).toBeLessThanOrEqual(2000);
  }
}
