import { afterAll, describe, expect, it } from 'vitest';
import type { L7Plan } from '../../src/compile/plan.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';
import { ingress, service } from './manifest.ts';

const backend = await Backend.start('one');
afterAll(() => backend.stop());

/** So many Services come and go with every change that the change takes a while. */
const OTHERS = 150;

/** A host whose only path is a regular expression that leads to a Service of this round, among many others of this round. */
function round(number: number): L7Plan {
  const name = `round-${String(number)}`;
  const others = Array.from({ length: OTHERS }, (_, index) => {
    const other = `${name}-${String(index)}`;
    return service(other, [backend.port]) + ingress(other, `${other}.test`, { '/': other });
  });
  const regex = ingress('regex', 'regex.test', { '/r/[a-z]+': name })
    .replace('name: regex', 'name: regex, annotations: { nginx.ingress.kubernetes.io/use-regex: "true" }')
    .replace('pathType: Prefix', 'pathType: ImplementationSpecific');
  const plain = ingress('plain', 'plain.test', { '/': name });
  return compileChanges(changesOf([service(name, [backend.port]), regex, plain, ...others].join(''))).l7;
}

describe('the order of a change in HAProxy', () => {
  it('never leads to a backend that is not there yet or not any more, by prefix or by regular expression', async () => {
    const world = await EngineWorld.create();
    const { signal } = new AbortController();
    const answers = new Map<string, number>();
    let isOver = false;
    const ask = async (host: string, path: string): Promise<void> => {
      while (!isOver) {
        const answer = `${host} ${await world.get(host, path)}`;
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    };
    try {
      const rounds = Array.from({ length: 12 }, (_, number) => round(number));
      await world.plane.apply(rounds[0] ?? round(0), signal);
      const clients = [ask('regex.test', '/r/abc'), ask('regex.test', '/r/def'), ask('plain.test', '/')];
      for (const plan of rounds) await world.plane.apply(plan, signal);
      isOver = true;
      await Promise.all(clients);
      expect(new Set(answers.keys())).toEqual(new Set(['regex.test 200 one', 'plain.test 200 one']));
      expect([...answers.values()].every((count) => count > 20)).toBe(true);
      expect(world.starts).toEqual(['started']);
    } finally {
      isOver = true;
      await world.plane.release();
      await world.close();
    }
  });
});
