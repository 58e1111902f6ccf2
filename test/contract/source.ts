/**
 * What everybody behind `Source` (src/sources/source.ts) relies on, as one suite for every kind of source. A world is what the
 * source looks at: a folder, an API server, DNS.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FindingReason } from '../../src/model/codes.ts';
import type { Source } from '../../src/sources/source.ts';
import { Store } from '../../src/sources/store.ts';

/** How a world goes quiet, and what the source says of it meanwhile. */
export interface Silence {
  begin(): Promise<void>;
  end(): Promise<void>;
  readonly told: 'stale' | 'nothing';
  /** The Finding that says what cannot be seen, where there is one. */
  readonly finds?: FindingReason;
  /** Whether the world can change while it is quiet. */
  readonly canChange: boolean;
}

/** A world for one case, and the source that looks at it. */
export interface SourceWorld {
  readonly source: Source;
  readonly silences: Readonly<Record<string, Silence>>;
  /** Puts things into the world at once, each by name with a version (1 to 9), in place of earlier versions. */
  put(things: Readonly<Record<string, number>>): Promise<void>;
  remove(name: string): Promise<void>;
  /** Puts a thing that is wrong. */
  putBroken(name: string): Promise<void>;
  /** What the Store holds of the world's things: the very objects. */
  held(): ReadonlyMap<string, unknown>;
  /** The version of something that the Store holds. */
  versionOf(held: unknown): number;
  /** How many connections, watches and timers the source has open. */
  open(): number;
  close(): Promise<void>;
}

type CaseName = keyof typeof cases;

export interface SourceSuiteOptions {
  /** Cases that do not apply to this source, and why. */
  readonly skip?: Readonly<Partial<Record<CaseName, string>>>;
  readonly timeoutMs?: number;
}

