import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROLE_INTERESTS } from '../../../src/app/role.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import type { ReflectionTimings } from '../../../src/kube/reflection.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { PersistentMap } from '../../../src/lib/persistent-map.ts';
import type { SourceState } from '../../../src/sources/source.ts';
import { resourceOf } from '../../../src/model/kinds.ts';
import { idOf } from '../../../src/model/object.ts';
import type { Want, Wants } from '../../../src/model/want.ts';
import { ClusterSource } from '../../../src/sources/cluster/cluster-source.ts';
import { Store } from '../../../src/sources/store.ts';
import { FakeApiServer, type FakeApiServerOptions } from '../../fakes/apiserver/apiserver.ts';
import { everything, type AccessRule } from '../../fakes/apiserver/access.ts';
import { describeSource, type SourceWorld } from '../source.ts';
import { heldServices, serviceObject, versionOfService } from './services.ts';

/** What the role gateway is granted, without some of it. */
function allBut(...denied: readonly string[]): readonly AccessRule[] {
  const granted = ['ingresses', 'ingressclasses', 'services', 'endpointslices', 'secrets'];
  return everything.map((rule) => ({ ...rule, resources: granted.filter((resource) => !denied.includes(resource)) }));
}

const NOTHING: Wants = { objects: PersistentMap.empty(), names: PersistentMap.empty() };

/** That Secrets of these names in the namespace `default` are wanted. */
function secrets(...names: readonly string[]): Wants {
  const wants = names.map((name): readonly [string, Want] => {
    const ref = { kind: 'Secret', namespace: 'default', name } as const;
    return [idOf(ref), { ref, purposes: ['certificate'] }];
  });
  return { ...NOTHING, objects: PersistentMap.from(wants) };
}

const interests = ROLE_INTERESTS.gateway(undefined);

async function makeFake(store: Store, options: FakeApiServerOptions): Promise<SourceWorld> {
  const server = await FakeApiServer.start({ bookmarkIntervalMs: 50, ...options });
  const config = server.config(server.user('sluice', everything));
  const client = new KubeClient({ config, logger: silentLogger, userAgent: 'contract/1' });
  const timings = {
    settleMs: 30,
    lossConfirmMs: 100,
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
          server.access.allow('sluice', allBut('services'));
          server.troubleWatches('reset');
          return Promise.resolve();
        },
        end: () => Promise.resolve(server.access.allow('sluice', everything)),
        told: 'stale',
        finds: 'SourceForbidden',
        canChange: true,
      },
      'it knows no resource': {
        begin: () => {
          endOfErrors = server.faults.add({ trouble: { kind: 'status', status: 404 } });
          server.troubleWatches('reset');
          return Promise.resolve();
        },
        end: () => Promise.resolve(void endOfErrors()),
        told: 'stale',
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
  let source: ClusterSource;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    server = await FakeApiServer.start({ bookmarkIntervalMs: 50 });
    const config = server.config(server.user('sluice', everything));
    client = new KubeClient({ config, logger: silentLogger, userAgent: 'contract/1' });
    store = new Store();
    server.seed('services', [{ ...serviceObject('default', 'a', 1) }]);
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await running;
    client.close();
    await server.close();
  });

  /** Starts the source, and returns the kinds of state that it tells, with what the Store holds then. */
  function start(timings: Partial<ReflectionTimings> = {}, forbiddenConfirmMs = 100): readonly string[] {
    source = new ClusterSource({
      client,
      store,
      timings: { settleMs: 30, backoff: { minMs: 5, maxMs: 40 }, absentBackoff: { minMs: 5, maxMs: 40 }, ...timings },
      forbiddenConfirmMs,
      interests,
    });
    source.want(NOTHING);
    const told: string[] = [];
    running = source.run(stop.signal, () =>
      told.push(`${source.state.kind} ${String(heldServices(store, 'default').size)}`),
    );
    return told;
  }

  /** Waits until these have been asked for again and again, far beyond the time after which a refusal counts. */
  async function untilRefusedForLong(...plurals: readonly string[]): Promise<void> {
    const asked = (wanted: string): number => server.requests.filter(({ plural }) => plural === wanted).length;
    await vi.waitFor(() => expect(Math.min(...plurals.map(asked))).toBeGreaterThan(20), { timeout: 20_000 });
  }

  it.each([
    ['everything', allBut('ingresses', 'ingressclasses', 'services', 'endpointslices', 'secrets')],
    ['one kind that every cluster has', allBut('services')],
  ])('is never synced without it when %s is forbidden, and is at once when that is granted', async (_, rules) => {
    server.access.allow('sluice', rules);
    const told = start();
    await vi.waitFor(() => expect(source.state).toMatchObject({ kind: 'stale' }));
    await untilRefusedForLong('services');
    expect(new Set(told)).toEqual(new Set(['stale 0']));
    expect(source.state).toMatchObject({
      reason: expect.stringMatching(/cannot be read: .*403.*deploy\/ has the rules/),
    });
    server.access.allow('sluice', everything);
    await vi.waitFor(() => expect(told.at(-1)).toBe('synced 1'), { timeout: 10_000 });
    expect(told).not.toContain('synced 0');
  });

  it('is never synced while every path is answered with 404', async () => {
    const mend = server.faults.add({ trouble: { kind: 'status', status: 404 } });
    const told = start();
    await untilRefusedForLong('ingresses', 'ingressclasses', 'services', 'endpointslices');
    expect(new Set(told)).toEqual(new Set(['stale 0']));
    expect(source.state).toMatchObject({ kind: 'stale', reason: expect.stringMatching(/404.*Every cluster has it/) });
    mend();
    await vi.waitFor(() => expect(told.at(-1)).toBe('synced 1'), { timeout: 10_000 });
  });

  it('does without IngressClasses when they are forbidden for long, says so, and takes them up when they are granted', async () => {
    server.seed('ingressclasses', [{ metadata: { name: 'edge' }, spec: { controller: 'sluice.dev/ingress' } }]);
    server.access.allow('sluice', allBut('ingressclasses'));
    const told = start();
    await vi.waitFor(() => expect(told.at(-1)).toBe('synced 1'), { timeout: 20_000 });
    expect([...store.snapshot.findings.values()].flat()).toMatchObject([
      { reason: 'SourceForbidden', object: { kind: 'IngressClass' } },
    ]);
    server.access.allow('sluice', everything);
    await vi.waitFor(() => expect([...store.snapshot.ingressClasses.keys()]).toEqual(['edge']), { timeout: 10_000 });
    expect(store.snapshot.findings.size).toBe(0);
  });

  it('has everything a moment after the grant, although each back-off has grown long, and asks little meanwhile', async () => {
    server.access.allow('sluice', []);
    // Ten minutes: only the shared retry can bring it back within this test.
    const told = start({ backoff: { minMs: 600_000, maxMs: 600_000 }, probe: { refusedMs: 100, outageMs: 600_000 } });
    await vi.waitFor(() => expect(server.requests.length).toBeGreaterThan(20), { timeout: 20_000 });
    const before = server.requests.length;
    server.access.allow('sluice', everything);
    await vi.waitFor(() => expect(told.at(-1)).toBe('synced 1'), { timeout: 10_000 });
    // A watch-list each, and what was under way.
    expect(server.requests.length - before).toBeLessThanOrEqual(2 * 4 + 2);
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
    source.want(secrets('tls'));
    expect(source.state).toEqual({ kind: 'syncing', lacks: 'wants' });
    await vi.waitFor(() => expect(told).toEqual([{ kind: 'syncing', lacks: 'wants' }, { kind: 'synced' }]));
  });

  it('is synced as soon as it is told that nothing is wanted', async () => {
    await vi.waitFor(() => expect(told).toEqual([{ kind: 'syncing', lacks: 'wants' }]));
    source.want(NOTHING);
    expect(source.state).toEqual({ kind: 'synced' });
  });
});

