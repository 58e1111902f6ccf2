import { vi } from 'vitest';
import { KubeClient } from '../../../src/kube/client.ts';
import type { KubeConfig } from '../../../src/kube/config.ts';
import { MaterialCredentials } from '../../../src/kube/credentials.ts';
import type { RawObject } from '../../../src/kube/raw-object.ts';
import type { ReflectionTimings } from '../../../src/kube/reflection.ts';
import type { Reflector, ReflectorOptions } from '../../../src/kube/reflector.ts';
import { apiVersionOf, collectionPath, objectPath, type Resource } from '../../../src/kube/resource.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { projectConfigMap, ReflectionCopy, type Kept } from '../../fakes/reflection-copy.ts';

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

export const configMaps: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  isNamespaced: true,
};
export const namespaces: Resource = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  isNamespaced: false,
};
export const events: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', isNamespaced: true };
export const ingresses: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingresses',
  kind: 'Ingress',
  isNamespaced: true,
};
export const leases: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  isNamespaced: true,
};
export const widgets: Resource = {
  group: 'contract.test',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  isNamespaced: true,
};
export const definitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  isNamespaced: false,
};

const impatient: Partial<ReflectionTimings> = {
  settleMs: 100,
  lossConfirmMs: 200,
  backoff: { minMs: 50, maxMs: 500 },
  absentBackoff: { minMs: 50, maxMs: 500 },
};

/** Long enough for a real server on a busy machine to start again. */
export function until(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000, interval: 20 });
}

/** What a case has at hand: a server, clients, and a namespace of its own. */
export class Scene {
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

/** One thing that must hold. */
export type Case = (scene: Scene) => Promise<void>;
