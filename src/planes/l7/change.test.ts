import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointFiles } from '../../../test/fakes/checkpoint-files.ts';
import { FakeHaproxy } from '../../../test/fakes/haproxy.ts';
import { attack } from '../../../test/injection/hostile.ts';
import { afterAttacks, anyMark } from '../../../test/injection/marks.ts';
import { bystanders, targets, type Json } from '../../../test/injection/objects.ts';
import { planOf } from '../../../test/injection/served.ts';
import type { L7Plan } from '../../compile/plan.ts';
import { renderCheckpoint } from './checkpoint.ts';
import { renderChange } from './change.ts';
import { execute } from './execute.ts';
import type { RetiredData } from './routes.ts';

const SELF_SIGNED =
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

function started(plan: L7Plan): FakeHaproxy {
  return new FakeHaproxy(checkpointFiles(renderCheckpoint(plan, SELF_SIGNED)));
}

/** What nothing leads to any more, and is not collected here. */
const retiredData = new WeakMap<FakeHaproxy, Map<string, RetiredData>>();

/** Takes HAProxy from one plan to another, by what the plane uses too. Returns how many steps that took. */
async function lead(haproxy: FakeHaproxy, before: L7Plan, after: L7Plan): Promise<number> {
  const data = retiredData.get(haproxy) ?? new Map<string, RetiredData>();
  const { steps, retired } = renderChange(before, after, { ...haproxy.leftovers, data }, SELF_SIGNED);
  for (const entry of retired.data) data.set(entry.target, entry);
  retiredData.set(haproxy, data);
  const wanted = new Set(serverNames(after));
  const kept = serverNames(before).filter((name) => wanted.has(name));
  const send = (commands: readonly string[]): Promise<readonly string[]> =>
    Promise.resolve(
      commands.flatMap((command) => {
        const answers = haproxy.send([command]);
        // A client that comes right now would get the default certificate.
        const listed = new Set([...haproxy.crtList.values()].flat());
        expect(kept.filter((name) => !listed.has(name))).toEqual([]);
        return answers;
      }),
    );
  await execute(steps, send);
  return steps.length;
}

function serverNames(plan: L7Plan): readonly string[] {
  return [...plan.certificates.values()].flatMap((certificate) => certificate.serverNames);
}

/** Some of the objects, some of them changed. */
const world: fc.Arbitrary<readonly Json[]> = fc
  .tuple(
    fc.array(fc.tuple(anyMark, attack), { maxLength: 3 }),
    fc.subarray([...targets.keys()]),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([attacks, kept, isWhole, hasOthers]) => {
    const changed = afterAttacks(targets, attacks);
    const some = isWhole ? changed : changed.filter((_, index) => kept.includes(index));
    return hasOthers ? [...some, ...bystanders] : some;
  });

describe('renderChange', () => {
  it('leads any plan to any other as a start from nothing would, with nothing ever pointing at what is not there', async () => {
    let longest = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(world, { minLength: 2, maxLength: 5 }), async (worlds) => {
        const plans = worlds.map((objects) => planOf(objects).l7);
        const [first, ...rest] = plans;
        if (first === undefined) return;
        const haproxy = started(first);
        let before = first;
        for (const plan of rest) {
          longest = Math.max(longest, await lead(haproxy, before, plan));
          expect(haproxy.visible).toEqual(started(plan).visible);
          before = plan;
        }
      }),
      { numRuns: 120 },
    );
    expect(longest).toBeGreaterThan(10);
  });

  it('changes nothing for the same plan, compiled anew or not', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (objects) => {
        const plan = planOf(objects).l7;
        const haproxy = started(plan);
        expect(await lead(haproxy, plan, plan)).toBe(0);
        const anew = renderChange(plan, planOf(objects).l7, haproxy.leftovers, SELF_SIGNED).steps;
        // The order of regular expressions matters, so that they are replaced as a whole, and by the same here.
        expect(anew.filter(({ kind }) => !kind.endsWith('-map'))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
