import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../test/fakes/apiserver/apiserver.ts';
import { Compiler } from '../compile/compiler.ts';
import { NO_NODE_FACTS } from '../compile/settings.ts';
import { KubeClient } from '../kube/client.ts';
import { silentLogger } from '../lib/logger.ts';
import { finding } from '../model/finding.ts';
import { Metrics } from '../observe/metrics.ts';
import { Store } from '../sources/store.ts';
import { STANDALONE_SETTINGS } from './check.ts';
import { Controller } from './controller.ts';
import { installationOf } from './installation.ts';

class BrokenMetrics extends Metrics {
  override applied(): void {
    throw new TypeError('a bug');
  }
}

describe('Controller', { timeout: 30_000 }, () => {
  let server: FakeApiServer;
  let client: KubeClient;

  beforeEach(async () => {
    server = await FakeApiServer.start();
    client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'controller-test/1' });
  });
  afterEach(async () => {
    client.close();
    await server.close();
  });

  it('ends with a bug of one of its parts, also while it leads', async () => {
    const store = new Store();
    const ref = { kind: 'Ingress', namespace: 'shop', name: 'web' } as const;
    store.commit([{ table: 'findings', key: 'Ingress/shop/web', value: [finding('NameInvalid', ref, '', 'bad')] }]);
    const controller = new Controller({
      client,
      logger: silentLogger,
      metrics: new BrokenMetrics(),
      store,
      installation: installationOf('sluice', undefined),
      leaseNamespace: 'default',
      isGateway: true,
      hasEvents: true,
      serves: Promise.resolve(),
      writesIngressStatus: true,
      givesAddresses: false,
      hasReadGateways: undefined,
      hasReadClasses: () => true,
    });
    controller.want(new Compiler(STANDALONE_SETTINGS).compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS }));
    const stop = new AbortController();
    try {
      await expect(controller.run(stop.signal)).rejects.toThrow('a bug');
    } finally {
      stop.abort();
    }
  });
});
