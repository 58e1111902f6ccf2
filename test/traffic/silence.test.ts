import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import type { EnginePatience } from '../../src/planes/l7/silence.ts';
import type { L7Plan } from '../../src/compile/plan.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';
import { ingress, service } from './manifest.ts';
import { isRunning } from './process-state.ts';

const one = await Backend.start('one');
const two = await Backend.start('two');
afterAll(async () => {
  await one.stop();
  await two.stop();
});

function want(...manifests: readonly string[]): L7Plan {
  return compileChanges(changesOf(manifests.join(''))).l7;
}

const first = want(service('one', [one.port]), ingress('a', 'a.test', { '/': 'one' }));
const second = want(service('one', [two.port]), ingress('a', 'a.test', { '/': 'one' }));

const SILENT = { code: 'haproxy-silent', message: expect.stringContaining('does not answer') as string };

describe('L7Plane on a HAProxy that does not answer', () => {
  const { signal } = new AbortController();
  let world: EngineWorld;
  /** Runs for as long as the plane refuses to apply, as the runner does. */
  const applied = async (plan: L7Plan): Promise<void> => {
    for (;;) {
      try {
        await world.plane.apply(plan, signal);
        return;
      } catch (thrown) {
        expect(thrown).toMatchObject(SILENT);
      }
    }
  };
  const open = async (patience: Partial<EnginePatience>): Promise<void> => {
    world = await EngineWorld.create({ answerMs: 1_000, endAfterMs: 600_000, letGoMs: 1_000, ...patience });
    await world.plane.apply(first, signal);
  };
  afterEach(async () => {
    await world.plane.release();
    await world.close();
  });

  it('starts none beside it, and has one take over when it goes on', async () => {
    await open({});
    const pid = await world.pid();
    signalProcess(pid, 'SIGSTOP');
    for (let time = 0; time < 3; time += 1)
      await expect(world.plane.apply(second, signal)).rejects.toMatchObject(SILENT);
    expect([world.starts, isRunning(pid)]).toEqual([['started'], true]);
    signalProcess(pid, 'SIGCONT');
    await applied(second);
    expect(world.starts).toEqual(['started', 'out-of-step']);
    expect(await world.get('a.test', '/')).toBe('200 two');
    expect((await world.plane.apply(second, signal)).changes).toBe(0);
  });

  it('notices it where nothing is to be changed but something is left to delete', async () => {
    await open({});
    const disturbed = new Promise((resolve) => world.plane.onDisturbed(resolve));
    await world.plane.apply(second, signal);
    signalProcess(await world.pid(), 'SIGSTOP');
    expect(await disturbed).toBe('HAProxy does not answer');
  });

  it('ends it when it stays so, and starts another', async () => {
    await open({ endAfterMs: 2_000 });
    const pid = await world.pid();
    signalProcess(pid, 'SIGSTOP');
    await applied(second);
    expect([world.starts, isRunning(pid)]).toEqual([['started', 'hung'], false]);
    expect(await world.get('a.test', '/')).toBe('200 two');
    expect((await world.plane.apply(second, signal)).changes).toBe(0);
  });

  it('counts it as crashed when somebody else ends it', async () => {
    await open({});
    signalProcess(await world.pid(), 'SIGSTOP');
    await expect(world.plane.apply(second, signal)).rejects.toMatchObject(SILENT);
    await world.kill();
    await applied(second);
    expect(world.starts).toEqual(['started', 'crashed']);
  });

  it('lets one that still serves end the requests that it has', async () => {
    await open({ endAfterMs: 5_000 });
    const pid = await world.pid();
    signalProcess(pid, 'SIGSTOP');
    await expect(world.plane.apply(second, signal)).rejects.toMatchObject(SILENT);
    signalProcess(pid, 'SIGCONT');
    const crowd = await world.crowdCli();
    const slow = world.get('a.test', '/?delay=8000');
    await expect(world.plane.apply(second, signal)).rejects.toMatchObject(SILENT);
    // It serves; of the change it has what it was told before it stood still, which is the new endpoint beside the old one.
    expect(await world.get('a.test', '/')).toMatch(/^200 (?:one|two)$/);
    await applied(first);
    expect(world.starts).toEqual(['started', 'hung']);
    expect(await world.get('a.test', '/')).toBe('200 one');
    expect(await slow).toMatch(/^200 (?:one|two)$/);
    for (const cli of crowd) cli.close();
  });

  it('is not fooled by so many that wait for an answer that no more can even connect', async () => {
    await open({});
    signalProcess(await world.pid(), 'SIGSTOP');
    const waiting = Array.from({ length: 30 }, () => world.cli('show info'));
    await expect(world.plane.apply(second, signal)).rejects.toMatchObject(SILENT);
    await expect(world.plane.apply(second, signal)).rejects.toMatchObject(SILENT);
    expect(world.starts).toEqual(['started']);
    signalProcess(await world.pid(), 'SIGCONT');
    await Promise.all(waiting);
    await applied(second);
    expect(world.starts).toEqual(['started', 'out-of-step']);
  });

  it('leaves none behind when it is released', async () => {
    await open({});
    const pid = await world.pid();
    signalProcess(pid, 'SIGSTOP');
    await expect(world.plane.apply(second, signal)).rejects.toMatchObject(SILENT);
    await world.plane.release();
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});
