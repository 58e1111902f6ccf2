/** What the tests of `sluice run --kubeconfig` have in common: a control plane with deploy/ applied, and a shop on the web. */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Backend, Lab, Load } from '../traffic/lab.ts';
import { ApiProxy } from './api-proxy.ts';
import { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';

export const DEPLOY = fileURLToPath(new URL('../../deploy/sluice.yaml', import.meta.url));

/** What Sluice publishes unless a test says otherwise. */
const ADDRESS = '192.0.2.80';

export interface IngressOptions {
  readonly namespace?: string;
  readonly className?: string;
  readonly target?: string;
  readonly secret?: string;
}

export function ingress(name: string, host: string, options: IngressOptions = {}): string {
  const { namespace = 'shop', className = 'sluice', target = 'web', secret } = options;
  const tls = secret === undefined ? '' : `  tls: [{ hosts: [${host}], secretName: ${secret} }]\n`;
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  ingressClassName: ${className}
${tls}  rules:
    - host: ${host}
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${target}, port: { number: 80 } } } }] }
`;
}

/** The API server refuses endpoints on loopback addresses, so that a real backend stands behind an ExternalName. */
export function externalService(name: string, port: number, namespace = 'shop'): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { type: ExternalName, externalName: localhost, ports: [{ port: 80, targetPort: ${String(port)} }] }
`;
}

/**
 * A control plane, a proxy in front of it, and one Sluice that knows the API server only through that proxy, as the
 * ServiceAccount of deploy/. `http://web.test/` answers 200.
 */
export class Shop {
  readonly cluster: ControlPlane;
  readonly proxy: ApiProxy;
  readonly lab: Lab;
  /** The token of Sluice, which it reads from here. */
  readonly tokenFile: string;
  readonly #folder: string;
  readonly #backend: Backend;

  private constructor(cluster: ControlPlane, proxy: ApiProxy, lab: Lab, folder: string, backend: Backend) {
    this.cluster = cluster;
    this.proxy = proxy;
    this.lab = lab;
    this.tokenFile = join(folder, 'token');
    this.#folder = folder;
    this.#backend = backend;
  }

  /** @param tokenSeconds how long the token is good that Sluice starts with */
  static async open(options: ControlPlaneOptions = {}, tokenSeconds = 3600): Promise<Shop> {
    const cluster = await startControlPlane(options);
    await cluster.kubectl(['apply', '--server-side', '-f', DEPLOY]);
    await cluster.kubectl(['create', 'namespace', 'shop']);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-shop-'));
    const proxy = await ApiProxy.start(cluster.url, await readFile(cluster.authorityFile, 'utf8'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, kubeconfigOf(proxy, join(folder, 'token')));
    const lab = await Lab.forCluster(kubeconfig, [
      `--publish-status-address=${ADDRESS}`,
      '--lease-namespace=sluice-system',
      // The backend of the tests is on this machine.
      '--local-external-names=allow',
      // Thousands of lines per test, among which its own would not be seen.
      '--no-access-log',
    ]);
    const shop = new Shop(cluster, proxy, lab, folder, await Backend.start('web'));
    await shop.apply(externalService('web', shop.#backend.port), ingress('web', 'web.test'));
    await shop.replaceToken(await shop.token(tokenSeconds));
    await lab.start();
    return shop;
  }

  get backendPort(): number {
    return this.#backend.port;
  }

  /** A token of the ServiceAccount of Sluice. */
  token(ttlSeconds: number): Promise<string> {
    return this.cluster.serviceAccountToken('sluice-system', 'sluice', ttlSeconds);
  }

  /** As kubelet renews a projected token: never half-written. */
  async replaceToken(token: string): Promise<void> {
    await writeFile(`${this.tokenFile}.new`, token);
    await rename(`${this.tokenFile}.new`, this.tokenFile);
  }

  async apply(...documents: readonly string[]): Promise<void> {
    await this.cluster.kubectl(['apply', '-f', '-'], { input: documents.join('---\n') });
  }

  async statusOf(url: string): Promise<number> {
    return (await this.lab.get(url)).status;
  }

  async expectSynced(): Promise<void> {
    const sample = 'sluice_source_synced{source="cluster"}';
    // After the failures of the test before, the next try for a resource may be half a minute away.
    await this.lab.until('all synced', async () => (await this.lab.metric(sample)) === 1, 60_000);
  }

  /** Makes a host known to the API server, and waits until it is served. */
  async expectNewHost(name: string): Promise<void> {
    await this.apply(ingress(name, `${name}.test`));
    await this.lab.until(`http://${name}.test/`, async () => (await this.statusOf(`http://${name}.test/`)) === 200);
  }

  /** Waits until Sluice has written `address` into the status of an Ingress. */
  async expectAddress(name: string, address: string = ADDRESS, limitMs?: number): Promise<void> {
    const isWritten = async (): Promise<boolean> => (await this.addresses(name)) === address;
    await this.lab.until(`the address ${address} of ${name}`, isWritten, limitMs);
  }

  /** The addresses in the status of an Ingress. */
  addresses(name: string): Promise<string> {
    const path = '{.status.loadBalancer.ingress[*].ip}';
    return this.cluster.kubectl(['get', 'ingress', '-n', 'shop', name, '-o', `jsonpath=${path}`]);
  }

  /** Waits for a line of Sluice's log that was not there when `mark` (`lab.output.length`) was taken. */
  async expectOutput(mark: number, pattern: RegExp): Promise<void> {
    await this.lab.until(String(pattern), () => Promise.resolve(pattern.test(this.lab.output.slice(mark))));
  }

  /** Requests that fail while `work` is done. */
  async failuresDuring(work: () => Promise<void>): Promise<readonly string[]> {
    const load = new Load(this.lab, ['http://web.test/', 'http://web.test/a/b']);
    try {
      await work();
    } finally {
      await load.stop();
    }
    return load.sent > 100 ? load.failures : [`only ${String(load.sent)} requests were sent`];
  }

  async close(): Promise<void> {
    await this.lab.stop();
    await this.proxy.stop();
    await this.cluster.stop();
    await this.#backend.stop();
    await rm(this.#folder, { recursive: true });
  }
}

/** A kubeconfig of whoever has the token in this file, through the proxy. */
export function kubeconfigOf(proxy: ApiProxy, tokenFile: string): string {
  const authority = Buffer.from(proxy.authority).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'proxy', cluster: { server: proxy.url, 'certificate-authority-data': authority } }],
    users: [{ name: 'sluice', user: { tokenFile } }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'sluice' } }],
    'current-context': 'proxy',
  });
}
