import { expect, vi } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import type { ReflectionTimings } from '../../src/kube/reflection.ts';
import type { Reflector, ReflectorOptions } from '../../src/kube/reflector.ts';
import type { Resource } from '../../src/kube/resource.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import type { AccessRule } from './apiserver/access.ts';
import { FakeApiServer } from './apiserver/apiserver.ts';
import type { StreamTrouble } from './apiserver/faults.ts';
import type { WatchListSupport } from './apiserver/watches.ts';
import { projectConfigMap, ReflectionCopy, type Kept } from './reflection-copy.ts';

export const configMaps: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  isNamespaced: true,
};

/** A kind that exists once {@link ReflectionLab.installWidgets} was called. */
export const widgets: Resource = {
  group: 'example.test',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  isNamespaced: true,
};

/** The default patience, shrunk so that a test need not share it. */
const impatient: Partial<ReflectionTimings> = {
  // Not this: a watch-list that a busy machine holds up would be given up for a LIST, which is another course of events.
  initialSilenceMs: 60_000,
  settleMs: 30,
  lossConfirmMs: 150,
  backoff: { minMs: 5, maxMs: 40 },
  absentBackoff: { minMs: 5, maxMs: 40 },
};

/** A reflector at work, and what it has copied. */
export interface Reflection {
  readonly reflector: Reflector<Kept>;
  readonly copy: ReflectionCopy;
  readonly stop: () => Promise<void>;
}

/**
 * Waits until `check` no longer throws, for nearly as long as a test may take: on a machine with twenty times as much to do as it has
 * processors, a few requests to a server in the same process have taken more than 15 s.
 */
export function until(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000, interval: 5 });
}

export function untilNames(copy: ReflectionCopy, ...names: readonly string[]): Promise<void> {
  return until(() => expect(copy.names).toEqual(names));
}

export function untilState(copy: ReflectionCopy, kind: string): Promise<void> {
  return until(() => expect(copy.now).toBe(kind));
}

/** Waits for trouble with this code: before it, the same cut connection may have shown in other ways. */
export function untilCause(copy: ReflectionCopy, code: string): Promise<void> {
  return until(() => expect(copy.states.at(-1)).toMatchObject({ cause: { code } }));
}

/** One fake API server, one client of it, and the reflectors that a test starts. */
export class ReflectionLab {
  readonly server: FakeApiServer;
  readonly #reflections: Reflection[] = [];
  #client: KubeClient;

  private constructor(server: FakeApiServer) {
    this.server = server;
    this.#client = this.#login(server.config());
  }

  static async open(watchList: WatchListSupport): Promise<ReflectionLab> {
    return new ReflectionLab(await FakeApiServer.start({ watchList }));
  }

  get client(): KubeClient {
    return this.#client;
  }

  /** From now on the client is `user`, who may do only this. */
  loginAs(user: string, rules: readonly AccessRule[]): void {
    this.#client.close();
    this.#client = this.#login(this.server.config(this.server.user(user, rules)));
  }

  /** Starts a reflector; of ConfigMaps, unless told otherwise. */
  start(options: Partial<ReflectorOptions<Kept>> = {}): Reflection {
    const copy = new ReflectionCopy();
    const stopping = new AbortController();
    const reflector = this.#client.reflector({
      selection: { resource: configMaps },
      project: projectConfigMap,
      consumer: copy,
      ...options,
      timings: { ...impatient, ...options.timings },
    });
    const ended = reflector.run(stopping.signal);
    const stop = async (): Promise<void> => {
      stopping.abort();
      await ended;
    };
    const reflection = { reflector, copy, stop };
    this.#reflections.push(reflection);
    return reflection;
  }

  /** Puts ConfigMaps of these names into the namespace `default`. */
  seed(...names: readonly string[]): void {
    this.server.seed(
      'configmaps',
      names.map((name) => ({ metadata: { namespace: 'default', name } })),
    );
  }

  unseed(name: string): void {
    this.server.unseed('configmaps', 'default', name);
  }

  untilWatched(): Promise<void> {
    return until(() => expect(this.server.watches).toBeGreaterThan(0));
  }

  /** Waits until a watch is under way, and makes it suffer. */
  async trouble(trouble: StreamTrouble): Promise<void> {
    await this.untilWatched();
    this.server.troubleWatches(trouble);
  }

  /** Requests for a list of any kind: a LIST, or a watch that asks for initial events. */
  get listings(): number {
    return this.server.requests.filter(({ verb, query }) => verb === 'list' || query.has('sendInitialEvents')).length;
  }

  /** From which versions it was watched, in order. */
  get resumptions(): readonly (string | null)[] {
    return this.server.requests
      .filter(({ query }) => query.has('resourceVersion'))
      .map(({ query }) => query.get('resourceVersion'));
  }

  async installWidgets(): Promise<void> {
    await this.#client.request({
      method: 'POST',
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      body: {
        metadata: { name: 'widgets.example.test' },
        spec: {
          group: 'example.test',
          scope: 'Namespaced',
          names: { plural: 'widgets', kind: 'Widget' },
          versions: [{ name: 'v1', served: true, storage: true }],
        },
      },
    });
  }

  async createWidget(name: string): Promise<void> {
    const path = '/apis/example.test/v1/namespaces/default/widgets';
    await this.#client.request({
      method: 'POST',
      path,
      body: { apiVersion: 'example.test/v1', kind: 'Widget', metadata: { name } },
    });
  }

  /** Stops everything, and fails when a connection stays open. */
  async close(): Promise<void> {
    for (const { stop } of this.#reflections) await stop();
    this.#client.close();
    await until(() => expect(this.server.connections, 'connections left open').toBe(0));
    await this.server.close();
  }

  #login(config: KubeClient['config']): KubeClient {
    return new KubeClient({ config, logger: silentLogger, userAgent: 'reflection-lab/1' });
  }
}
