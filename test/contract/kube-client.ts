/**
 * What src/kube relies on an API server to do, as one suite for the fake and for the real one. A case
 * that only one of them passes shows where the fake is wrong.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import type { KubeConfig } from '../../src/kube/config.ts';
import { MaterialCredentials } from '../../src/kube/credentials.ts';
import type { RawObject } from '../../src/kube/raw-object.ts';
import type { ReflectionTimings } from '../../src/kube/reflection.ts';
import type { Reflector, ReflectorOptions } from '../../src/kube/reflector.ts';
import { apiVersionOf, collectionPath, objectPath, type Resource } from '../../src/kube/resource.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { projectConfigMap, ReflectionCopy, type Kept } from '../fakes/reflection-copy.ts';

/** One rule of a ClusterRole. */
export interface AccessRule {
  readonly verbs: readonly string[];
  readonly groups: readonly string[];
  readonly resources: readonly string[];
}

/** An API server that the suite may do anything to. */
export interface ClusterUnderTest {
  /** Somebody who may do everything. */
  readonly admin: KubeConfig;
  /** Somebody else, who at first may do nothing. */
  readonly restricted: KubeConfig;
  /** Says, by a ClusterRole, what `restricted` may do from now on, and nothing besides. */
  allow(rules: readonly AccessRule[]): Promise<void>;
  /** The API server dies: connections break, and new ones are refused. */
  crash(): Promise<void>;
  /** It starts again, at the same address. */
  recover(): Promise<void>;
  /** It dies and starts again, and no longer knows what happened before: watches from before now get 410. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

export interface KubeClientSuiteOptions {
  /** Cases that this server cannot pass, by name, and why. */
  readonly skip?: readonly { readonly case: string; readonly reason: string }[];
}

const configMaps: Resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', isNamespaced: true };
const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', isNamespaced: false };
const events: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', isNamespaced: true };
const ingresses: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingresses',
  kind: 'Ingress',
  isNamespaced: true,
};
const leases: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  isNamespaced: true,
};
const widgets: Resource = {
  group: 'contract.test',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  isNamespaced: true,
};
const definitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  isNamespaced: false,
};

const impatient: Partial<ReflectionTimings> = {
  settleMs: 100,
  emptyConfirmMs: 200,
  backoff: { minMs: 50, maxMs: 500 },
  absentBackoff: { minMs: 50, maxMs: 500 },
};

const caseTimeoutMs = 90_000;

/** Long enough for a real server on a busy machine to start again. */
function until(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000, interval: 20 });
}

/** What a case has at hand: a server, clients, and a namespace of its own. */
class Scene {
  readonly cluster: ClusterUnderTest;
  readonly admin: KubeClient;
  readonly restricted: KubeClient;
  readonly namespace: string;
  readonly #ends: (() => Promise<void>)[] = [];

  constructor(cluster: ClusterUnderTest, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.admin = this.#connect(cluster.admin);
    this.restricted = this.#connect(cluster.restricted);
  }

  #connect(config: KubeConfig): KubeClient {
    return new KubeClient({ config, logger: silentLogger, userAgent: 'contract/1' });
  }

  /** A client with credentials that nobody issued. */
  stranger(): KubeClient {
    const { admin } = this.cluster;
    const credentials = new MaterialCredentials({ token: { text: 'nobody-issued-this' } });
    const client = this.#connect({ ...admin, credentials, isTlsUnverified: true });
    this.#ends.push(() => Promise.resolve(client.close()));
    return client;
  }

  async create(resource: Resource, name: string, fields: object = {}): Promise<RawObject> {
    const namespace = resource.isNamespaced ? this.namespace : undefined;
    const identity = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const body = { ...identity, metadata: { name, namespace }, ...fields };
    await this.admin.request({ method: 'POST', path: collectionPath(resource, namespace), body });
    return this.admin.get(resource, { namespace, name });
  }

  async delete(resource: Resource, name: string): Promise<void> {
    const namespace = resource.isNamespaced ? this.namespace : undefined;
    await this.admin.request({ method: 'DELETE', path: objectPath(resource, { namespace, name }) });
  }

  async label(name: string, labels: object): Promise<void> {
    await this.admin.request({
      method: 'PATCH',
      path: objectPath(configMaps, { namespace: this.namespace, name }),
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels } },
    });
  }

  /** Reflects ConfigMaps of the case's namespace, unless told otherwise. */
  reflect(
    options: Partial<ReflectorOptions<Kept>> = {},
    client = this.admin,
  ): { copy: ReflectionCopy; reflector: Reflector<Kept> } {
    const copy = new ReflectionCopy();
    const reflector = client.reflector({
      selection: { resource: configMaps, namespace: this.namespace },
      project: (object) => (object.metadata.name === 'kube-root-ca.crt' ? undefined : projectConfigMap(object)),
      consumer: copy,
      ...options,
      timings: { ...impatient, ...options.timings },
    });
    this.run((signal) => reflector.run(signal));
    return { copy, reflector };
  }

  /** Runs something until the case ends, or until the returned function is called. */
  run(work: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
    const stopping = new AbortController();
    const ended = work(stopping.signal);
    const stop = async (): Promise<void> => {
      stopping.abort();
      await ended;
    };
    this.#ends.push(stop);
    return stop;
  }

  async end(): Promise<void> {
    for (const end of this.#ends) await end();
    this.admin.close();
    this.restricted.close();
  }
}

