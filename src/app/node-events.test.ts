import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../test/fakes/apiserver/apiserver.ts';
import { asJson, type StoredObject } from '../../test/fakes/apiserver/stored-object.ts';
import { until } from '../../test/fakes/reflection-lab.ts';
import type { ServicePlan } from '../compile/l4/l4-plan.ts';
import { KubeClient } from '../kube/client.ts';
import { silentLogger } from '../lib/logger.ts';
import { resourceOf } from '../model/kinds.ts';
import { Mirror } from '../sources/cluster/mirror.ts';
import { Store } from '../sources/store.ts';
import { KubeEventWriter } from './event-writer.ts';
import { KubeNodeEvents } from './node-events.ts';

describe('KubeNodeEvents', () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let events: KubeNodeEvents;
  let running: Promise<void>;
  const stop: { now: () => void } = { now: () => {} };

  beforeEach(async () => {
    server = await FakeApiServer.start();
    client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'node-events-test/1' });
    const store = new Store();
    for (const kind of ['Node', 'Service'] as const) {
      const namespace = kind === 'Service' ? { namespace: 'default' } : {};
      const metadata = { name: 'one', uid: `uid-of-${kind}`, ...namespace };
      const admission = Mirror.project({ apiVersion: 'v1', kind, metadata, spec: { ports: [{ port: 80 }] } });
      if (admission !== undefined) new Mirror(store, { resource: resourceOf(kind) }, () => {}).upsert(admission);
    }
    const writer = new KubeEventWriter(client, 'one', store, silentLogger);
    const metrics = { applied: () => {}, failed: () => {} };
    events = new KubeNodeEvents(writer, 'one', { logger: silentLogger, events: metrics });
    const stopping = new AbortController();
    stop.now = () => stopping.abort();
    running = events.run(stopping.signal);
  });
  afterEach(async () => {
    stop.now();
    await running;
    client.close();
    await server.close();
  });

  function stored(): readonly StoredObject[] {
    const resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', isNamespaced: true };
    return server.storage.at({ ...resource, hasStatus: false, isCustom: false }, server.storage.revision);
  }

  /** Of a Service no more than its name is looked at. */
  const service = (name: string): ServicePlan => ({ namespace: 'default', name }) as ServicePlan;

  it('reports on the Node and on Services, each reason by itself', async () => {
    events.repaired('a table was deleted');
    events.besideKubeProxy('kube-proxy is still running');
    events.refused(service('one'), 'no buffer space');
    await until(() => expect(stored()).toHaveLength(3));
    const about = stored().map((event) => [event['reason'], asJson(event['involvedObject'])['uid']].join(' '));
    expect(about.toSorted()).toEqual([
      'KernelRefused uid-of-Service',
      'KernelTablesRepaired uid-of-Node',
      'KubeProxyRunning uid-of-Node',
    ]);
    expect(stored().map((event) => event['message'])).toContain(
      'node one cannot program this Service: no buffer space',
    );
  });

  it('counts what happens again', async () => {
    events.repaired('a table was deleted');
    await until(() => expect(stored()).toMatchObject([{ count: 1 }]));
    events.repaired('a table was deleted');
    await until(() => expect(stored()).toMatchObject([{ count: 2 }]));
  });

  it('tries again while the API server is away, and reports nothing on what is not there', async () => {
    await server.refuseConnections();
    events.refused(service('unknown'), 'no');
    events.refused(service('one'), 'no');
    await server.acceptConnections();
    await until(() => expect(stored()).toHaveLength(1));
  });
});
