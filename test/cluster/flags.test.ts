/** What flags decide about a cluster's Ingresses: which are served, and under which address they are published, and when. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Backend, Lab } from '../traffic/lab.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { DEPLOY, externalService, ingress } from './shop.ts';

const EDGE = `apiVersion: v1
kind: Service
metadata: { name: edge, namespace: shop }
spec: { type: LoadBalancer, ports: [{ port: 80 }] }
`;

describe('flags of sluice run --kubeconfig', () => {
  let cluster: ControlPlane;
  let backend: Backend;

  beforeAll(async () => {
    cluster = await startControlPlane();
    await cluster.kubectl(['apply', '--server-side', '-f', DEPLOY]);
    await cluster.kubectl(['create', 'namespace', 'shop']);
    backend = await Backend.start('web');
    const classless = ingress('classless', 'classless.test').replace('  ingressClassName: sluice\n', '');
    const other = ingress('other', 'other.test', { className: 'other' });
    await apply(externalService('web', backend.port), EDGE, ingress('web', 'web.test'), classless, other);
  });

  afterAll(async () => {
    await backend.stop();
    await cluster.stop();
  });

  async function apply(...documents: readonly string[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], { input: documents.join('---\n') });
  }

  async function giveEdge(...entries: readonly object[]): Promise<void> {
    const status = JSON.stringify({ status: { loadBalancer: { ingress: entries } } });
    const patch = ['patch', 'service', '-n', 'shop', 'edge', '--subresource=status', '--type=merge', '-p', status];
    await cluster.kubectl(patch);
  }

  async function addressOf(name: string): Promise<string> {
    const shown = await cluster.kubectl(['get', 'ingress', '-n', 'shop', name, '--no-headers']);
    return shown.trim().split(/\s+/)[3] ?? '';
  }

  /** Sluice with these flags, not started yet. */
  async function sluice(flags: readonly string[]): Promise<Lab> {
    const kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    return Lab.forCluster(kubeconfig, ['--lease-namespace=sluice-system', ...flags]);
  }

  /** Sluice with these flags, for as long as `use` takes; `web.test` is served then. */
  async function withSluice(flags: readonly string[], use: (lab: Lab) => Promise<void>): Promise<void> {
    const lab = await sluice(flags);
    await lab.start();
    try {
      await lab.until('web.test', async () => (await lab.get('http://web.test/')).status === 200);
      await use(lab);
    } finally {
      await lab.stop();
    }
  }

  it('without any, only Ingresses of our class are served, under an address of this machine', async () => {
    await withSluice([], async (lab) => {
      expect((await lab.get('http://classless.test/')).status).toBe(404);
      expect((await lab.get('http://other.test/')).status).toBe(404);
      const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      const outward = own.filter(({ internal }) => !internal).map(({ address }) => address);
      if (outward.length === 0) return;
      await lab.until('the address', async () => outward.includes(await addressOf('web')));
      expect(await addressOf('other')).not.toBe(await addressOf('web'));
    });
  });

  it('--publish-service publishes what the Service has, and follows it', async () => {
    await giveEdge({ ip: '192.0.2.90' }, { hostname: 'edge.example.com' });
    await withSluice(['--publish-service=shop/edge'], async (lab) => {
      await lab.until('both', async () => (await addressOf('web')) === '192.0.2.90,edge.example.com');
      await giveEdge({ ip: '192.0.2.91' });
      await lab.until('the other', async () => (await addressOf('web')) === '192.0.2.91');
    });
  });

  it('no address is published before it answers', async () => {
    const lab = await sluice(['--publish-status-address=192.0.2.92']);
    const other = createServer().listen(lab.httpPort, '127.0.0.1');
    await once(other, 'listening');
    lab.spawn();
    try {
      await lab.until('HAProxy cannot start', () =>
        Promise.resolve(lab.output.includes('Another program has the port')),
      );
      await sleep(1000); // much longer than it takes to write a status
      expect(await addressOf('web')).not.toBe('192.0.2.92');
      other.close();
      await lab.until('the address', async () => (await addressOf('web')) === '192.0.2.92');
    } finally {
      other.close();
      await lab.stop();
    }
  });

  it('--watch-ingress-without-class serves those that name no class', async () => {
    await withSluice(['--watch-ingress-without-class'], async (lab) => {
      await lab.until('classless.test', async () => (await lab.get('http://classless.test/')).status === 200);
      expect((await lab.get('http://other.test/')).status).toBe(404);
    });
  });

  it('--ingress-class serves the class of that name too', async () => {
    await withSluice(['--ingress-class=other'], async (lab) => {
      await lab.until('other.test', async () => (await lab.get('http://other.test/')).status === 200);
      expect((await lab.get('http://classless.test/')).status).toBe(404);
    });
  });
});
