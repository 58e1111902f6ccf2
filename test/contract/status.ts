/** What is promised of status, as one suite for the fake and for the real API server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import type { KubeConfig } from '../../src/kube/config.ts';
import { collectionPath, objectPath } from '../../src/kube/resource.ts';
import { isRecord } from '../../src/lib/is-record.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { resourceOf } from '../../src/model/kinds.ts';
import { observeBalancing } from '../../src/sources/admit/observe.ts';
import { addressText } from '../../src/model/published-address.ts';
import { events, namespaces } from './kube-client/scene.ts';
import { Replica, type ReplicaOptions } from './status/replica.ts';

/** An API server whose objects the suite may do anything to. */
export interface StatusCluster {
  readonly admin: KubeConfig;
  /** Refuses, from now on, every write to the status of the Ingresses of this name, until the returned function is called. */
  refuseStatus(name: string): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const INGRESSES = resourceOf('Ingress');
const CLASSES = resourceOf('IngressClass');

export function until(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000, interval: 20 });
}

/** What a case has at hand: an API server, and a namespace of its own for Ingresses and Leases. */
export class StatusScene {
  readonly cluster: StatusCluster;
  readonly admin: KubeClient;
  readonly namespace: string;
  readonly #replicas: Replica[] = [];

  constructor(cluster: StatusCluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.admin = new KubeClient({ config: cluster.admin, logger: silentLogger, userAgent: 'status-scene/1' });
  }

  /** Classes are named after the namespace, so that the replicas of one case leave the Ingresses of the others alone. */
  get className(): string {
    return this.namespace;
  }

  async open(): Promise<void> {
    const path = collectionPath(namespaces);
    await this.admin.request({ method: 'POST', path, body: { metadata: { name: this.namespace } } });
  }

  replica(address: string, options: Partial<ReplicaOptions> = {}): Replica {
    const { namespace, className } = this;
    const replica = new Replica({
      config: this.cluster.admin,
      namespace,
      address,
      ingressClass: className,
      ...options,
    });
    this.#replicas.push(replica);
    return replica;
  }

  async end(replica: Replica): Promise<void> {
    this.#replicas.splice(this.#replicas.indexOf(replica), 1);
    await replica.end();
  }

  async createIngress(name: string, className = this.className): Promise<void> {
    const path = collectionPath(INGRESSES, this.namespace);
    const backend = { service: { name: 'web', port: { number: 80 } } };
    const paths = [{ path: '/', pathType: 'Prefix', backend }];
    const spec = { ingressClassName: className, rules: [{ host: `${name}.${this.namespace}.test`, http: { paths } }] };
    const identity = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name } };
    await this.admin.request({ method: 'POST', path, body: { ...identity, spec } });
  }

  async createClass(name: string, controller = 'sluice.dev/ingress'): Promise<void> {
    const body = { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name } };
    const path = collectionPath(CLASSES);
    await this.admin.request({ method: 'POST', path, body: { ...body, spec: { controller } } });
  }

  async delete(kind: 'Ingress' | 'IngressClass', name: string): Promise<void> {
    const object = kind === 'Ingress' ? { namespace: this.namespace, name } : { name };
    await this.admin.request({ method: 'DELETE', path: objectPath(resourceOf(kind), object) });
  }

  async changeClass(name: string, ingressClassName: string): Promise<void> {
    const path = objectPath(INGRESSES, { namespace: this.namespace, name });
    const contentType = 'application/merge-patch+json';
    await this.admin.request({ method: 'PATCH', path, contentType, body: { spec: { ingressClassName } } });
  }

  /** Another controller writes a status, or empties it. */
  async writeStatus(name: string, ip: string | undefined): Promise<void> {
    const target = { resource: INGRESSES, namespace: this.namespace, name };
    const status = { loadBalancer: { ingress: ip === undefined ? null : [{ ip }] } };
    await this.admin.mergeStatus(target, status, { fieldManager: 'nginx-ingress-controller' });
  }

  /** The addresses in the status of an Ingress. */
  async addresses(name: string): Promise<readonly string[]> {
    const raw = await this.admin.get(INGRESSES, { namespace: this.namespace, name });
    return observeBalancing(raw).addresses.map(addressText);
  }

  expectAddresses(name: string, ...expected: readonly string[]): Promise<void> {
    return until(async () => expect(await this.addresses(name)).toEqual(expected));
  }

  /** Holds when everything that was known before has been seen and acted on by `replica`. */
  async settle(name: string): Promise<void> {
    await this.createIngress(name);
    await until(async () => expect(await this.addresses(name)).not.toEqual([]));
  }

  async eventReasons(name: string): Promise<readonly unknown[]> {
    const { objects } = await this.admin.list({ resource: events, namespace: this.namespace }, (object) => object);
    const isAbout = (involved: unknown): boolean => isRecord(involved) && involved['name'] === name;
    return objects.filter((event) => isAbout(event['involvedObject'])).map((event) => event['reason']);
  }

  async close(): Promise<void> {
    for (const replica of this.#replicas.splice(0)) await replica.end();
    this.admin.close();
  }
}

