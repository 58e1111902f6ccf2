import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StreamTrouble } from '../../test/fakes/apiserver/faults.ts';
import { configMaps, ReflectionLab, until, untilState } from '../../test/fakes/reflection-lab.ts';

type Step =
  | { readonly do: 'put'; readonly name: string; readonly value: string }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'trouble'; readonly trouble: StreamTrouble }
  | { readonly do: 'refuse'; readonly status: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'compact' | 'bookmark' | 'restart' };

const troubles: readonly StreamTrouble[] = ['reset', 'end', 'half-line', 'garbage', { errorEvent: 500 }];
const name = fc.constantFrom('a', 'b', 'c', 'd');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('put' as const), name, value: fc.string() }),
  fc.record({ do: fc.constant('delete' as const), name }),
  fc.record({ do: fc.constant('trouble' as const), trouble: fc.constantFrom(...troubles) }),
  fc.record({ do: fc.constant('refuse' as const), status: fc.constantFrom(401, 403, 404, 429, 500, 503) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(20) }),
  fc.record({ do: fc.constantFrom('compact' as const, 'bookmark' as const, 'restart' as const) }),
);

let lab: ReflectionLab;
/** Everything that was ever deleted: nothing else may ever leave the copy. */
let deleted: Set<string>;

async function take(taken: Step): Promise<void> {
  const { server } = lab;
  switch (taken.do) {
    case 'put':
      server.seed('configmaps', [
        { metadata: { namespace: 'default', name: taken.name }, data: { value: taken.value } },
      ]);
      return;
    case 'delete':
      if (!stored().some(({ metadata }) => metadata.name === taken.name)) return;
      deleted.add(`default/${taken.name}`);
      return lab.unseed(taken.name);
    case 'trouble':
      return server.troubleWatches(taken.trouble);
    case 'refuse':
      server.faults.add({ trouble: { kind: 'status', status: taken.status }, times: 2 });
      return;
    case 'wait':
      return new Promise((resolve) => setTimeout(resolve, taken.ms));
    case 'compact':
      return server.storage.compact();
    case 'bookmark':
      return server.bookmark();
    case 'restart':
      await server.refuseConnections();
      return server.acceptConnections();
  }
}

function stored(): ReturnType<ReflectionLab['server']['storage']['at']> {
  const { storage } = lab.server;
  return storage.at({ ...configMaps, hasStatus: false, isCustom: false }, storage.revision);
}

describe.each(['served', 'refused'] as const)('Reflector, watch-list %s', (watchList) => {
  beforeEach(async () => {
    lab = await ReflectionLab.open(watchList);
    deleted = new Set();
  });
  afterEach(() => lab.close());

  it('ends up with what the server holds, and loses nothing else, whatever happens', { timeout: 120_000 }, async () => {
    const { copy } = lab.start({ timings: { lossConfirmMs: 0 } });
    await untilState(copy, 'synced');
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      for (const taken of steps) await take(taken);
      lab.server.faults.clear();
      await until(() => {
        const held = [...copy.objects.values()].map((object) => `${object.name}@${object.resourceVersion}`);
        const wanted = stored().map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);
        expect(held.toSorted()).toEqual(wanted.toSorted());
      });
      expect(copy.departed.filter((key) => !deleted.has(key))).toEqual([]);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