/** A source at work, and a record of what it did. */
class Scene {
  readonly store: Store;
  readonly world: SourceWorld;
  /** Kinds of state, as told. */
  readonly told: string[] = [];
  /** What the Store held after each batch, name and version. */
  readonly batches: string[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  readonly #timeoutMs: number;

  constructor(store: Store, world: SourceWorld, timeoutMs: number) {
    this.store = store;
    this.world = world;
    this.#timeoutMs = timeoutMs;
    store.subscribe(() => {
      const shown = this.shown();
      if (shown !== this.batches.at(-1)) this.batches.push(shown);
    });
  }

  start(): void {
    this.#running = this.world.source.run(this.#stop.signal, () => this.told.push(this.world.source.state.kind));
  }

  async sync(): Promise<void> {
    this.start();
    await this.untilState('synced');
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  shown(): string {
    const { world } = this;
    return [...world.held()]
      .map(([name, held]) => `${name}${String(world.versionOf(held))}`)
      .sort((a, b) => (a < b ? -1 : 1))
      .join(' ');
  }

  findings(): readonly string[] {
    return [...this.store.snapshot.findings.values()].flat().map(({ reason }) => reason);
  }

  until(check: () => void): Promise<void> {
    return vi.waitFor(check, { timeout: this.#timeoutMs, interval: 5 });
  }

  untilShown(shown: string): Promise<void> {
    return this.until(() => expect(this.shown()).toBe(shown));
  }

  untilState(kind: string): Promise<void> {
    return this.until(() => expect(this.world.source.state.kind).toBe(kind));
  }

  untilFindings(count: number): Promise<void> {
    return this.until(() => expect(this.findings()).toHaveLength(count));
  }
}

const cases = {
  'is syncing until it has everything, and says once that it is synced': async (scene: Scene) => {
    await scene.world.put({ a: 1, b: 2 });
    expect(scene.world.source.state).toMatchObject({ kind: 'syncing' });
    await scene.sync();
    expect(scene.shown()).toBe('a1 b2');
    expect(scene.told.filter((kind) => kind === 'synced')).toHaveLength(1);
    expect(scene.told.at(-1)).toBe('synced');
  },
  'shows what there is at the start in one batch': async (scene: Scene) => {
    await scene.world.put({ a: 1, b: 2, c: 3 });
    await scene.sync();
    expect(scene.batches.filter((shown) => shown !== '')).toEqual(['a1 b2 c3']);
  },
  'brings each change to the Store in one batch': async (scene: Scene) => {
    await scene.world.put({ a: 1 });
    await scene.sync();
    await scene.untilShown('a1');
    await scene.world.put({ b: 1 });
    await scene.untilShown('a1 b1');
    await scene.world.put({ a: 2 });
    await scene.untilShown('a2 b1');
    await scene.world.remove('b');
    await scene.untilShown('a2');
    expect(scene.batches.slice(-3)).toEqual(['a1 b1', 'a2 b1', 'a2']);
  },
  'leaves what has not changed the same object': async (scene: Scene) => {
    await scene.world.put({ a: 1, b: 1 });
    await scene.sync();
    await scene.untilShown('a1 b1');
    const before = scene.world.held().get('a');
    await scene.world.put({ b: 2 });
    await scene.untilShown('a1 b2');
    await scene.world.remove('b');
    await scene.untilShown('a1');
    expect(scene.world.held().get('a')).toBe(before);
  },
  'tells of something wrong by a Finding that goes when it is mended or gone, and harms nothing else': async (
    scene: Scene,
  ) => {
    await scene.world.put({ a: 1, b: 1 });
    await scene.sync();
    const before = scene.world.held().get('a');
    await scene.world.putBroken('bad');
    await scene.untilFindings(1);
    expect(scene.world.held().get('a')).toBe(before);
    await scene.world.put({ bad: 3, b: 2 });
    await scene.until(() => expect(scene.shown()).toContain('b2 bad3'));
    await scene.untilFindings(0);
    await scene.world.putBroken('bad');
    await scene.untilFindings(1);
    await scene.world.remove('bad');
    await scene.untilFindings(0);
    await scene.untilShown('a1 b2');
    expect(scene.world.held().get('a')).toBe(before);
  },
  'loses nothing when the world goes quiet, in whichever way, and goes on when it is back': async (scene: Scene) => {
    await scene.world.put({ a: 1, b: 1 });
    await scene.sync();
    await scene.untilShown('a1 b1');
    let version = 1;
    for (const silence of Object.values(scene.world.silences)) {
      const before = new Map(scene.world.held());
      const batches = scene.batches.length;
      await silence.begin();
      if (silence.told === 'stale') await scene.untilState('stale');
      const { finds } = silence;
      if (finds !== undefined) await scene.until(() => expect(scene.findings()).toContain(finds));
      const { state } = scene.world.source;
      if (state.kind === 'stale') expect(state.reason).not.toBe('');
      expect(new Map(scene.world.held())).toEqual(before);
      expect(scene.world.held().get('a')).toBe(before.get('a'));
      expect(scene.batches).toHaveLength(batches);
      version += 1;
      if (silence.canChange) await scene.world.put({ b: version });
      await silence.end();
      if (!silence.canChange) await scene.world.put({ b: version });
      await scene.untilShown(`a1 b${String(version)}`);
      await scene.untilState('synced');
      await scene.untilFindings(0);
      expect(scene.world.held().get('a'), 'what has not changed stays the same object').toBe(before.get('a'));
    }
  },
  'removes what went while the world was quiet': async (scene: Scene) => {
    const silence = Object.values(scene.world.silences).find(({ canChange }) => canChange);
    if (silence === undefined) throw new Error('this world cannot change while it is quiet: skip the case');
    await scene.world.put({ a: 1, b: 1 });
    await scene.sync();
    await silence.begin();
    await scene.untilState('stale');
    await scene.world.remove('b');
    expect(scene.shown()).toBe('a1 b1');
    await silence.end();
    await scene.untilShown('a1');
    await scene.untilState('synced');
  },
  'never says synced of a world that was quiet from the start, and syncs when it speaks': async (scene: Scene) => {
    const [silence] = Object.values(scene.world.silences);
    if (silence === undefined) throw new Error('this world is never quiet: skip the case');
    await scene.world.put({ a: 1 });
    await silence.begin();
    scene.start();
    await scene.untilState('stale');
    expect(scene.told).not.toContain('synced');
    expect(scene.shown()).toBe('');
    await silence.end();
    await scene.untilState('synced');
    await scene.untilShown('a1');
  },
  'stops everything when it is told to, and says nothing afterwards': async (scene: Scene) => {
    await scene.world.put({ a: 1 });
    await scene.sync();
    await scene.untilShown('a1');
    await scene.stop();
    const { snapshot } = scene.store;
    const told = scene.told.length;
    await scene.world.put({ a: 2, b: 1 });
    await scene.until(() => expect(scene.world.open()).toBe(0));
    expect(scene.store.snapshot).toBe(snapshot);
    expect(scene.told).toHaveLength(told);
  },
  'ends at once when it was stopped before it began': async (scene: Scene) => {
    await scene.world.put({ a: 1 });
    await scene.stop();
    await scene.world.source.run(AbortSignal.abort(), () => {});
    await scene.until(() => expect(scene.world.open()).toBe(0));
    expect(scene.shown()).toBe('');
  },
};

/** Runs the suite, each case in a world of its own. */
export function describeSource(
  name: string,
  makeWorld: (store: Store) => Promise<SourceWorld>,
  { skip = {}, timeoutMs = 10_000 }: SourceSuiteOptions = {},
): void {
  describe(name, { timeout: 4 * timeoutMs }, () => {
    let scene: Scene;
    beforeEach(async () => {
      const store = new Store();
      scene = new Scene(store, await makeWorld(store), timeoutMs);
    });
    afterEach(async () => {
      await scene.stop();
      await scene.world.close();
    });
    for (const [title, run] of Object.entries(cases)) {
      const reason = Object.entries(skip).find(([skipped]) => skipped === title)?.[1];
      if (reason === undefined) it(title, () => run(scene));
      else it.skip(`${title} (${reason})`, () => run(scene));
    }
  });
}
