import { expect, vi } from 'vitest';
import type { LeaderElector } from '../../../src/kube/lease.ts';
import { objectPath } from '../../../src/kube/resource.ts';
import { leases, until, type Case, type Scene } from './scene.ts';

/** A candidate without a rival, once it leads, and what it is called back with. */
async function onceLeading(scene: Scene): Promise<{
  readonly lease: { readonly namespace: string; readonly name: string };
  readonly said: readonly string[];
  readonly elector: LeaderElector;
}> {
  const lease = { namespace: scene.namespace, name: 'leader' };
  const said: string[] = [];
  const elector = scene.admin.leaderElector({
    lease,
    identity: 'first',
    onStartedLeading: () => void said.push('started'),
    onStoppedLeading: () => void said.push('stopped'),
    timings: { retryPeriodMs: 50 },
  });
  scene.run((signal) => elector.run(signal));
  await until(() => expect(said).toEqual(['started']));
  return { lease, said, elector };
}

export const electingCases: Readonly<Record<string, Case>> = {
  'elects one of two, and the other as soon as the first resigns': async (scene) => {
    const lease = { namespace: scene.namespace, name: 'leader' };
    const leading = new Set<string>();
    const stand = (identity: string): (() => Promise<void>) => {
      const elector = scene.admin.leaderElector({
        lease,
        identity,
        onStartedLeading: () => void leading.add(identity),
        onStoppedLeading: () => void leading.delete(identity),
        timings: { retryPeriodMs: 50 },
      });
      return scene.run((signal) => elector.run(signal));
    };
    const resign = stand('first');
    await until(() => expect([...leading]).toEqual(['first']));
    stand('second');
    const { spec } = await scene.admin.get(leases, lease);
    expect(spec).toMatchObject({ holderIdentity: 'first', leaseDurationSeconds: 15, leaseTransitions: 0 });
    await resign();
    // Far sooner than the 15 s after which a lease that was not released is free.
    await vi.waitFor(() => expect([...leading]).toEqual(['second']), { timeout: 12_000, interval: 20 });
    expect((await scene.admin.get(leases, lease))['spec']).toMatchObject({
      holderIdentity: 'second',
      leaseTransitions: 1,
    });
  },
  'leads on when its lease is deleted, and creates it again': async (scene) => {
    const { lease, said } = await onceLeading(scene);
    await scene.delete(leases, 'leader');
    await until(async () => {
      expect((await scene.admin.get(leases, lease))['spec']).toMatchObject({ holderIdentity: 'first' });
    });
    expect(said).toEqual(['started']);
  },
  'leaves a lease that somebody else took': async (scene) => {
    const { lease, said, elector } = await onceLeading(scene);
    await until(async () => {
      const taken = await scene.admin.get(leases, lease);
      const spec = { ...Object(taken['spec']), holderIdentity: 'usurper' };
      await scene.admin.request({ method: 'PUT', path: objectPath(leases, lease), body: { ...taken, spec } });
    });
    await until(() => expect(said).toEqual(['started', 'stopped']));
    expect(elector.isLeading).toBe(false);
    expect(elector.leader).toBe('usurper');
  },
};