const ONE = '192.0.2.1';
const TWO = '192.0.2.2';

type Case = (scene: StatusScene) => Promise<void>;

const cases: Readonly<Record<string, Case>> = {
  'publishes the addresses of all gateways, and of those that remain when one ends': async (scene) => {
    await scene.createIngress('web');
    const replicas = [scene.replica(ONE), scene.replica(TWO)];
    await scene.expectAddresses('web', ONE, TWO);
    const leader = replicas.find(({ leads }) => leads) ?? replicas[0];
    if (leader === undefined) throw new Error('there are two replicas');
    const remaining = leader === replicas[0] ? TWO : ONE;
    // The leader itself: its successor knows the other by its Lease.
    await scene.end(leader);
    await scene.expectAddresses('web', remaining);
    scene.replica('192.0.2.3');
    await scene.expectAddresses('web', remaining, '192.0.2.3');
  },
  'leaves every status as it is when the last one ends': async (scene) => {
    await scene.createIngress('web');
    const replica = scene.replica(ONE);
    await scene.expectAddresses('web', ONE);
    await scene.end(replica);
    expect(await scene.addresses('web')).toEqual([ONE]);
  },
  'writes again what another writer changes or empties, and compiles nothing for it': async (scene) => {
    await scene.createIngress('web');
    const replica = scene.replica(ONE);
    await scene.expectAddresses('web', ONE);
    const { compiles } = replica;
    // As ingress-nginx does when it is uninstalled.
    await scene.writeStatus('web', undefined);
    await scene.expectAddresses('web', ONE);
    await scene.writeStatus('web', '203.0.113.9');
    await scene.expectAddresses('web', ONE);
    expect(replica.compiles).toBe(compiles);
  },
  'gives an Ingress that was deleted and created again its address': async (scene) => {
    await scene.createIngress('web');
    scene.replica(ONE);
    for (let round = 0; round < 3; round += 1) {
      await scene.expectAddresses('web', ONE);
      await scene.delete('Ingress', 'web');
      await scene.createIngress('web');
    }
    await scene.expectAddresses('web', ONE);
  },
  'takes its address back from an Ingress whose class changes, and leaves what another wrote': async (scene) => {
    await scene.createIngress('web');
    await scene.createIngress('other', 'elsewhere');
    await scene.writeStatus('other', '203.0.113.9');
    scene.replica(ONE);
    await scene.expectAddresses('web', ONE);
    await scene.changeClass('web', 'elsewhere');
    await scene.expectAddresses('web');
    await scene.changeClass('web', scene.className);
    await scene.expectAddresses('web', ONE);
    expect(await scene.addresses('other')).toEqual(['203.0.113.9']);
  },
  'takes its address back when the IngressClass that made an Ingress ours is gone': async (scene) => {
    const className = `${scene.namespace}-special`;
    await scene.createClass(className);
    await scene.createIngress('web', className);
    scene.replica(ONE);
    await scene.expectAddresses('web', ONE);
    await scene.delete('IngressClass', className);
    await scene.expectAddresses('web');
  },
  'takes back at a start what it wrote before': async (scene) => {
    await scene.createIngress('web');
    const before = scene.replica(ONE);
    await scene.expectAddresses('web', ONE);
    await scene.end(before);
    await scene.changeClass('web', 'elsewhere');
    scene.replica(ONE);
    await scene.expectAddresses('web');
  },
  'leaves an Ingress to the other Sluice that its class is of': async (scene) => {
    const other = `${scene.namespace}-other`;
    const controllers = [`${scene.namespace}.test/one`, `${scene.namespace}.test/two`] as const;
    await scene.createClass(scene.className, controllers[0]);
    await scene.createClass(other, controllers[1]);
    await scene.createIngress('web');
    scene.replica(ONE, { controllerClass: controllers[0] });
    scene.replica(TWO, { controllerClass: controllers[1], ingressClass: other });
    await scene.expectAddresses('web', ONE);
    await scene.changeClass('web', other);
    await scene.expectAddresses('web', TWO);
    await scene.settle('after');
    expect(await scene.addresses('web')).toEqual([TWO]);
  },
  'leaves the status to another controller where it is not to write it, and reports Findings all the same': async (
    scene,
  ) => {
    await scene.createIngress('web');
    const other = scene.replica(ONE);
    await scene.expectAddresses('web', ONE);
    await scene.end(other);
    scene.replica(TWO, { writesIngressStatus: false });
    await scene.createIngress('new');
    await until(async () => expect(await scene.eventReasons('new')).toEqual(['ServiceNotFound']));
    expect(await scene.addresses('new')).toEqual([]);
    expect(await scene.addresses('web')).toEqual([ONE]);
  },
  'reports a Finding by an Event, unless it is to write none': async (scene) => {
    await scene.createIngress('web');
    const silent = scene.replica(ONE, { hasEvents: false });
    await scene.expectAddresses('web', ONE);
    await scene.end(silent);
    expect(await scene.eventReasons('web')).toEqual([]);
    scene.replica(ONE);
    await until(async () => expect(await scene.eventReasons('web')).toEqual(['ServiceNotFound']));
  },
  // The last one: its Ingresses are foreign to the replicas of the others, but they read them all the same.
  'writes each of 1,000 once although one is refused, which is written once it may be': oneOfMany,
};

