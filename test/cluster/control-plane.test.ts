import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { httpStatus } from './http-status.ts';

const patience = { timeout: 60_000, interval: 100 };

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane({ hasControllers: true, users: { viewer: ['viewers'] } });
});

afterAll(() => controlPlane?.stop());

beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await controlPlane.logTails()));
});

/** What `kubectl get NAMES -o json` says, field by field. */
function get(names: readonly string[], jsonPath: string): Promise<string> {
  return controlPlane.kubectl(['get', ...names, '--namespace', 'shop', '--output', `jsonpath=${jsonPath}`]);
}

function create(...objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  return controlPlane.kubectl(['create', '--namespace', 'shop', '--filename', '-'], { input: JSON.stringify(list) });
}

function service(name: string): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }] } };
}

/** Undefined when nobody answers. */
async function livez(): Promise<number | undefined> {
  const authority = await readFile(controlPlane.authorityFile, 'utf8');
  return httpStatus({ url: `${controlPlane.url}/livez`, authority });
}

function skipWithoutControllers(skip: (reason: string) => never): void {
  if (!controlPlane.hasControllers) skip('KUBEBUILDER_ASSETS has no kube-controller-manager');
}

describe('the control plane', () => {
  beforeAll(async () => {
    await controlPlane.kubectl(['create', 'namespace', 'shop']);
  });

  it('stores a Service with its defaults, and an EndpointSlice', async () => {
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'cart-1', labels: { 'kubernetes.io/service-name': 'cart' } },
      addressType: 'IPv4',
      ports: [{ port: 8080 }],
      endpoints: [{ addresses: ['192.0.2.1'] }],
    };
    await create(service('cart'), slice);
    expect(await get(['service', 'cart'], '{.spec.clusterIP}')).toMatch(/^10\.96\./);
    expect(await get(['endpointslice', 'cart-1'], '{.endpoints[*].addresses[*]}')).toBe('192.0.2.1');
  });

  it('mirrors Endpoints into an EndpointSlice', async ({ skip }) => {
    skipWithoutControllers(skip);
    const subsets = [{ addresses: [{ ip: '192.0.2.2' }], ports: [{ port: 8080 }] }];
    await create(service('stock'), { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'stock' }, subsets });
    const mirrored = ['endpointslice', '--selector', 'kubernetes.io/service-name=stock'];
    await expect.poll(() => get(mirrored, '{.items[*].endpoints[*].addresses[*]}'), patience).toBe('192.0.2.2');
  });

  it('removes a namespace with what is in it', async ({ skip }) => {
    skipWithoutControllers(skip);
    await controlPlane.kubectl(['create', 'namespace', 'doomed']);
    await controlPlane.kubectl(['create', 'configmap', 'content', '--namespace', 'doomed']);
    await controlPlane.kubectl(['delete', 'namespace', 'doomed', '--timeout=30s']);
    await expect(controlPlane.kubectl(['get', 'namespace', 'doomed'])).rejects.toThrow('NotFound');
  });

  it('lets a user do what RBAC says', async () => {
    const list = (): Promise<string> => controlPlane.kubectl(['get', 'services', '-n', 'shop'], { user: 'viewer' });
    await expect(list()).rejects.toThrow(/User "viewer" cannot list resource "services"/);
    await controlPlane.kubectl(['create', 'role', 'reader', '--verb=list', '--resource=services', '-n', 'shop']);
    await controlPlane.kubectl(['create', 'rolebinding', 'viewers', '--role=reader', '--group=viewers', '-n', 'shop']);
    await vi.waitFor(list, patience);
  });

  it('gives out tokens for ServiceAccounts, also short ones', async () => {
    await controlPlane.kubectl(['create', 'serviceaccount', 'robot', '-n', 'shop']);
    const whoAmI = async (ttlSeconds: number): Promise<string> => {
      const kubeconfig = await controlPlane.serviceAccountKubeconfig('shop', 'robot', ttlSeconds);
      // A later --kubeconfig wins.
      return controlPlane.kubectl([
        '--kubeconfig',
        kubeconfig,
        'auth',
        'whoami',
        '--output=jsonpath={.status.userInfo.username}',
      ]);
    };
    expect(await whoAmI(3600)).toBe('system:serviceaccount:shop:robot');
    expect(await whoAmI(30)).toBe('system:serviceaccount:shop:robot');
    await expect(whoAmI(-1)).rejects.toThrow('Unauthorized');
  });

  it('refuses connections while kube-apiserver is gone, and comes back with what it held', async () => {
    await create(service('kept'));
    const address = await get(['service', 'kept'], '{.spec.clusterIP}');
    expect(await livez()).toBe(200);
    await controlPlane.killApiServer();
    expect(await livez()).toBeUndefined();
    await controlPlane.startApiServer();
    expect(await get(['service', 'kept'], '{.spec.clusterIP}')).toBe(address);
  });

  it('answers no list while etcd is gone, and takes objects afterwards', async () => {
    await controlPlane.stopEtcd();
    try {
      await expect(get(['service', '--request-timeout=1s'], '{}')).rejects.toThrow(/time|deadline/i);
    } finally {
      await controlPlane.startEtcd();
    }
    await vi.waitFor(() => create(service('late')), patience);
  });

  it('answers nobody while it is frozen, and everybody afterwards', async () => {
    controlPlane.pauseApiServer();
    try {
      expect(await livez()).toBeUndefined();
    } finally {
      controlPlane.resumeApiServer();
    }
    await expect.poll(livez, patience).toBe(200);
  });
});

describe('a component that does not start', () => {
  it('is reported with the end of its log', async () => {
    const start = startControlPlane({ apiServerFlags: ['--no-such-flag'] });
    await expect(start).rejects.toThrow(/kube-apiserver ended with status 1\.[^]*unknown flag: --no-such-flag/);
  });
});