type Case = (scene: Scene) => Promise<void>;

const readingCases: Readonly<Record<string, Case>> = {
  'lists page by page, every object whole': async (scene) => {
    const names = Array.from({ length: 620 }, (_, index) => `c-${String(index).padStart(3, '0')}`);
    for (let start = 0; start < names.length; start += 20) {
      await Promise.all(
        names.slice(start, start + 20).map((name) => scene.create(configMaps, name, { data: { name } })),
      );
    }
    const selection = {
      resource: configMaps,
      namespace: scene.namespace,
      fieldSelector: 'metadata.name!=kube-root-ca.crt',
    };
    const listing = await scene.admin.list(selection, (object) => object);
    expect(listing.objects.map(({ metadata }) => metadata.name)).toEqual(names);
    expect(listing.objects[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { name: 'c-000' } });
    expect(listing.total).toBe(620);
  },
  'lists only what is selected': async (scene) => {
    await scene.create(configMaps, 'a', { metadata: { name: 'a', labels: { app: 'x' } } });
    await scene.create(configMaps, 'b', { metadata: { name: 'b', labels: { app: 'y' } } });
    const name = (object: RawObject): string => object.metadata.name;
    const all = { resource: configMaps, namespace: scene.namespace };
    expect((await scene.admin.list({ ...all, labelSelector: 'app=y' }, name)).objects).toEqual(['b']);
    expect((await scene.admin.list({ ...all, fieldSelector: 'metadata.name=a' }, name)).objects).toEqual(['a']);
  },
  'answers 404 for a kind that it does not know': async (scene) => {
    await expect(scene.admin.list({ resource: widgets }, (object) => object)).rejects.toMatchObject({ status: 404 });
  },
  'answers 401 to a stranger': async (scene) => {
    await expect(scene.stranger().get(namespaces, { name: 'default' })).rejects.toMatchObject({ status: 401 });
  },
  'says which verb is missing, for an object, a list and a subresource': async (scene) => {
    await scene.cluster.allow([]);
    const { namespace, restricted } = scene;
    await expect(restricted.get(configMaps, { namespace, name: 'x' })).rejects.toMatchObject({
      denied: { verb: 'get', group: '', resource: 'configmaps', namespace },
    });
    await expect(restricted.list({ resource: ingresses }, (object) => object)).rejects.toMatchObject({
      denied: { verb: 'list', group: 'networking.k8s.io', resource: 'ingresses', namespace: undefined },
    });
    const target = { resource: ingresses, namespace, name: 'x' };
    await expect(restricted.applyStatus(target, {}, { fieldManager: 'm', isForced: true })).rejects.toMatchObject({
      denied: { verb: 'patch', group: 'networking.k8s.io', resource: 'ingresses/status', namespace },
    });
  },
};

