import { PersistentMap } from '../../../src/lib/persistent-map.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { NameSource } from '../../../src/sources/dns/name-source.ts';
import type { Store } from '../../../src/sources/store.ts';
import { describeSource, type SourceWorld } from '../source.ts';

/** DNS: a thing is a name that is wanted, and its version the last byte of its address. */
function makeDns(store: Store): Promise<SourceWorld> {
  const answers = new Map<string, readonly string[]>();
  let isQuiet = false;
  let lookups = 0;
  const resolve = async (name: string): Promise<readonly string[]> => {
    lookups += 1;
    await new Promise((done) => setTimeout(done, 1));
    lookups -= 1;
    const answer = answers.get(name);
    if (isQuiet || answer === undefined) throw new Error('SERVFAIL');
    return answer;
  };
  const source = new NameSource({ store, logger: silentLogger, resolve, everyMs: 5 });
  const want = (): void => {
    const names = PersistentMap.from([...answers.keys()].map((name) => [name, true as const] as const));
    source.want({ objects: PersistentMap.empty(), names });
  };
  const setQuiet = (value: boolean): Promise<void> => {
    isQuiet = value;
    return Promise.resolve();
  };
  return Promise.resolve({
    source,
    silences: {
      'nobody answers': { begin: () => setQuiet(true), end: () => setQuiet(false), told: 'nothing', canChange: true },
    },
    put: (things) => {
      for (const [name, version] of Object.entries(things)) answers.set(name, [`192.0.2.${String(version)}`]);
      want();
      return Promise.resolve();
    },
    putBroken: () => Promise.reject(new Error('names have no wrong form')),
    remove: (name) => {
      answers.delete(name);
      want();
      return Promise.resolve();
    },
    held: () => new Map(store.snapshot.resolvedNames.entries()),
    versionOf: (held) => Number(/192\.0\.2\.(\d)/.exec(JSON.stringify(held))?.[1]),
    open: () => lookups,
    close: () => Promise.resolve(),
  });
}

const notToldHere = 'that a name has no address is told by compile, on its Service';

describeSource('NameSource on DNS', makeDns, {
  skip: {
    'shows what there is at the start in one batch': 'each name is looked up by itself',
    'tells of something wrong by a Finding that goes when it is mended or gone, and harms nothing else': notToldHere,
    'removes what went while the world was quiet': 'it is never stale',
    'never says synced of a world that was quiet from the start, and syncs when it speaks': notToldHere,
  },
});
