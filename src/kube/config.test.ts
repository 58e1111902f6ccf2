import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadInClusterConfig } from './config.ts';

let serviceAccountDir: string;
const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

beforeEach(async () => {
  serviceAccountDir = await mkdtemp(join(tmpdir(), 'service-account-'));
  await writeFile(join(serviceAccountDir, 'token'), 'first\n');
  await writeFile(join(serviceAccountDir, 'ca.crt'), 'the CA');
  await writeFile(join(serviceAccountDir, 'namespace'), 'shop\n');
});
afterEach(() => rm(serviceAccountDir, { recursive: true }));

describe('loadInClusterConfig', () => {
  it('reads the service account', async () => {
    const config = await loadInClusterConfig({ env, serviceAccountDir });
    expect(config.server.href).toBe('https://10.96.0.1/');
    expect(config.namespace).toBe('shop');
    await expect(config.credentials.current()).resolves.toMatchObject({
      authorization: 'Bearer first',
      authority: 'the CA',
    });
  });

  it('takes an IPv6 address', async () => {
    const config = await loadInClusterConfig({
      env: { ...env, KUBERNETES_SERVICE_HOST: 'fd00::1' },
      serviceAccountDir,
    });
    expect(config.server.href).toBe('https://[fd00::1]/');
  });

  it('reads a renewed token at once after a 401', async () => {
    const { credentials } = await loadInClusterConfig({ env, serviceAccountDir });
    const first = await credentials.current();
    await writeFile(join(serviceAccountDir, 'token'), 'second\n');
    credentials.reject(first);
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer second' });
  });

  it('says that this is not a pod', async () => {
    await expect(loadInClusterConfig({ env: {}, serviceAccountDir })).rejects.toMatchObject({
      code: 'kube-config',
      retryable: false,
      message: expect.stringContaining('name a kubeconfig file instead') as string,
    });
  });

  it('says that the pod has no token', async () => {
    await rm(join(serviceAccountDir, 'token'));
    await expect(loadInClusterConfig({ env, serviceAccountDir })).rejects.toMatchObject({
      code: 'kube-config',
      message: expect.stringContaining('automountServiceAccountToken') as string,
    });
  });
});