const reflectingCases: Readonly<Record<string, Case>> = {
  'tells what exists and what changes': async (scene) => {
    await scene.create(configMaps, 'a');
    await scene.create(configMaps, 'b');
    const { copy } = scene.reflect();
    await until(() => expect(copy.names).toEqual(['a', 'b']));
    expect(copy.replaces).toHaveLength(1);
    await scene.create(configMaps, 'c');
    await scene.delete(configMaps, 'a');
    await until(() => expect(copy.names).toEqual(['b', 'c']));
    expect(copy.path).toEqual(['syncing', 'synced']);
    const { resourceVersion } = (await scene.admin.get(configMaps, { namespace: scene.namespace, name: 'c' })).metadata;
    expect(copy.objects.get(`${scene.namespace}/c`)?.resourceVersion).toBe(resourceVersion);
  },
  'tells of an object that leaves or enters the selection': async (scene) => {
    const { copy } = scene.reflect({
      selection: { resource: configMaps, namespace: scene.namespace, labelSelector: 'app=x' },
    });
    await scene.create(configMaps, 'a', { metadata: { name: 'a', labels: { app: 'x' } } });
    await scene.create(configMaps, 'b');
    await until(() => expect(copy.names).toEqual(['a']));
    await scene.label('a', { app: 'y' });
    await scene.label('b', { app: 'x' });
    await until(() => expect(copy.names).toEqual(['b']));
  },
  'takes a watch up again after a crash': async (scene) => {
    await scene.create(configMaps, 'a');
    const { copy } = scene.reflect();
    await until(() => expect(copy.now).toBe('synced'));
    await scene.cluster.crash();
    await until(() => expect(copy.now).toBe('stale'));
    expect(copy.names).toEqual(['a']);
    await scene.cluster.recover();
    await scene.create(configMaps, 'b');
    await until(() => expect(copy.names).toEqual(['a', 'b']));
    await until(() => expect(copy.now).toBe('synced'));
    expect(copy.departed).toEqual([]);
  },
  'refuses to go on from a history that it has forgotten': async (scene) => {
    await scene.create(configMaps, 'a');
    await scene.create(configMaps, 'b');
    const { copy, reflector } = scene.reflect();
    await until(() => expect(copy.names).toEqual(['a', 'b']));
    await scene.cluster.forget();
    await until(() => expect(reflector.counts.relists.expired).toBeGreaterThan(0));
    await scene.create(configMaps, 'c');
    await scene.delete(configMaps, 'a');
    await until(() => expect(copy.names).toEqual(['b', 'c']));
    expect(copy.departed).toEqual([`${scene.namespace}/a`]);
  },
  'sends bookmarks to those who ask for them': async (scene) => {
    await scene.create(configMaps, 'a');
    // The real server sends one a minute, and one shortly before a watch ends, if there is a newer version to tell.
    const { reflector } = scene.reflect({ timings: { watchSeconds: { min: 5, max: 5 } } });
    let round = 0;
    const isMarked = async (): Promise<void> => {
      round += 1;
      await scene.label('a', { round: String(round) });
      expect(reflector.counts.bookmarks).toBeGreaterThan(0);
    };
    await vi.waitFor(isMarked, { timeout: 60_000, interval: 500 });
  },
  'forbids, and lets in once the right is granted': async (scene) => {
    await scene.cluster.allow([]);
    await scene.create(configMaps, 'a');
    const { copy } = scene.reflect({}, scene.restricted);
    await until(() => expect(copy.states.at(-1)).toMatchObject({ kind: 'forbidden', verbs: ['list', 'watch'] }));
    const rule = { groups: [''], resources: ['configmaps'] };
    await scene.cluster.allow([{ ...rule, verbs: ['list'] }]);
    await until(() => expect(copy.states.at(-1)).toMatchObject({ kind: 'forbidden', verbs: ['watch'] }));
    await until(() => expect(copy.names).toEqual(['a']));
    await scene.cluster.allow([{ ...rule, verbs: ['list', 'watch'] }]);
    await until(() => expect(copy.now).toBe('synced'));
    await scene.create(configMaps, 'b');
    await until(() => expect(copy.names).toEqual(['a', 'b']));
  },
  'knows a kind for as long as its definition exists': async (scene) => {
    const { copy } = scene.reflect({ selection: { resource: widgets, namespace: scene.namespace } });
    await until(() => expect(copy.now).toBe('absent'));
    await scene.create(definitions, 'widgets.contract.test', {
      spec: {
        group: widgets.group,
        scope: 'Namespaced',
        names: { plural: widgets.plural, singular: 'widget', kind: widgets.kind, listKind: 'WidgetList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    });
    await until(() => expect(copy.now).toBe('synced'));
    await until(async () => void (await scene.create(widgets, 'w')));
    await until(() => expect(copy.names).toEqual(['w']));
    await scene.delete(definitions, 'widgets.contract.test');
    await until(() => expect(copy.names).toEqual([]));
    await until(() => expect(copy.now).toBe('absent'));
  },
};

const backend = { spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } } };
const mine = { fieldManager: 'mine', isForced: false };
const theirs = { fieldManager: 'theirs', isForced: false };
const address = (ip: string): object => ({ loadBalancer: { ingress: [{ ip }] } });

const writingCases: Readonly<Record<string, Case>> = {
  'refuses a write that starts from an old version': async (scene) => {
    const before = await scene.create(configMaps, 'a');
    const path = objectPath(configMaps, { namespace: scene.namespace, name: 'a' });
    await scene.admin.request({ method: 'PUT', path, body: { ...before, data: { by: 'us' } } });
    const late = scene.admin.request({ method: 'PUT', path, body: { ...before, data: { by: 'others' } } });
    await expect(late).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
  },
  'applies: creates, changes nothing twice, removes what is no longer said': async (scene) => {
    const target = { resource: configMaps, namespace: scene.namespace, name: 'a' };
    const first = await scene.admin.apply(target, { data: { x: '1', y: '2' } }, mine);
    const second = await scene.admin.apply(target, { data: { x: '1', y: '2' } }, mine);
    expect(first).toMatchObject({ kind: 'written', object: { data: { x: '1', y: '2' } } });
    expect(second).toEqual(first);
    await scene.admin.apply(target, { data: { x: '1' } }, mine);
    expect((await scene.admin.get(configMaps, target))['data']).toEqual({ x: '1' });
  },
  'applies a field only once its owner agrees or is overruled': async (scene) => {
    const target = { resource: configMaps, namespace: scene.namespace, name: 'a' };
    await scene.admin.apply(target, { data: { x: '1' } }, mine);
    await expect(scene.admin.apply(target, { data: { x: '2' } }, theirs)).resolves.toMatchObject({
      kind: 'conflict',
      conflicts: [{ manager: 'mine', field: '.data.x' }],
    });
    await expect(scene.admin.apply(target, { data: { x: '1' } }, theirs)).resolves.toMatchObject({ kind: 'written' });
    await expect(scene.admin.apply(target, { data: { x: '2' } }, { ...theirs, isForced: true })).resolves.toMatchObject(
      {
        kind: 'written',
        object: { data: { x: '2' } },
      },
    );
  },
  'applies a status, and leaves the rest alone': async (scene) => {
    const before = await scene.create(ingresses, 'web', backend);
    const target = { resource: ingresses, namespace: scene.namespace, name: 'web' };
    const result = await scene.admin.applyStatus(target, address('192.0.2.1'), mine);
    expect(result).toMatchObject({ kind: 'written', object: { status: address('192.0.2.1'), spec: before['spec'] } });
    await expect(scene.admin.applyStatus(target, address('192.0.2.1'), mine)).resolves.toEqual(result);
    await expect(scene.admin.applyStatus(target, address('192.0.2.2'), theirs)).resolves.toMatchObject({
      kind: 'conflict',
      conflicts: [{ manager: 'mine', field: '.status.loadBalancer.ingress' }],
    });
    await scene.admin.applyStatus(target, address('192.0.2.2'), { ...theirs, isForced: true });
    // What others own by now is not taken away by our saying nothing.
    await scene.admin.applyStatus(target, {}, mine);
    expect((await scene.admin.get(ingresses, target))['status']).toEqual(address('192.0.2.2'));
    await scene.admin.applyStatus(target, { loadBalancer: {} }, { ...theirs, isForced: true });
    const { status } = await scene.admin.get(ingresses, target);
    expect(status).toEqual({ loadBalancer: {} });
  },
  'merges a status, whoever owns it': async (scene) => {
    await scene.create(ingresses, 'web', backend);
    const target = { resource: ingresses, namespace: scene.namespace, name: 'web' };
    await scene.admin.applyStatus(target, address('192.0.2.1'), mine);
    await expect(scene.admin.mergeStatus(target, address('192.0.2.2'), theirs)).resolves.toMatchObject({
      kind: 'written',
      object: { status: address('192.0.2.2') },
    });
  },
  'writes no status to an object that is gone or another': async (scene) => {
    const target = { resource: ingresses, namespace: scene.namespace, name: 'web' };
    await expect(scene.admin.applyStatus(target, {}, mine)).resolves.toMatchObject({ kind: 'missing' });
    await expect(scene.admin.mergeStatus(target, {}, mine)).resolves.toMatchObject({ kind: 'missing' });
    const { uid } = (await scene.create(ingresses, 'web', backend)).metadata;
    await scene.delete(ingresses, 'web');
    await scene.create(ingresses, 'web', backend);
    const stale = { ...target, uid };
    await expect(scene.admin.applyStatus(stale, address('192.0.2.1'), mine)).resolves.toMatchObject({
      kind: 'conflict',
      conflicts: [],
    });
    await expect(scene.admin.mergeStatus(stale, address('192.0.2.1'), mine)).resolves.toMatchObject({
      kind: 'conflict',
    });
  },
  'counts an Event that is repeated, also by the next process': async (scene) => {
    const { namespace } = scene;
    const { uid } = (await scene.create(ingresses, 'web', backend)).metadata;
    const subject = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', namespace, name: 'web', uid };
    const note = { subject, type: 'Warning', reason: 'ServiceNotFound', message: 'there is no Service s' } as const;
    const source = { component: 'contract', instance: 'node-1' };
    const recorder = scene.admin.eventRecorder(source);
    await recorder.record(note);
    await recorder.record(note);
    await scene.admin.eventRecorder(source).record(note);
    await recorder.record({ ...note, message: 'something else' });
    const { objects } = await scene.admin.list({ resource: events, namespace }, (object) => object);
    const counted = objects.filter((event) => event['reason'] === 'ServiceNotFound');
    expect(Object.fromEntries(counted.map((event) => [event['message'], event['count']]))).toEqual({
      'something else': 1,
      'there is no Service s': 3,
    });
    expect(counted[0]).toMatchObject({ involvedObject: subject, type: 'Warning', source: { component: 'contract' } });
  },
  'writes an Event about an object that has no namespace': async (scene) => {
    const subject = { apiVersion: 'v1', kind: 'Namespace', name: scene.namespace };
    const note = { subject, type: 'Normal', reason: 'Seen', message: scene.namespace } as const;
    await scene.admin.eventRecorder({ component: 'contract', instance: 'node-1' }).record(note);
    const { objects } = await scene.admin.list(
      { resource: events, namespace: 'default' },
      (object) => object['message'],
    );
    expect(objects).toContain(scene.namespace);
  },
};

const electingCases: Readonly<Record<string, Case>> = {
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
  'leaves a lease that somebody else took': async (scene) => {
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

const groups: Readonly<Record<string, Readonly<Record<string, Case>>>> = {
  reading: readingCases,
  reflecting: reflectingCases,
  writing: writingCases,
  electing: electingCases,
};

/**
 * Runs the suite against the servers that `makeServer` makes; one server serves all cases.
 *
 * @param name what the report calls the server
 */
export function describeKubeClient(
  name: string,
  makeServer: () => Promise<ClusterUnderTest>,
  { skip = [] }: KubeClientSuiteOptions = {},
): void {
  const known = new Set(Object.values(groups).flatMap((cases) => Object.keys(cases)));
  const unknown = skip.find((skipped) => !known.has(skipped.case));
  if (unknown !== undefined) throw new Error(`there is no case ${JSON.stringify(unknown.case)} to skip`);

  describe(name, { timeout: caseTimeoutMs }, () => {
    let cluster: ClusterUnderTest;
    let scene: Scene;
    let count = 0;
    beforeAll(async () => {
      cluster = await makeServer();
    });
    afterAll(() => cluster.close());
    beforeEach(async () => {
      count += 1;
      scene = new Scene(cluster, `contract-${count}`);
      await scene.create(namespaces, scene.namespace);
    });
    afterEach(() => scene.end());

    describe.each(Object.entries(groups))('%s', (_group, cases) => {
      for (const [title, run] of Object.entries(cases)) {
        const skipped = skip.find((entry) => entry.case === title);
        if (skipped === undefined) it(title, () => run(scene));
        else it.skip(`${title} (${skipped.reason})`, () => run(scene));
      }
    });
  });
}
