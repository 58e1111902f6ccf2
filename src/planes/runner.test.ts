import { afterEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../lib/fault.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Applied, Plane } from './plane.ts';
import { Runner, type RunnerEvents } from './runner.ts';

/** A world that takes a while over each apply, and may say no. */
class SlowPlane implements Plane<string> {
  readonly name = 'slow';
  readonly applied: string[] = [];
  /** Thrown by the next applies, in order. */
  readonly refusals: Error[] = [];
  /** While set, applies wait for it. */
  gate: Promise<void> = Promise.resolve();
  underWay = 0;
  peak = 0;
  #disturbed: (reason: string) => void = () => {};

  async apply(want: string): Promise<Applied> {
    this.underWay += 1;
    this.peak = Math.max(this.peak, this.underWay);
    await this.gate;
    this.underWay -= 1;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    const changes = this.applied.at(-1) === want ? 0 : 1;
    this.applied.push(want);
    return { changes };
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  disturb(): void {
    this.#disturbed('somebody did something');
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

class Told implements RunnerEvents {
  readonly lines: string[] = [];

  applied(plane: string, { changes }: { readonly changes: number }): void {
    this.lines.push(`${plane} applied ${String(changes)}`);
  }

  failed(plane: string, fault: Fault): void {
    this.lines.push(`${plane} failed ${fault.code}`);
  }
}

describe('Runner', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  function start(): {
    readonly plane: SlowPlane;
    readonly runner: Runner<string>;
    readonly told: Told;
    readonly running: Promise<void>;
    readonly stop: () => Promise<void>;
  } {
    const plane = new SlowPlane();
    const told = new Told();
    const runner = new Runner(plane, silentLogger, told);
    const stopping = new AbortController();
    const running = runner.run(stopping.signal);
    const stop = async (): Promise<void> => {
      stopping.abort();
      await running.catch(() => {});
    };
    ends.push(stop);
    return { plane, runner, told, running, stop };
  }

  const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 2 });

  it('tells since when something is wanted that is not there, also while an apply does not end and after one that failed', async () => {
    const { plane, runner } = start();
    expect(runner.behindSinceMs).toBeUndefined();
    const gate = Promise.withResolvers<void>();
    plane.gate = gate.promise;
    plane.refusals.push(new Fault('full', 'no room'));
    const earliestMs = performance.now();
    runner.want('a');
    const sinceMs = runner.behindSinceMs;
    expect(sinceMs).toBeGreaterThanOrEqual(earliestMs);
    await vi.waitFor(() => expect(plane.underWay).toBe(1));
    runner.want('b');
    expect(runner.behindSinceMs).toBe(sinceMs);
    gate.resolve();
    await vi.waitFor(() => expect(runner.state.kind).toBe('failing'));
    expect(runner.behindSinceMs).toBe(sinceMs);
    await vi.waitFor(() => expect(plane.applied).toEqual(['b']));
    expect(runner.behindSinceMs).toBeUndefined();
    plane.disturb();
    expect(runner.behindSinceMs).toBeDefined();
  });

  it('waits for a plan, and applies it', async () => {
    const { plane, runner, told } = start();
    expect([runner.state, runner.name]).toEqual([{ kind: 'waiting' }, 'slow']);
    runner.want('a');
    await until(() => expect(told.lines).toEqual(['slow applied 1']));
    expect(plane.applied).toEqual(['a']);
    expect(runner.state).toEqual({ kind: 'applied' });
  });

  it('takes a plan that was there before it ran, and the same plan again for no news', async () => {
    const plane = new SlowPlane();
    const told = new Told();
    const runner = new Runner(plane, silentLogger, told);
    runner.want('a');
    const stopping = new AbortController();
    const running = runner.run(stopping.signal);
    await until(() => expect(plane.applied).toEqual(['a']));
    runner.want('a');
    runner.want('b');
    await until(() => expect(plane.applied).toEqual(['a', 'b']));
    stopping.abort();
    await running;
  });

  it('folds what comes during an apply into the next one, and has one under way at most', async () => {
    const { plane, runner } = start();
    const gate = Promise.withResolvers<void>();
    plane.gate = gate.promise;
    runner.want('first');
    await until(() => expect(plane.underWay).toBe(1));
    for (let n = 0; n < 1000; n += 1) runner.want(`plan ${String(n)}`);
    gate.resolve();
    await until(() => expect(plane.applied).toEqual(['first', 'plan 999']));
    expect(plane.peak).toBe(1);
  });

  it('tries again when the world says no, with the newest plan, and says how it stands', async () => {
    const { plane, runner, told } = start();
    plane.refusals.push(new Fault('no-way', 'no'), new Fault('no-way', 'no'));
    runner.want('a');
    await until(() => expect(told.lines).toContain('slow failed no-way'));
    expect(runner.state).toMatchObject({ kind: 'failing', fault: { code: 'no-way' }, hasApplied: false });
    runner.want('b');
    await until(() => expect(plane.applied).toEqual(['b']));
    expect(runner.state).toEqual({ kind: 'applied' });
    plane.refusals.push(new Fault('no-way', 'no'));
    runner.want('c');
    await until(() => expect(runner.state).toMatchObject({ kind: 'failing', hasApplied: true }));
    await until(() => expect(plane.applied).toEqual(['b', 'c']));
  });

  it('applies the same plan again when the world was disturbed, during an apply too', async () => {
    const { plane, runner } = start();
    plane.disturb();
    runner.want('a');
    await until(() => expect(plane.applied).toEqual(['a']));
    plane.disturb();
    await until(() => expect(plane.applied).toEqual(['a', 'a']));
    const gate = Promise.withResolvers<void>();
    plane.gate = gate.promise;
    runner.want('b');
    await until(() => expect(plane.underWay).toBe(1));
    plane.disturb();
    gate.resolve();
    await until(() => expect(plane.applied).toEqual(['a', 'a', 'b', 'b']));
  });

  it('ends with what is not a Fault', async () => {
    const { plane, runner, running } = start();
    const bug = new TypeError('a bug');
    plane.refusals.push(bug);
    runner.want('a');
    await expect(running).rejects.toBe(bug);
  });

  it('ends when it is told to: idle, during an apply, and while it waits to try again', async () => {
    await start().stop();
    const applying = start();
    const gate = Promise.withResolvers<void>();
    applying.plane.gate = gate.promise;
    applying.plane.refusals.push(new TypeError('cut off in the middle'));
    applying.runner.want('a');
    await until(() => expect(applying.plane.underWay).toBe(1));
    const stopped = applying.stop();
    gate.resolve();
    await stopped;
    await expect(applying.running).resolves.toBeUndefined();
    const failing = start();
    failing.plane.refusals.push(...Array.from({ length: 50 }, () => new Fault('no-way', 'no')));
    failing.runner.want('a');
    await until(() => expect(failing.runner.state.kind).toBe('failing'));
    await failing.stop();
    expect(failing.plane.applied).toEqual([]);
  });
});
