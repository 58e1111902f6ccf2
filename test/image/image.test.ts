/**
 * The image of deploy/Dockerfile, in pods as deploy/ describes them, against a real kube-apiserver. On demand, since it needs the image
 * in the local store of Buildah: `npm run test:image` (see docs/howto/build-the-image.md).
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cp, readdir } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { run } from '../netns/own-namespace.ts';
import { Pod, type PodSurroundings } from './container.ts';
import { Image } from './image.ts';
import { readPodSpec, type PodSpec } from './workload.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SLUICE = join(ROOT, 'deploy', 'sluice.yaml');
const NODE = join(ROOT, 'deploy', 'node.yaml');
const DEADLINE_MS = 20_000;

/** The address of this node, of its API server and of the endpoint of the Service; it lies on the loopback interface. */
const ADDRESS = '192.0.2.1';

/** As kube-proxy leaves them: enough to be found and taken away. */
const KUBE_PROXY_RULES = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.200/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-AAAAAAAAAAAAAAAA
COMMIT
`;

describe('the image', () => {
  let cluster: ControlPlane;
  let image: Image;
  let backend: Server;
  /** Of the Service `web`. */
  let clusterIp: string;
  const pods: Pod[] = [];

  beforeAll(async () => {
    if (run('ip', ['route']) !== '')
      throw new Error('start vitest with "unshare --net": kernel tables are written here');
    run('ip', ['link', 'set', 'lo', 'up']);
    run('ip', ['address', 'add', `${ADDRESS}/32`, 'dev', 'lo']);
    run('ip', ['route', 'add', '10.96.0.0/16', 'dev', 'lo']);
    const deployment = await readPodSpec(SLUICE, 'Deployment', 'sluice');
    image = new Image(deployment.containers[0].image);
    backend = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '/', 'http://backend');
      setTimeout(() => response.end('hello\n'), Number(searchParams.get('delay') ?? 0));
    }).listen(0, ADDRESS);
    await once(backend, 'listening');
    cluster = await startControlPlane({ hasControllers: true });
    await cluster.kubectl(['apply', '-f', SLUICE, '-f', NODE]);
    await cluster.kubectl(['apply', '-f', '-'], { input: objects((backend.address() as AddressInfo).port) });
    const path = 'jsonpath={.spec.clusterIP}';
    clusterIp = (await cluster.kubectl(['get', 'service', 'web', '-n', 'shop', '-o', path])).trim();
  });

  afterAll(async () => {
    for (const pod of pods) await pod.remove();
    image.remove();
    await cluster.stop();
    backend.close();
  });

  /** With what the kubelet gives to a pod of this ServiceAccount. */
  async function podOf(spec: PodSpec): Promise<Pod> {
    const token = await cluster.serviceAccountToken('sluice-system', spec.serviceAccountName, 3600);
    const surroundings: PodSurroundings = {
      env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: new URL(cluster.url).port },
      fields: { 'spec.nodeName': 'node-1', 'status.hostIP': ADDRESS },
      account: { token, authorityFile: cluster.authorityFile, namespace: 'sluice-system' },
    };
    const pod = await Pod.create(image, spec, surroundings);
    pods.push(pod);
    return pod;
  }

  it('alone, serves a folder of manifests as its own user, and keeps its state', async () => {
    const pod = await Pod.create(image, {
      serviceAccountName: 'none',
      containers: [
        {
          image: 'the one that is here',
          args: ['run', '--manifests=/manifests'],
          securityContext: {},
          resources: { limits: { memory: '1Gi' } },
          volumeMounts: [{ name: 'manifests', mountPath: '/manifests' }],
        },
      ],
      volumes: [{ name: 'manifests', hostPath: { path: '/srv/manifests', type: 'DirectoryOrCreate' } }],
    });
    pods.push(pod);
    await cp(join(ROOT, 'examples', 'quickstart'), pod.volume('manifests'), { recursive: true });
    await pod.start();
    await until(pod, 'ready', () => isReady(9901));
    expect(await pod.exec('sluice', 'get', 'routes')).toContain('hello.localhost');
    expect(await pod.exec('ls', '/var/lib/sluice')).toContain('allocations.json');
    expect(await pod.stop()).toBe(0);
  });

  describe('as the Deployment', () => {
    let pod: Pod;

    beforeAll(async () => {
      pod = await podOf(await readPodSpec(SLUICE, 'Deployment', 'sluice'));
      await pod.start();
    });

    it('serves an Ingress, as a user without any right', async () => {
      await until(pod, 'ready', () => isReady(9901));
      expect(await bodyOf('http://127.0.0.1:8080/')).toBe('hello\n');
      expect(await pod.exec('cat', '/proc/1/status')).toMatch(/^Uid:\s61530\s61530\s61530\s61530$[^]*^CapBnd:\s0+$/m);
      expect(warningsOf(pod)).toEqual([]);
    });

    it('writes the address of its Service into the status of the Ingress', async () => {
      const status = '{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.80"}]}}}';
      const service = ['service', 'sluice', '-n', 'sluice-system'];
      await cluster.kubectl(['patch', ...service, '--subresource=status', '--type=merge', '-p', status]);
      const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
      const shown = (): Promise<string> => cluster.kubectl(['get', 'ingress', 'web', '-n', 'shop', '-o', path]);
      await until(pod, 'the address', async () => (await shown()) === '192.0.2.80');
    });

    it('answers the commands in the container', async () => {
      expect(await pod.exec('sluice', 'get', 'routes')).toContain('web.test');
    });

    it('serves what it served last after a crash, without an API server', async () => {
      await pod.signal('KILL');
      await pod.ended();
      await cluster.killApiServer();
      await pod.start();
      await until(pod, 'the last state', async () => (await bodyOf('http://127.0.0.1:8080/')) === 'hello\n');
      await cluster.startApiServer();
      await until(pod, 'ready', () => isReady(9901));
    });

    it('takes connections for a while after SIGTERM, lets requests end, and ends in time', async () => {
      const slow = bodyOf('http://127.0.0.1:8080/?delay=3000');
      const status = pod.stop();
      await until(pod, 'not ready', async () => !(await isReady(9901)));
      expect(await bodyOf('http://127.0.0.1:8080/')).toBe('hello\n');
      expect(await slow).toBe('hello\n');
      expect(await status).toBe(0);
    });
  });

  it('as the DaemonSet on edge nodes, serves on ports 80 and 443, with HAProxy locked up as a user of its own', async () => {
    const pod = await podOf(await readPodSpec(SLUICE, 'DaemonSet', 'sluice-edge'));
    await pod.start();
    await until(pod, 'ready', () => isReady(9901));
    expect(await bodyOf('http://127.0.0.1/')).toBe('hello\n');
    const engine = (await pod.exec('cat', '/state/haproxy.pid')).trim();
    expect(await pod.exec('cat', `/proc/${engine}/status`)).toMatch(/^Uid:\s61530\s61530\s61530\s61530$/m);
    expect(warningsOf(pod)).toEqual([]);
    expect(await pod.stop()).toBe(0);
    expect(await readdir(pod.volume('tmp'))).toEqual([]);
  });

  it('as the DaemonSet on all nodes, takes over from kube-proxy, and can be uninstalled', async () => {
    const spec = await readPodSpec(NODE, 'DaemonSet', 'sluice-node');
    const pod = await podOf(spec);
    run('iptables-nft-restore', ['--noflush'], KUBE_PROXY_RULES);
    await pod.start();
    await until(pod, 'ready', () => isReady(9902));
    expect((await fetch('http://127.0.0.1:10256/healthz')).status).toBe(200);
    expect(await bodyOf(`http://${clusterIp}/`)).toBe('hello\n');
    expect(run('nft', ['list', 'tables'])).toContain('table ip sluice');
    expect(run('iptables-nft-save', [])).not.toContain('KUBE-');
    const explained = ['explain', '127.0.0.1', `${clusterIp}:80`, '--api-address=127.0.0.1:9902'];
    expect(await pod.exec('sluice', ...explained)).toContain(ADDRESS);

    // A flow whose endpoint is gone has to be forgotten.
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.send('hello', 53, clusterIp, () => resolve()));
    const flows = (): string => run('conntrack', ['-L', '-p', 'udp', '--orig-dst', clusterIp]);
    expect(flows()).toContain(`src=${ADDRESS}`);
    await cluster.kubectl(['delete', 'endpointslice', 'names-1', '-n', 'shop']);
    await until(pod, 'the flow to be gone', () => Promise.resolve(flows() === ''));
    socket.close();

    expect(await pod.stop()).toBe(0);
    expect(await bodyOf(`http://${clusterIp}/`), 'by the kernel alone').toBe('hello\n');

    await pod.start();
    await until(pod, 'ready again', () => isReady(9902));
    await pod.signal('KILL');
    await pod.ended();
    await pod.start(['uninstall', '--state-dir=/var/lib/sluice']);
    expect(await pod.ended(), pod.output).toBe(0);
    expect(run('nft', ['list', 'tables'])).not.toContain('sluice');
    expect(await readdir(pod.volume('state'))).toEqual([]);
  });
});

