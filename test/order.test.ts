/** Same snapshot, same plan, byte for byte, in whatever order the objects arrived. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../src/app/check.ts';
import { Compiler } from '../src/compile/compiler.ts';
import type { Plan } from '../src/compile/plan.ts';
import { NO_NODE_FACTS } from '../src/compile/settings.ts';
import type { Change } from '../src/sources/change.ts';
import { Store } from '../src/sources/store.ts';
import { changesOf, GOLDEN_NOW_MS, printPlan } from './golden/compile-manifest.ts';

const golden = join(import.meta.dirname, 'golden');

/** Every object of the golden cases, those that conflict and those that are wrong among them. */
const everything: readonly Change[] = readdirSync(golden, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => changesOf(readFileSync(join(golden, name, 'in.yaml'), 'utf8')));

/** Of two changes for one object only the first: the order of those is what is not free. */
const changes = [
  ...new Map(everything.toReversed().map((change) => [`${change.table} ${change.key}`, change])).values(),
];

function order(seed: readonly number[]): readonly Change[] {
  return changes
    .map((change, index) => ({ change, rank: seed[index % seed.length] ?? 0, index }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ change }) => change);
}

/** Commits changes in batches, compiling after each. */
function compileInBatches(ordered: readonly Change[], batch: number): Plan {
  const store = new Store();
  const compiler = new Compiler(STANDALONE_SETTINGS);
  for (let start = 0; start < ordered.length; start += batch) {
    store.commit(ordered.slice(start, start + batch));
    compiler.compile(store.snapshot, { nowMs: GOLDEN_NOW_MS, node: NO_NODE_FACTS });
  }
  return compiler.compile(store.snapshot, { nowMs: GOLDEN_NOW_MS, node: NO_NODE_FACTS });
}

const expected = printPlan(compileInBatches(changes, changes.length));

describe('the order in which objects arrive', () => {
  it('does not show in the plan', () => {
    expect(changes.length).toBeGreaterThan(40);
    expect(expected.length).toBeGreaterThan(4000);
    fc.assert(
      fc.property(
        fc.array(fc.nat(), { minLength: changes.length, maxLength: changes.length }),
        fc.integer({ min: 1, max: changes.length }),
        (seed, batch) => {
          expect(printPlan(compileInBatches(order(seed), batch))).toBe(expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('does not show after detours: objects that came and went', () => {
    fc.assert(
      fc.property(fc.subarray([...changes.keys()]), fc.nat(), (detours, seed) => {
        const store = new Store();
        const compiler = new Compiler(STANDALONE_SETTINGS);
        store.commit(order([seed, seed % 7, seed % 3]));
        compiler.compile(store.snapshot, { nowMs: GOLDEN_NOW_MS, node: NO_NODE_FACTS });
        const gone = detours.flatMap((index) => changes[index] ?? []);
        store.commit(gone.map((change) => ({ ...change, value: undefined })));
        compiler.compile(store.snapshot, { nowMs: GOLDEN_NOW_MS, node: NO_NODE_FACTS });
        store.commit(gone);
        expect(printPlan(compiler.compile(store.snapshot, { nowMs: GOLDEN_NOW_MS, node: NO_NODE_FACTS }))).toBe(
          expected,
        );
      }),
      { numRuns: 60 },
    );
  });
});
