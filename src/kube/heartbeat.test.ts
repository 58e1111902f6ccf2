import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../test/fakes/apiserver/apiserver.ts';
import type { StoredObject } from '../../test/fakes/apiserver/stored-object.ts';
import { until } from '../../test/fakes/reflection-lab.ts';
import { isRecord } from '../lib/is-record.ts';
import type { LogFields, Logger } from '../lib/logger.ts';
import { silentLogger } from '../lib/logger.ts';
import { KubeClient } from './client.ts';
import type { Heartbeat } from './heartbeat.ts';
import { leaseResource } from './lease.ts';

const lease = { namespace: 'default', name: 'gateway-1' };
const warnings: string[] = [];
const logger: Logger = {
  ...silentLogger,
  warn: (message: string, fields: LogFields = {}) => void warnings.push(`${message}: ${String(fields['code'])}`),
};

describe('Heartbeat', () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    warnings.length = 0;
    server = await FakeApiServer.start();
    client = new KubeClient({ config: server.config(), logger, userAgent: 'heartbeat-test/1' });
    stop = new AbortController();
    running = Promise.resolve();
  });
  afterEach(async () => {
    server.faults.clear();
    stop.abort();
    await running;
    client.close();
    await server.close();
  });

  function start(renewPeriodMs = 20): Heartbeat {
    const heartbeat = client.heartbeat({
      lease,
      identity: 'node-1',
      labels: { app: 'gateway' },
      fieldManager: 'test',
      timings: { leaseDurationMs: 40_000, renewPeriodMs },
    });
    running = heartbeat.run(stop.signal);
    return heartbeat;
  }

  function stored(): StoredObject | undefined {
    return server.storage.get({ ...leaseResource, hasStatus: false, isCustom: false }, lease.namespace, lease.name);
  }

  function renewTime(): unknown {
    const spec = stored()?.['spec'];
    return isRecord(spec) ? spec['renewTime'] : undefined;
  }

  it('makes a Lease, and gives a sign of life again and again', async () => {
    start();
    await until(() => expect(stored()).toBeDefined());
    expect(stored()).toMatchObject({
      metadata: { labels: { app: 'gateway' } },
      spec: { holderIdentity: 'node-1', leaseDurationSeconds: 40 },
    });
    const first = renewTime();
    await until(() => expect(renewTime()).not.toBe(first));
  });

  it('says at once what others should know', async () => {
    const heartbeat = start(3_600_000);
    await until(() => expect(stored()).toBeDefined());
    heartbeat.annotate({ where: 'here' });
    await until(() => expect(stored()?.metadata['annotations']).toEqual({ where: 'here' }));
    heartbeat.annotate({});
    await until(() => expect(stored()?.metadata['annotations'] ?? {}).toEqual({}));
  });

  it('writes nothing when it is told the same again', async () => {
    const heartbeat = start(3_600_000);
    heartbeat.annotate({ where: 'here' });
    await until(() => expect(stored()?.metadata['annotations']).toEqual({ where: 'here' }));
    for (let time = 0; time < 20; time += 1) {
      heartbeat.annotate({ where: 'here' });
      await setImmediate();
    }
    heartbeat.annotate({ where: 'there' });
    await until(() => expect(stored()?.metadata['annotations']).toEqual({ where: 'there' }));
    // Without annotations, with the first and with the second ones.
    expect(server.requests.length).toBeLessThanOrEqual(3);
  });

  it('makes a Lease again that somebody deletes', async () => {
    start();
    await until(() => expect(stored()).toBeDefined());
    server.unseed('leases', lease.namespace, lease.name);
    await until(() => expect(stored()).toBeDefined());
  });

  it('removes its Lease when it ends, unless that is gone already', async () => {
    start(3_600_000);
    await until(() => expect(stored()).toBeDefined());
    stop.abort();
    await running;
    expect(stored()).toBeUndefined();
    stop = new AbortController();
    start(3_600_000);
    await until(() => expect(stored()).toBeDefined());
    server.unseed('leases', lease.namespace, lease.name);
    stop.abort();
    await running;
    expect(warnings).toEqual([]);
  });

  it('goes on when the API server refuses or cannot be reached, and says so once', async () => {
    const mend = server.faults.add({ trouble: { kind: 'status', status: 500 } });
    start();
    await until(() => expect(server.requests.length).toBeGreaterThan(3));
    mend();
    await until(() => expect(stored()).toBeDefined());
    expect(warnings).toEqual(['cannot report that this process is alive: kube-http-500']);
  });
});
