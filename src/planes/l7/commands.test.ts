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
import { renderChange, replaceRegexes, REPLACE_REGEXES } from './commands.ts';

const SKELETON = '# skeleton\n';
const SELF_SIGNED =
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

function started(plan: L7Plan): FakeHaproxy {
  return new FakeHaproxy(checkpointFiles(renderCheckpoint(plan, SKELETON, SELF_SIGNED)), SKELETON);
}

/** Takes HAProxy from one plan to another, as the plane does it. Returns how many commands that took. */
function lead(haproxy: FakeHaproxy, before: L7Plan, after: L7Plan): number {
  const { commands } = renderChange(before, after, haproxy.leftovers, SELF_SIGNED);
  const wanted = new Set(serverNames(after));
  const kept = serverNames(before).filter((name) => wanted.has(name));
  for (const command of commands) {
    const sent = command.startsWith(REPLACE_REGEXES) ? replaceRegexes(command, '1') : [command];
    haproxy.send(sent.map((one) => `${one}\n`).join(''));
    // A client that comes right now would get the default certificate.
    const listed = new Set([...haproxy.crtList.values()].flat());
    expect(kept.filter((name) => !listed.has(name))).toEqual([]);
  }
  return commands.length;
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
  it('leads any plan to any other as a start from nothing would, with nothing ever pointing at what is not there', () => {
    let longest = 0;
    fc.assert(
      fc.property(fc.array(world, { minLength: 2, maxLength: 5 }), (worlds) => {
        const plans = worlds.map((objects) => planOf(objects).l7);
        const [first, ...rest] = plans;
        if (first === undefined) return;
        const haproxy = started(first);
        let before = first;
        for (const plan of rest) {
          longest = Math.max(longest, lead(haproxy, before, plan));
          expect(haproxy.visible).toEqual(started(plan).visible);
          before = plan;
        }
      }),
      { numRuns: 120 },
    );
    expect(longest).toBeGreaterThan(10);
  });

  it('changes nothing for the same plan, compiled anew or not', () => {
    fc.assert(
      fc.property(world, (objects) => {
        const plan = planOf(objects).l7;
        const haproxy = started(plan);
        expect(lead(haproxy, plan, plan)).toBe(0);
        const anew = renderChange(plan, planOf(objects).l7, haproxy.leftovers, SELF_SIGNED).commands;
        // The order of regular expressions matters, so that they are replaced as a whole, and by the same here.
        expect(anew.filter((command) => !command.startsWith(REPLACE_REGEXES))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
