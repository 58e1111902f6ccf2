import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, vi } from 'vitest';
import { planOf } from '../../../test/l4/objects.ts';
import { silentLogger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { HealthChecks } from './health-check.ts';

it('answers as soon as a kube-proxy lets go of the port, without a change of the Service', async () => {
  const kubeProxy = createServer();
  kubeProxy.listen(0);
  await once(kubeProxy, 'listening');
  const address = kubeProxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const checks = new HealthChecks({ logger: silentLogger, isHealthy: () => true });
  const web = { ...planOf({}), healthCheck: { port: address.port, readyEndpoints: 2 } };
  await checks.update(PersistentMap.from([['ns/web', web]]));
  kubeProxy.close();
  await vi.waitFor(
    async () => {
      const response = await fetch(`http://127.0.0.1:${String(address.port)}/`);
      expect(await response.json()).toMatchObject({ localEndpoints: 2, serviceProxyHealthy: true });
    },
    { timeout: 20_000, interval: 20 },
  );
  await checks.close();
});
