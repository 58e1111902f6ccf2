/**
 * What the runner relies on (src/planes/plane.ts), as one suite for every plane. A world is what the plane writes to: a HAProxy,
 * the kernel, an API server.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../src/lib/fault.ts';
import type { Plane } from '../../src/planes/plane.ts';

/** A world for one case, nothing of ours in it, and the plane that writes to it. */
export interface PlaneWorld<Want> {
  readonly plane: Plane<Want>;
  /** What the world shows to those whom `want` is for, in a form that can be compared. */
  look(want: Want): Promise<unknown>;
  /** Somebody else spoils what the plane has made, in a way that the plane can notice. */
  disturb(): Promise<void>;
  /** From now on the world says no to any change. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  close(): Promise<void>;
}

export interface PlaneSuite<Want> {
  makeWorld(): Promise<PlaneWorld<Want>>;
  /** Plans that differ in everything that a plan can differ in; each is to leave other marks on the world. */
  readonly wants: readonly [Want, Want, ...Want[]];
  /** Holds all that the first of `wants` holds, and more. */
  readonly wider: Want;
  /** What is left for `wants[0]` after a release: everything, or nothing. */
  readonly afterRelease: 'everything' | 'nothing';
  readonly timeoutMs?: number;
}

class Scene<Want> {
  readonly suite: PlaneSuite<Want>;
  readonly world: PlaneWorld<Want>;
  readonly signal: AbortSignal;
  readonly disturbances: string[] = [];
  readonly #stop = new AbortController();

  constructor(suite: PlaneSuite<Want>, world: PlaneWorld<Want>) {
    this.suite = suite;
    this.world = world;
    this.signal = this.#stop.signal;
    world.plane.onDisturbed((reason) => this.disturbances.push(reason));
  }

  async apply(want: Want): Promise<number> {
    return (await this.world.plane.apply(want, this.signal)).changes;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.world.close();
  }

  /** What a world looks like in which nothing but `want` was ever applied. */
  async lookOfFresh(want: Want): Promise<unknown> {
    const fresh = new Scene(this.suite, await this.suite.makeWorld());
    try {
      await fresh.apply(want);
      return await fresh.world.look(want);
    } finally {
      await fresh.world.plane.release();
      await fresh.end();
    }
  }
}

type Case = <Want>(scene: Scene<Want>) => Promise<void>;

const cases: Readonly<Record<string, Case>> = {
  'changes nothing when the same plan is applied again': async (scene) => {
    for (const want of scene.suite.wants) {
      expect(await scene.apply(want)).toBeGreaterThan(0);
      const before = await scene.world.look(want);
      expect(await scene.apply(want)).toBe(0);
      expect(await scene.world.look(want)).toEqual(before);
    }
  },
  'leads from any plan to any other as if it began with nothing': async (scene) => {
    const { wants } = scene.suite;
    const fresh = new Map<unknown, unknown>();
    for (const want of wants) fresh.set(want, await scene.lookOfFresh(want));
    expect(new Set([...fresh.values()].map((look) => JSON.stringify(look))).size).toBe(wants.length);
    for (const from of wants) {
      for (const to of wants) {
        if (from === to) continue;
        await scene.apply(from);
        await scene.apply(to);
        expect(await scene.world.look(to)).toEqual(fresh.get(to));
      }
    }
  },
  'notices that the world was spoilt, and repairs it with the same plan': async (scene) => {
    const [want] = scene.suite.wants;
    await scene.apply(want);
    const before = await scene.world.look(want);
    await scene.world.disturb();
    await vi.waitFor(() => expect(scene.disturbances).not.toEqual([]), { timeout: 10_000, interval: 5 });
    expect(await scene.apply(want)).toBeGreaterThan(0);
    expect(await scene.world.look(want)).toEqual(before);
    expect(await scene.apply(want)).toBe(0);
  },
  'throws a Fault when the world says no, keeps what was there, and goes on later': async (scene) => {
    const [want] = scene.suite.wants;
    const { wider } = scene.suite;
    await scene.apply(want);
    const before = await scene.world.look(want);
    await scene.world.refuse();
    await expect(scene.apply(wider)).rejects.toThrow(Fault);
    expect(await scene.world.look(want)).toEqual(before);
    await expect(scene.apply(wider)).rejects.toThrow(Fault);
    expect(await scene.world.look(want)).toEqual(before);
    await scene.world.accept();
    expect(await scene.apply(wider)).toBeGreaterThan(0);
    expect(await scene.world.look(wider)).toEqual(await scene.lookOfFresh(wider));
  },
  'leaves the world as it should when it is released': async (scene) => {
    const [want] = scene.suite.wants;
    const bare = await scene.world.look(want);
    await scene.apply(want);
    const before = await scene.world.look(want);
    expect(before).not.toEqual(bare);
    await scene.world.plane.release();
    expect(await scene.world.look(want)).toEqual(scene.suite.afterRelease === 'everything' ? before : bare);
  },
  'may be released without ever having applied anything': async (scene) => {
    await scene.world.plane.release();
  },
};

/** Runs the suite, each case in a world of its own. */
export function describePlane<Want>(name: string, suite: PlaneSuite<Want>): void {
  describe(name, { timeout: suite.timeoutMs ?? 10_000 }, () => {
    let scene: Scene<Want>;
    beforeEach(async () => {
      scene = new Scene(suite, await suite.makeWorld());
    });
    afterEach(async () => {
      await scene.world.plane.release();
      await scene.end();
    });
    for (const [title, run] of Object.entries(cases)) it(title, () => run(scene));
  });
}