describe('objects that a plan wants from an API server', { timeout: 30_000 }, () => {
  /** Not so short that a busy machine needs it for an answer that comes. */
  const PATIENCE_MS = 1_500;
  const hasRefusals = (query: URLSearchParams): boolean => query.get('fieldSelector') === 'metadata.name=broken';

  let server: FakeApiServer;
  let client: KubeClient;
  let store: Store;
  let source: ClusterSource;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    server = await FakeApiServer.start({ bookmarkIntervalMs: 50 });
    server.seed(
      'secrets',
      ['good', 'broken'].map((name) => ({ metadata: { namespace: 'default', name } })),
    );
    client = new KubeClient({
      config: server.config(server.user('sluice', everything)),
      logger: silentLogger,
      userAgent: 'contract/1',
    });
    store = new Store();
    const timings = { settleMs: 30, backoff: { minMs: 5, maxMs: 40 }, probe: { refusedMs: 20, outageMs: 20 } };
    source = new ClusterSource({ client, store, timings, patienceMs: PATIENCE_MS, interests });
    stop = new AbortController();
    running = source.run(stop.signal, () => {});
  });
  afterEach(async () => {
    stop.abort();
    await running;
    client.close();
    await server.close();
  });

  const known = (name: string): unknown =>
    store.snapshot.secrets.has(`default/${name}`) ? 'found' : store.snapshot.unread.get(`Secret/default/${name}`);
  const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 5 });
  const untilSynced = (): Promise<void> => until(() => expect(source.state.kind).toBe('synced'));

  it('are read by their names, and no others; that one does not exist is known, and when it comes and goes', async () => {
    source.want(secrets('good', 'nobody'));
    expect(source.state.kind).toBe('syncing');
    expect([known('good'), known('nobody')]).toEqual([undefined, undefined]);
    await untilSynced();
    // A machine so busy that the answers take longer than a start waits for them is synced before they come.
    await until(() => expect([known('good'), known('nobody')]).toEqual(['found', { kind: 'absent' }]));
    expect([...store.snapshot.secrets.keys()]).toEqual(['default/good']);
    const seen: unknown[] = [];
    store.subscribe(() => seen.push(known('nobody')));
    server.seed('secrets', [{ metadata: { namespace: 'default', name: 'nobody' } }]);
    await until(() => expect(known('nobody')).toBe('found'));
    server.unseed('secrets', 'default', 'nobody');
    await until(() => expect(known('nobody')).toEqual({ kind: 'absent' }));
    expect(seen, 'there is no moment at which nothing is known').not.toContain(undefined);
  });

  it('are waited for each on its own, and one that is answered with 500 for ever not for long', async () => {
    const mend = server.faults.add({
      resource: 'secrets',
      when: hasRefusals,
      trouble: { kind: 'status', status: 500 },
    });
    source.want(secrets('good', 'broken'));
    await until(() => expect(known('good')).toBe('found'));
    expect(source.state.kind).toBe('syncing');
    await untilSynced();
    expect(known('broken')).toEqual({
      kind: 'unreadable',
      message: expect.stringContaining('the API server answered 500'),
    });
    mend();
    await until(() => expect(known('broken')).toBe('found'));
    expect(store.snapshot.unread.size).toBe(0);
  });

  it('are not waited for when the server says nothing at all', async () => {
    server.faults.add({ resource: 'secrets', when: hasRefusals, trouble: { kind: 'hang' } });
    source.want(secrets('broken'));
    await untilSynced();
    expect(known('broken')).toEqual({ kind: 'unreadable', message: 'the API server has not answered yet' });
  });

  it('are not waited for when they are forbidden, and are read when they are granted', async () => {
    server.access.allow('sluice', allBut('secrets'));
    source.want(secrets('good'));
    await until(() =>
      expect(known('good')).toEqual({
        kind: 'unreadable',
        message: expect.stringContaining('the API server answered 403'),
      }),
    );
    await untilSynced();
    server.access.allow('sluice', everything);
    await until(() => expect(known('good')).toBe('found'));
  });

  it('stay what they were when they cannot be read any more, and make nothing else stale', async () => {
    source.want(secrets('broken'));
    await until(() => expect(known('broken')).toBe('found'));
    await untilSynced();
    server.faults.add({ resource: 'secrets', trouble: { kind: 'status', status: 500 } });
    server.troubleWatches('reset');
    const asked = (): number => server.requests.filter(({ plural }) => plural === 'secrets').length;
    const before = asked();
    await until(() => expect(asked()).toBeGreaterThan(before + 5));
    await untilSynced();
    expect(known('broken')).toBe('found');
  });

  it('are forgotten when nothing wants them any more', async () => {
    source.want(secrets('good', 'nobody'));
    await untilSynced();
    source.want(NOTHING);
    expect([known('good'), known('nobody')]).toEqual([undefined, undefined]);
    expect(store.snapshot.findings.size).toBe(0);
    await untilSynced();
  });
});

