import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROLE_INTERESTS } from '../../../src/app/role.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { PersistentMap } from '../../../src/lib/persistent-map.ts';
import type { SourceState, Wants } from '../../../src/sources/source.ts';
import { ClusterSource } from '../../../src/sources/cluster/cluster-source.ts';
import { Store } from '../../../src/sources/store.ts';
import { FakeApiServer, type FakeApiServerOptions } from '../../fakes/apiserver/apiserver.ts';
import { everything } from '../../fakes/apiserver/access.ts';
import { describeSource, type SourceWorld } from '../source.ts';
import { heldServices, serviceObject, versionOfService } from './services.ts';

const allButServices = everything.map((rule) => ({
  ...rule,
  resources: ['ingresses', 'ingressclasses', 'endpointslices'],
}));

const NOTHING: Wants = { secrets: PersistentMap.empty(), names: PersistentMap.empty() };

const interests = ROLE_INTERESTS.gateway(undefined);

async function makeFake(store: Store, options: FakeApiServerOptions): Promise<SourceWorld> {
  const server = await FakeApiServer.start({ bookmarkIntervalMs: 50, ...options });
  const config = server.config(server.user('sluice', everything));
  const client = new KubeClient({ config, logger: silentLogger, userAgent: 'contract/1' });
  const timings = {
    settleMs: 30,
    emptyConfirmMs: 100,
    backoff: { minMs: 5, maxMs: 40 },
    absentBackoff: { minMs: 5, maxMs: 40 },
  };
  let endOfErrors = (): unknown => undefined;
  const source = new ClusterSource({ client, store, timings, interests });
  source.want(NOTHING);
  return {
    source,
    silences: {
      'the server is gone': {
        begin: () => server.refuseConnections(),
        end: () => server.acceptConnections(),
        told: 'stale',
        canChange: true,
      },
      'it answers with errors': {
        begin: () => {
          endOfErrors = server.faults.add({ trouble: { kind: 'status', status: 500 } });
          server.troubleWatches('reset');
          return Promise.resolve();
        },
        end: () => Promise.resolve(void endOfErrors()),
        told: 'stale',
        canChange: true,
      },
      'it has forgotten its history': {
        begin: () => server.refuseConnections(),
        end: () => {
          server.seed('secrets', [{ metadata: { namespace: 'other', name: `s-${String(server.storage.revision)}` } }]);
          server.storage.compact();
          return server.acceptConnections();
        },
        told: 'stale',
        canChange: true,
      },
      'it forbids a kind': {
        begin: () => {
          server.access.allow('sluice', allButServices);
          server.troubleWatches('reset');
          return Promise.resolve();
        },
        end: () => Promise.resolve(server.access.allow('sluice', everything)),
        told: 'finding',
        canChange: true,
      },
    },
    put: (things) => {
      const objects = Object.entries(things).map(([name, version]) => serviceObject('default', name, version));
      server.seed(
        'services',
        objects.map((object) => ({ ...object })),
      );
      return Promise.resolve();
    },
    putBroken: (name) => {
      server.seed('services', [{ ...serviceObject('default', name, 1), spec: { ports: 'none' } }]);
      return Promise.resolve();
    },
    remove: (name) => Promise.resolve(server.unseed('services', 'default', name)),
    held: () => heldServices(store, 'default'),
    versionOf: versionOfService,
    open: () => server.watches,
    close: async () => {
      client.close();
      await server.close();
    },
  };
}

describeSource('ClusterSource on the fake API server', (store) => makeFake(store, {}));
describeSource('ClusterSource on the fake API server without watch-list', (store) =>
  makeFake(store, { watchList: 'refused', expiredAs: 'http' }),
);

describe('ClusterSource on an API server that refuses at the start', { timeout: 30_000 }, () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let store: Store;
  const stop = { now: (): unknown => undefined };

  beforeEach(async () => {
    server = await FakeApiServer.start({ bookmarkIntervalMs: 50 });
    const config = server.config(server.user('sluice', allButServices));
    client = new KubeClient({ config, logger: silentLogger, userAgent: 'contract/1' });
    store = new Store();
    server.seed('services', [{ ...serviceObject('default', 'a', 1) }]);
  });
  afterEach(async () => {
    await stop.now();
    client.close();
    await server.close();
  });

  /** Starts the source, and returns the kinds of state that it tells, with what the Store holds then. */
  function start(forbiddenConfirmMs: number): readonly string[] {
    const timings = { settleMs: 30, backoff: { minMs: 5, maxMs: 40 } };
    const source = new ClusterSource({ client, store, timings, forbiddenConfirmMs, interests });
    source.want(NOTHING);
    const told: string[] = [];
    const controller = new AbortController();
    const running = source.run(controller.signal, () =>
      told.push(`${source.state.kind} ${String(heldServices(store, 'default').size)}`),
    );
    stop.now = () => {
      controller.abort();
      return running;
    };
    return told;
  }

  it('is stale until it is let in, and never says synced of half a world', async () => {
    const told = start(60_000);
    await vi.waitFor(() => expect(told).toEqual(['stale 0']));
    server.access.allow('sluice', everything);
    await vi.waitFor(() => expect(told.at(-1)).toBe('synced 1'));
    expect(told).not.toContain('synced 0');
  });

  it('is synced without the kind when it is refused for long', async () => {
    const told = start(100);
    await vi.waitFor(() => expect(told).toEqual(['stale 0', 'synced 0']));
    expect([...store.snapshot.findings.values()].flat()).toMatchObject([{ reason: 'SourceForbidden' }]);
    server.access.allow('sluice', everything);
    await vi.waitFor(() => expect(heldServices(store, 'default').size).toBe(1));
  });
});

describe('ClusterSource at the start', () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let stop: AbortController;
  let running: Promise<void>;
  let source: ClusterSource;
  let told: SourceState[];

  beforeEach(async () => {
    server = await FakeApiServer.start({ bookmarkIntervalMs: 50 });
    server.seed('secrets', [{ metadata: { namespace: 'default', name: 'tls' } }]);
    client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'contract/1' });
    source = new ClusterSource({ client, store: new Store(), timings: { settleMs: 30 }, interests });
    stop = new AbortController();
    told = [];
    running = source.run(stop.signal, () => told.push(source.state));
  });
  afterEach(async () => {
    stop.abort();
    await running;
    client.close();
    await server.close();
  });

  it('lacks its own kinds, then what is wanted of it, even before it is told what that is', async () => {
    expect(source.state).toEqual({ kind: 'syncing', lacks: 'own' });
    await vi.waitFor(() => expect(told).toEqual([{ kind: 'syncing', lacks: 'wants' }]));
    source.want({ ...NOTHING, secrets: PersistentMap.from([['default/tls', true]]) });
    expect(source.state).toEqual({ kind: 'syncing', lacks: 'wants' });
    await vi.waitFor(() => expect(told).toEqual([{ kind: 'syncing', lacks: 'wants' }, { kind: 'synced' }]));
  });

  it('is synced as soon as it is told that nothing is wanted', async () => {
    await vi.waitFor(() => expect(told).toEqual([{ kind: 'syncing', lacks: 'wants' }]));
    source.want(NOTHING);
    expect(source.state).toEqual({ kind: 'synced' });
  });
});