async function oneOfMany(scene: StatusScene): Promise<void> {
  const names = Array.from({ length: 1_000 }, (_, index) => `i${String(index)}`);
  const accept = await scene.cluster.refuseStatus('i500');
  for (let index = 0; index < names.length; index += 50)
    await Promise.all(names.slice(index, index + 50).map((name) => scene.createIngress(name)));
  const replica = scene.replica(ONE, { hasEvents: false });
  // Twenty seconds at the rate that is kept to, and many times that where the machine is busy.
  await vi.waitFor(async () => expect((await replica.writes('ingress-status')).done).toBe(999), {
    timeout: 150_000,
    interval: 100,
  });
  expect(await scene.addresses('i500')).toEqual([]);
  expect((await replica.writes('ingress-status')).refused).toBeGreaterThan(0);
  await accept();
  await vi.waitFor(async () => expect(await scene.addresses('i500')).toEqual([ONE]), {
    timeout: 130_000,
    interval: 100,
  });
  const { done, refused } = await replica.writes('ingress-status');
  expect(done).toBe(1_000);
  // Twenty seconds at 50 a second, and one that is tried again later and later.
  expect(refused).toBeLessThan(40);
}

/** Runs the suite; one server serves all cases. */
export function describeStatus(name: string, makeCluster: () => Promise<StatusCluster>): void {
  describe(name, { timeout: 400_000 }, () => {
    let cluster: StatusCluster;
    let scene: StatusScene;
    let count = 0;
    beforeAll(async () => {
      cluster = await makeCluster();
    });
    afterAll(() => cluster.close());
    beforeEach(async () => {
      count += 1;
      scene = new StatusScene(cluster, `status-${String(count)}`);
      await scene.open();
    });
    afterEach(() => scene.close());
    for (const [title, run] of Object.entries(cases)) it(title, () => run(scene));
  });
}
