/** Addresses of pools for Services of type LoadBalancer, given by `sluice run --load-balancer` on a real API server, as its ServiceAccount. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../traffic/lab.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { DEPLOY } from './shop.ts';

const LOAD_BALANCER = fileURLToPath(new URL('../../deploy/load-balancer.yaml', import.meta.url));

function pool(name: string, range: string): string {
  return `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: ${name}, namespace: metallb-system }
spec: { addresses: ["${range}"] }
`;
}

function service(name: string, spec = '', annotations = ''): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop, annotations: { ${annotations} } }
spec: { type: LoadBalancer, ${spec} ports: [{ port: 80 }] }
`;
}

describe('sluice run --load-balancer', () => {
  let cluster: ControlPlane;
  let kubeconfig: string;
  let lab: Lab;

  beforeAll(async () => {
    cluster = await startControlPlane();
    for (const file of [DEPLOY, LOAD_BALANCER]) await cluster.kubectl(['apply', '--server-side', '-f', file]);
    for (const name of ['shop', 'metallb-system']) await cluster.kubectl(['create', 'namespace', name]);
    // It would have an address of the pool as well.
    await cluster.kubectl(['delete', 'service', '-n', 'sluice-system', 'sluice']);
    const wait = ['wait', '--for=condition=Established', 'crd/ipaddresspools.metallb.io', '--timeout=60s'];
    await cluster.kubectl(wait);
    kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    lab = await start();
  });

  afterAll(async () => {
    await lab.stop();
    await cluster.stop();
  });

  async function start(): Promise<Lab> {
    const flags = ['--lease-namespace=sluice-system', '--load-balancer', '--role=gateway,controller'];
    const started = await Lab.forCluster(kubeconfig, flags);
    await started.start();
    return started;
  }

  async function apply(...documents: readonly string[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], { input: documents.join('---\n') });
  }

  async function statusOf(name: string): Promise<string> {
    const path = 'jsonpath={.status.loadBalancer.ingress[*].ip}';
    return cluster.kubectl(['get', 'service', '-n', 'shop', name, '-o', path]);
  }

  async function until(name: string, address: string): Promise<void> {
    await lab.until(`${name} to have ${address || 'no address'}`, async () => (await statusOf(name)) === address);
  }

  it('gives addresses as soon as there is a pool, and says why a Service has none', async () => {
    await apply(service('a'));
    await apply(pool('small', '192.0.2.1-192.0.2.2'));
    await until('a', '192.0.2.1');
    await apply(service('b'), service('c'), service('foreign', 'loadBalancerClass: other.test/lb,'));
    await until('b', '192.0.2.2');
    await lab.until('the Event', async () => {
      const events = await cluster.kubectl([
        'get',
        'events',
        '-n',
        'shop',
        '-o',
        'jsonpath={range .items[*]}{.reason} {.involvedObject.name}: {.message}{"\\n"}{end}',
      ]);
      return events.includes(
        'AddressPoolExhausted c: no address is free: all of pool small are taken, by shop/a, shop/b',
      );
    });
    expect(await statusOf('foreign')).toBe('');
    await cluster.kubectl(['delete', 'service', '-n', 'shop', 'a']);
    await until('c', '192.0.2.1');
  });

  it('records the pool and the virtual router of an address beside it, and writes them again', async () => {
    const noted = async (): Promise<Readonly<Record<string, string>>> => {
      const text = await cluster.kubectl([
        'get',
        'service',
        '-n',
        'shop',
        'b',
        '-o',
        'jsonpath={.metadata.annotations}',
      ]);
      return JSON.parse(text) as Readonly<Record<string, string>>;
    };
    const before = (await noted())['sluice.dev/virtual-routers'];
    expect(before).toMatch(/^192\.0\.2\.2=[12]\d\d$/);
    expect((await noted())['metallb.io/ip-allocated-from-pool']).toBe('small');
    // Somebody else's, who has a virtual router on the same network.
    await cluster.kubectl([
      'annotate',
      'service',
      '-n',
      'shop',
      'b',
      '--overwrite',
      'sluice.dev/virtual-routers=192.0.2.2=51',
    ]);
    await lab.until('the annotation', async () => (await noted())['sluice.dev/virtual-routers'] === before);
  });

  it('writes them again when somebody empties the status, and leaves them where they are over a restart', async () => {
    const empty = ['patch', 'service', '-n', 'shop', 'b', '--subresource=status', '--type=merge'];
    await cluster.kubectl([...empty, '-p', JSON.stringify({ status: { loadBalancer: { ingress: null } } })]);
    await until('b', '192.0.2.2');
    await lab.stop();
    await apply(pool('small', '192.0.2.1-192.0.2.9'), service('early', '', 'metallb.io/address-pool: small'));
    lab = await start();
    await until('early', '192.0.2.3');
    expect([await statusOf('b'), await statusOf('c')]).toEqual(['192.0.2.2', '192.0.2.1']);
  });

  it('takes back what it gave from a Service that is balanced no more', async () => {
    await cluster.kubectl([
      'patch',
      'service',
      '-n',
      'shop',
      'c',
      '--type=merge',
      '-p',
      '{"spec":{"type":"ClusterIP"}}',
    ]);
    await until('c', '');
    await apply(service('next', '', 'metallb.io/loadBalancerIPs: 192.0.2.1'));
    await until('next', '192.0.2.1');
  });

  it('takes nothing back when the pools, or their kind, are gone', async () => {
    await cluster.kubectl(['delete', 'crd', 'ipaddresspools.metallb.io']);
    await apply(service('late'));
    // Long enough for whoever would take addresses back.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect([await statusOf('b'), await statusOf('next'), await statusOf('late')]).toEqual([
      '192.0.2.2',
      '192.0.2.1',
      '',
    ]);
  });
});