it('a process none of whose roles reads Secrets reads none, whatever is wanted', async () => {
  const server = await FakeApiServer.start({ bookmarkIntervalMs: 50 });
  const client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'contract/1' });
  const source = new ClusterSource({ client, store: new Store(), interests: ROLE_INTERESTS.node(undefined) });
  const stop = new AbortController();
  const running = source.run(stop.signal, () => {});
  source.want(secrets('good'));
  await vi.waitFor(() => expect(source.state.kind).toBe('synced'), { timeout: 10_000 });
  expect(server.requests.filter(({ plural }) => plural === 'secrets')).toEqual([]);
  stop.abort();
  await running;
  client.close();
  await server.close();
});

it('a kind of a CRD is done without until that is installed, and taken up then without a restart', async () => {
  const server = await FakeApiServer.start({ bookmarkIntervalMs: 50 });
  const client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'contract/1' });
  const store = new Store();
  const timings = { settleMs: 30, absentBackoff: { minMs: 5, maxMs: 40 } };
  const source = new ClusterSource({ client, store, timings, interests: [{ kind: 'IPAddressPool', objects: 'all' }] });
  source.want(NOTHING);
  const stop = new AbortController();
  const running = source.run(stop.signal, () => {});
  await vi.waitFor(() => expect(source.state.kind).toBe('synced'), { timeout: 10_000 });
  const { group, version, plural } = resourceOf('IPAddressPool');
  const definition = {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind: 'IPAddressPool' },
      versions: [{ name: version, served: true, storage: true }],
    },
  };
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await client.request({ method: 'POST', path: definitions, body: definition });
  await client.request({
    method: 'POST',
    path: `/apis/${group}/${version}/namespaces/default/${plural}`,
    body: {
      apiVersion: `${group}/${version}`,
      kind: 'IPAddressPool',
      metadata: { name: 'pool' },
      spec: { addresses: ['192.0.2.0/28'] },
    },
  });
  const pools = (): readonly string[] => [...store.snapshot.addressPools.keys()];
  await vi.waitFor(() => expect(pools()).toEqual(['default/pool']), { timeout: 10_000 });
  stop.abort();
  await running;
  client.close();
  await server.close();
});
