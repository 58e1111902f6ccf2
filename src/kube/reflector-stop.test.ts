import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configMaps,
  ReflectionLab,
  until,
  untilNames,
  untilState,
  type Reflection,
} from '../../test/fakes/reflection-lab.ts';
import { projectConfigMap, ReflectionCopy } from '../../test/fakes/reflection-copy.ts';

let lab: ReflectionLab;

describe.each(['served', 'refused'] as const)(
  'Reflector that is stopped, watch-list %s',
  { timeout: 30_000 },
  (watchList) => {
    beforeEach(async () => {
      lab = await ReflectionLab.open(watchList);
    });
    afterEach(() => lab.close());

    /** Stops it and shows that nothing is left: no connection, no timer that calls, no word to the consumer. */
    async function expectQuiet({ copy, stop }: Reflection): Promise<void> {
      await stop();
      const { calls } = copy;
      const requests = lab.server.requests.length;
      lab.client.close();
      await until(() => expect(lab.server.connections).toBe(0));
      lab.seed('after');
      // Longer than any back-off of these tests: a zombie would have moved.
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(copy.calls).toBe(calls);
      expect(lab.server.requests).toHaveLength(requests);
    }

    it('leaves nothing behind while watching', async () => {
      lab.seed('a');
      const run = lab.start();
      await untilNames(run.copy, 'a');
      await until(() => expect(lab.server.watches).toBe(1));
      await expectQuiet(run);
    });

    it('leaves nothing behind while it backs off', async () => {
      lab.server.faults.add({ trouble: { kind: 'status', status: 503 } });
      const run = lab.start({ timings: { backoff: { minMs: 30_000, maxMs: 30_000 } } });
      await untilState(run.copy, 'stale');
      await expectQuiet(run);
    });

    it('leaves nothing behind while it waits for an answer', async () => {
      lab.server.faults.add({ trouble: { kind: 'hang' } });
      const run = lab.start();
      await until(() => expect(lab.server.requests.length).toBeGreaterThan(0));
      await expectQuiet(run);
    });

    it('leaves nothing behind in the middle of the initial list', async () => {
      lab.seed(...Array.from({ length: 2_000 }, (_, index) => `object-${index}`));
      const halfway =
        watchList === 'served'
          ? { verbs: ['watch'], trouble: { kind: 'stream', afterLines: 1_000, then: 'freeze' } as const }
          : {
              verbs: ['list'],
              when: (query: URLSearchParams) => query.has('continue'),
              trouble: { kind: 'hang' } as const,
            };
      lab.server.faults.add(halfway);
      const run = lab.start();
      await until(() => expect(lab.server.requests.length).toBeGreaterThan(watchList === 'served' ? 0 : 2));
      await expectQuiet(run);
      expect(run.copy.replaces).toEqual([]);
    });

    it('says nothing more, even of what has already arrived', async () => {
      const stopping = new AbortController();
      const copy = new ReflectionCopy();
      copy.upsert = (object) => {
        copy.objects.set(object.name, object);
        stopping.abort();
      };
      const reflector = lab.client.reflector({
        selection: { resource: configMaps },
        project: projectConfigMap,
        consumer: copy,
      });
      const ended = reflector.run(stopping.signal);
      await untilState(copy, 'synced');
      await lab.untilWatched();
      // One write of the server, so very likely one piece for the client.
      lab.seed('a', 'b', 'c');
      await ended;
      expect(copy.names).toEqual(['a']);
    });

    it('does not even begin when it was stopped before', async () => {
      const copy = new ReflectionCopy();
      const reflector = lab.client.reflector({
        selection: { resource: configMaps },
        project: projectConfigMap,
        consumer: copy,
      });
      await reflector.run(AbortSignal.abort());
      expect(lab.server.requests).toEqual([]);
    });
  },
);
