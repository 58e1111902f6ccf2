import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everything } from '../../test/fakes/apiserver/access.ts';
import { FakeApiServer } from '../../test/fakes/apiserver/apiserver.ts';
import { until } from '../../test/fakes/reflection-lab.ts';
import { isRecord } from '../lib/is-record.ts';
import { silentLogger } from '../lib/logger.ts';
import { KubeClient } from './client.ts';
import type { LeaderElector, LeaderElectorOptions } from './lease.ts';

interface Candidate {
  readonly elector: LeaderElector;
  /** `started` and `stopped`, as they were called back. */
  readonly said: string[];
  readonly stop: () => Promise<void>;
}

const lease = { namespace: 'default', name: 'leader' };
const patient = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 10 };

let server: FakeApiServer;
let client: KubeClient;
/** What the candidates take for the time. */
let nowMs: number;
const candidates: Candidate[] = [];

function stand(identity: string, options: Partial<LeaderElectorOptions> = {}): Candidate {
  const said: string[] = [];
  const stopping = new AbortController();
  const elector = client.leaderElector({
    lease,
    identity,
    timings: patient,
    onStartedLeading: () => void said.push('started'),
    onStoppedLeading: () => void said.push('stopped'),
    ...options,
  });
  const ended = elector.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await ended;
  };
  const candidate = { elector, said, stop };
  candidates.push(candidate);
  return candidate;
}

function holdBy(holderIdentity: string, more: object = {}, metadata: object = {}): void {
  // A time long past: what the object says of the time must not matter.
  const spec = {
    holderIdentity,
    leaseDurationSeconds: 15,
    renewTime: '2000-01-01T00:00:00.000000Z',
    leaseTransitions: 4,
    ...more,
  };
  server.seed('leases', [{ metadata: { ...lease, ...metadata }, spec }]);
}

function holder(): unknown {
  return storedSpec()['holderIdentity'];
}

function storedSpec(): Readonly<Record<string, unknown>> {
  const resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease' };
  const stored = server.storage.get(
    { ...resource, isNamespaced: true, hasStatus: false, isCustom: false },
    lease.namespace,
    lease.name,
  );
  return isRecord(stored?.['spec']) ? stored['spec'] : {};
}

function requests(verb: string): number {
  return server.requests.filter((seen) => seen.verb === verb).length;
}

/** Waits until the candidates have looked at the lease a few times more. */
async function looks(): Promise<void> {
  const before = requests('get');
  await until(() => expect(requests('get')).toBeGreaterThan(before + 3));
}

beforeEach(async () => {
  nowMs = 1_000_000;
  server = await FakeApiServer.start();
  client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'lease-test/1' });
});
afterEach(async () => {
  server.faults.clear();
  for (const { stop } of candidates.splice(0)) await stop();
  client.close();
  await until(() => expect(server.connections).toBe(0));
  await server.close();
});