async function until(pod: Pod, what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (performance.now() < deadlineMs) {
    if (await condition().catch(() => false)) return;
    await sleep(20);
  }
  throw new Error(`waited in vain for: ${what}\n${pod.output.slice(-4000)}`);
}

async function isReady(apiPort: number): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${String(apiPort)}/readyz`)).ok;
}

/** As a client of the host of the Ingress gets it. */
async function bodyOf(url: string): Promise<string> {
  const outgoing = get(url, { headers: { host: 'web.test' }, agent: false });
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return text(response);
}

/** Lines of the log from warnings on. */
function warningsOf(pod: Pod): readonly string[] {
  return pod.output.split('\n').filter((line) => /"level":[456]0/.test(line) && !line.includes('leads now'));
}

/** A Service with an endpoint, an Ingress to it, and the node that this is. */
function objects(port: number): string {
  return `apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Node
metadata: { name: node-1 }
spec: { podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { ports: [{ name: http, port: 80 }, { name: names, port: 53, protocol: UDP }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: ${String(port)} }]
endpoints: [{ addresses: [${ADDRESS}], conditions: { ready: true } }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: names-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: names, port: 5353, protocol: UDP }]
endpoints: [{ addresses: [${ADDRESS}], conditions: { ready: true } }]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, namespace: shop }
spec:
  ingressClassName: sluice
  rules:
    - host: web.test
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
`;
}
