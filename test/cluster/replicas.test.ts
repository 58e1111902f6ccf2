import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import type { RawObject } from '../../src/kube/raw-object.ts';
import { isRecord } from '../../src/lib/is-record.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { Lab } from '../traffic/lab.ts';
import { ingress, Shop } from './shop.ts';

const INGRESSES = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingresses',
  kind: 'Ingress',
  isNamespaced: true,
} as const;

/** Every status that one Ingress ever had, in order, as a client of the API server sees it. */
class StatusHistory {
  readonly seen: string[] = [];
  readonly #client: KubeClient;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  private constructor(client: KubeClient, name: string) {
    this.#client = client;
    const see = (addresses: string): void => {
      if (this.seen.at(-1) !== addresses) this.seen.push(addresses);
    };
    const reflector = client.reflector({
      selection: { resource: INGRESSES, namespace: 'shop', fieldSelector: `metadata.name=${name}` },
      project: addressesOf,
      consumer: { replace: (all) => all.forEach(see), upsert: see, remove: () => see('deleted'), state: () => {} },
    });
    this.#ended = reflector.run(this.#stop.signal);
  }

  static async of(shop: Shop, name: string): Promise<StatusHistory> {
    const config = await loadKubeconfig(shop.cluster.kubeconfig());
    return new StatusHistory(new KubeClient({ config, logger: silentLogger, userAgent: 'status-history/1' }), name);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    this.#client.close();
  }
}

function addressesOf(object: RawObject): string {
  const status = isRecord(object['status']) ? object['status'] : {};
  const loadBalancer = isRecord(status['loadBalancer']) ? status['loadBalancer'] : {};
  const entries: readonly unknown[] = Array.isArray(loadBalancer['ingress']) ? loadBalancer['ingress'] : [];
  return entries.map((entry) => (isRecord(entry) ? String(entry['ip']) : '')).join(' ');
}

describe('replicas and other writers', () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open();
    await shop.expectAddress('web');
  });

  afterAll(() => shop.close());

  it('takes over the status of an Ingress that another controller wrote before', async () => {
    await shop.apply(ingress('moved', 'moved.test', { className: 'nginx' }));
    const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } } });
    const patch = ['patch', 'ingress', '-n', 'shop', 'moved', '--subresource=status', '--type=merge', '-p', status];
    await shop.cluster.kubectl([...patch, '--field-manager=old-controller']);
    await shop.apply(ingress('moved', 'moved.test'));
    await shop.expectAddress('moved');
  });

  it('hands over to the other replica when the leader is killed, and no status is ever empty', async () => {
    const kubeconfig = await shop.cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    const flags = ['--publish-status-address=192.0.2.81', '--lease-namespace=sluice-system', '--no-access-log'];
    const other = await Lab.forCluster(kubeconfig, flags);
    const history = await StatusHistory.of(shop, 'web');
    const both = '192.0.2.80 192.0.2.81';
    try {
      await other.start();
      await shop.expectAddress('web', both);
      const failures = await shop.failuresDuring(async () => {
        await shop.lab.signal('SIGKILL');
        // The lead changes after 15 seconds, and then the Lease of the one that was killed lasts 40 more.
        await shop.expectAddress('web', '192.0.2.81', 90_000);
      });
      // HAProxy outlives the Sluice that was killed.
      expect(failures).toEqual([]);
      await shop.lab.start();
      await shop.expectAddress('web', both);
      await other.stop();
      await shop.expectAddress('web', '192.0.2.80');
      expect(history.seen).toEqual(['192.0.2.80', both, '192.0.2.81', both, '192.0.2.80']);
    } finally {
      await history.end();
      await other.stop();
    }
  });

  it('writes nothing when it wakes up after another has taken the lead', async () => {
    const kubeconfig = await shop.cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    const flags = ['--publish-status-address=192.0.2.81', '--lease-namespace=sluice-system', '--no-access-log'];
    const other = await Lab.forCluster(kubeconfig, flags);
    const holder = (): Promise<string> =>
      shop.cluster.kubectl([
        'get',
        'lease',
        '-n',
        'sluice-system',
        'sluice-leader',
        '-o',
        'jsonpath={.spec.holderIdentity}',
      ]);
    try {
      await other.start();
      await shop.expectAddress('web', '192.0.2.80 192.0.2.81');
      const before = await holder();
      const output = shop.lab.output.length;
      signalProcess(shop.lab.pid, 'SIGSTOP');
      await other.until('another leader', async () => (await holder()) !== before, 60_000);
      // What it finds on waking up is to be written, and it has not looked at its Lease yet.
      await shop.apply(ingress('asleep', 'asleep.test'));
      await other.until('its status', async () => (await shop.addresses('asleep')).includes('192.0.2.81'), 60_000);
      const history = await StatusHistory.of(shop, 'asleep');
      const led = await holder();
      signalProcess(shop.lab.pid, 'SIGCONT');
      await shop.expectOutput(output, /no longer leading/);
      // It serves again, so that the leader publishes its address.
      await shop.expectAddress('asleep', '192.0.2.80 192.0.2.81');
      expect(await holder()).toBe(led);
      expect(history.seen.every((addresses) => addresses.includes('192.0.2.81'))).toBe(true);
      await history.end();
    } finally {
      signalProcess(shop.lab.pid, 'SIGCONT');
      await other.stop();
    }
    await shop.expectAddress('web', '192.0.2.80', 90_000);
  });

  it('leaves every status as it is when the lease is taken from it, and when it ends', async () => {
    const history = await StatusHistory.of(shop, 'web');
    const output = shop.lab.output.length;
    const usurpation = JSON.stringify({ spec: { holderIdentity: 'usurper', leaseDurationSeconds: 3600 } });
    const lease = ['-n', 'sluice-system', 'lease', 'sluice-leader'];
    await shop.cluster.kubectl(['patch', ...lease, '--type=merge', '-p', usurpation]);
    await shop.expectOutput(output, /no longer leading/);
    await shop.expectNewHost('leaderless');
    await shop.lab.signal('SIGTERM');
    expect(await shop.addresses('leaderless')).toBe('');
    expect(history.seen).toEqual(['192.0.2.80']);
    await history.end();
  });
});