describe('LeaderElector', () => {
  it('creates the lease, leads, and keeps it alive', async () => {
    const { elector, said } = stand('ann');
    await until(() => expect(said).toEqual(['started']));
    expect(elector.isLeading).toBe(true);
    const { renewTime, ...rest } = storedSpec();
    expect(rest).toEqual({
      holderIdentity: 'ann',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
      acquireTime: renewTime,
    });
    await until(() => expect(storedSpec()['renewTime']).not.toBe(renewTime));
    expect(storedSpec()['acquireTime']).toBe(renewTime);
    expect(said).toEqual(['started']);
  });

  it('waits for a silent holder for as long as he said, by its own clock', async () => {
    holdBy('bob');
    const { said, elector } = stand('ann', { nowMs: () => nowMs });
    await looks();
    expect(elector.leader).toBe('bob');
    nowMs += 14_999;
    await looks();
    expect(said).toEqual([]);
    nowMs += 1;
    await until(() => expect(said).toEqual(['started']));
    expect(storedSpec()).toMatchObject({ holderIdentity: 'ann', leaseTransitions: 5 });
  });

  it('waits anew after each renewal, but not because of a label', async () => {
    holdBy('bob');
    const { said } = stand('ann', { nowMs: () => nowMs });
    await looks();
    nowMs += 14_000;
    holdBy('bob', { renewTime: '2000-01-01T00:00:01.000000Z' });
    await looks();
    nowMs += 14_000;
    holdBy('bob', { renewTime: '2000-01-01T00:00:01.000000Z' }, { labels: { seen: 'yes' } });
    await looks();
    expect(said).toEqual([]);
    nowMs += 1_000;
    await until(() => expect(said).toEqual(['started']));
  });

  it('takes a lease that was released at once', async () => {
    holdBy('');
    const { said } = stand('ann', { nowMs: () => nowMs });
    await until(() => expect(said).toEqual(['started']));
  });

  it('renews a lease on which somebody has put a label, without losing it', async () => {
    const { said } = stand('ann');
    await until(() => expect(said).toEqual(['started']));
    server.seed('leases', [{ metadata: { ...lease, labels: { seen: 'yes' } }, spec: storedSpec() }]);
    const renewTime = storedSpec()['renewTime'];
    await until(() => expect(storedSpec()['renewTime']).not.toBe(renewTime));
    expect(said).toEqual(['started']);
  });

  it('creates its lease again at once when somebody deletes it, and leads on', async () => {
    const { said, elector } = stand('ann', { nowMs: () => nowMs });
    await until(() => expect(said).toEqual(['started']));
    server.unseed('leases', lease.namespace, lease.name);
    await until(() => expect(holder()).toBe('ann'));
    expect(elector.fault).toBeUndefined();
    expect(said).toEqual(['started']);
  });

  it('leaves a lease that was deleted to the holder whom it knows, for as long as he would have had it', async () => {
    holdBy('bob');
    const { said } = stand('ann', { nowMs: () => nowMs });
    await looks();
    server.unseed('leases', lease.namespace, lease.name);
    await looks();
    nowMs += 14_999;
    await looks();
    expect(said).toEqual([]);
    nowMs += 1;
    await until(() => expect(said).toEqual(['started']));
  });

  it('stops leading as soon as it sees another holder', async () => {
    const { said, elector } = stand('ann', { nowMs: () => nowMs });
    await until(() => expect(said).toEqual(['started']));
    holdBy('bob');
    await until(() => expect(said).toEqual(['started', 'stopped']));
    expect(elector.isLeading).toBe(false);
    expect(holder()).toBe('bob');
    nowMs += 15_000;
    await until(() => expect(said).toEqual(['started', 'stopped', 'started']));
  });

  it.each([
    ['refuses', { kind: 'status', status: 500 }],
    ['hangs', { kind: 'hang' }],
    ['cuts connections', { kind: 'reset' }],
  ] as const)('stops leading when the server %s for longer than the renew deadline', async (_name, trouble) => {
    const timings = { leaseDurationMs: 60_000, renewDeadlineMs: 200, retryPeriodMs: 20 };
    const { said, elector } = stand('ann', { timings });
    await until(() => expect(said).toEqual(['started']));
    const mend = server.faults.add({ trouble });
    await until(() => expect(said).toEqual(['started', 'stopped']));
    expect(elector.isLeading).toBe(false);
    expect(elector.fault).toBeDefined();
    mend();
    await until(() => expect(said).toEqual(['started', 'stopped', 'started']));
    expect(elector.fault).toBeUndefined();
  });

  it('goes on leading when the server errs for a while only', async () => {
    const { said, elector } = stand('ann');
    await until(() => expect(said).toEqual(['started']));
    const mend = server.faults.add({ trouble: { kind: 'status', status: 503 } });
    await until(() => expect(elector.fault).toMatchObject({ code: 'kube-http-503' }));
    mend();
    await until(() => expect(elector.fault).toBeUndefined());
    expect(said).toEqual(['started']);
  });

  it('does not believe that it leads once its time is up, even before it has looked', async () => {
    const { said, elector } = stand('ann', { nowMs: () => nowMs, timings: { ...patient, retryPeriodMs: 60_000 } });
    await until(() => expect(said).toEqual(['started']));
    nowMs += patient.renewDeadlineMs - 1;
    expect(elector.isLeading).toBe(true);
    nowMs += 1;
    expect(elector.isLeading).toBe(false);
  });

  it('says which right is missing', async () => {
    client.close();
    const token = server.user('ann', []);
    client = new KubeClient({ config: server.config(token), logger: silentLogger, userAgent: 'lease-test/1' });
    const { elector, said } = stand('ann');
    await until(() => expect(elector.fault).toMatchObject({ denied: { verb: 'get', resource: 'leases' } }));
    server.access.allow('ann', everything);
    await until(() => expect(said).toEqual(['started']));
  });

  it('releases the lease when it is stopped, after it has stopped leading', async () => {
    const { said, stop } = stand('ann');
    await until(() => expect(said).toEqual(['started']));
    server.onRequest = () => void said.push(holder() === 'ann' ? 'asked' : 'late');
    said.length = 0;
    await stop();
    expect(said.filter((word) => word !== 'asked')).toEqual(['stopped']);
    expect(said.lastIndexOf('asked')).toBeGreaterThan(said.indexOf('stopped'));
    expect(holder()).toBeUndefined();
    expect(storedSpec()['leaseDurationSeconds']).toBe(1);
  });

  it('releases the lease even if it is stopped in the middle of a renewal', async () => {
    const { said, stop } = stand('ann');
    await until(() => expect(said).toEqual(['started']));
    // The server acts on the renewal, but its answer comes too late.
    const interrupted = Promise.withResolvers<void>();
    let stopped: Promise<void> | undefined;
    server.onRequest = ({ verb }) => {
      if (verb !== 'update' || stopped !== undefined) return;
      stopped = stop();
      interrupted.resolve();
    };
    await interrupted.promise;
    await stopped;
    expect(holder()).toBeUndefined();
  });

  it('leaves the lease of others alone when it is stopped', async () => {
    holdBy('bob');
    const { stop } = stand('ann');
    await looks();
    await stop();
    expect(holder()).toBe('bob');
    expect(requests('update')).toBe(0);
  });

  it('leaves a lease alone that somebody took behind its back', async () => {
    const { said, stop } = stand('ann', { timings: { retryPeriodMs: 600_000, renewDeadlineMs: 600_000 } });
    await until(() => expect(said).toEqual(['started']));
    holdBy('bob');
    await stop();
    expect(said).toEqual(['started', 'stopped']);
    expect(holder()).toBe('bob');
  });

  it('is stopped in spite of a server that cuts connections', async () => {
    const { said, stop } = stand('ann');
    await until(() => expect(said).toEqual(['started']));
    server.faults.add({ verbs: ['get', 'update'], trouble: { kind: 'reset' } });
    await stop();
    expect(said).toEqual(['started', 'stopped']);
  });

  it('never has two leaders', async () => {
    const leading = new Set<string>();
    let most = 0;
    const watched = (identity: string): Partial<LeaderElectorOptions> => ({
      timings: { leaseDurationMs: 1_000, renewDeadlineMs: 400, retryPeriodMs: 20 },
      onStartedLeading: () => {
        leading.add(identity);
        most = Math.max(most, leading.size);
      },
      onStoppedLeading: () => void leading.delete(identity),
    });
    const names = ['ann', 'bob', 'eve'];
    for (const name of names) stand(name, watched(name));
    for (let round = 0; round < 3; round += 1) {
      await until(() => expect(leading.size).toBe(1));
      const mend = server.faults.add({ trouble: { kind: 'reset' } });
      await until(() => expect(leading.size).toBe(0));
      mend();
    }
    await until(() => expect(leading.size).toBe(1));
    expect(most).toBe(1);
  });
});
