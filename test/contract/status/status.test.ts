import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../../src/lib/sleep.ts';
import { everything } from '../../fakes/apiserver/access.ts';
import { FakeApiServer } from '../../fakes/apiserver/apiserver.ts';
import type { Json } from '../../fakes/apiserver/stored-object.ts';
import { describeStatus, StatusScene, until, type StatusCluster } from '../status.ts';

function clusterOf(server: FakeApiServer): StatusCluster {
  return {
    admin: server.config(),
    refuseStatus: (name) => {
      const end = server.faults.add({
        verbs: ['patch'],
        resource: 'ingresses',
        name,
        trouble: { kind: 'status', status: 422 },
      });
      return Promise.resolve(() => {
        end();
        return Promise.resolve();
      });
    },
    close: () => server.close(),
  };
}

describeStatus('status on the fake API server', async () =>
  clusterOf(await FakeApiServer.start({ bookmarkIntervalMs: 1_000 })),
);

const ADDRESS = '192.0.2.1';

describe('status when things happen that a real API server cannot be made to do', { timeout: 60_000 }, () => {
  let server: FakeApiServer;
  let scene: StatusScene;

  beforeEach(async () => {
    server = await FakeApiServer.start({ bookmarkIntervalMs: 1_000 });
    scene = new StatusScene(clusterOf(server), 'shop');
    await scene.open();
  });
  afterEach(async () => {
    await scene.close();
    await server.close();
  });

  function ingressNamed(name: string): Json {
    const backend = { service: { name: 'web', port: { number: 80 } } };
    const paths = [{ path: '/', pathType: 'Prefix', backend }];
    const spec = { ingressClassName: scene.className, rules: [{ host: `${name}.test`, http: { paths } }] };
    return { metadata: { namespace: 'shop', name }, spec };
  }

  function statusWrites(): number {
    return server.requests.filter(({ verb, plural }) => verb === 'patch' && plural === 'ingresses').length;
  }

  it('gives an Ingress its address that was deleted and created again while nobody watched', async () => {
    server.seed('ingresses', [ingressNamed('web')]);
    scene.replica(ADDRESS);
    await scene.expectAddresses('web', ADDRESS);
    await server.refuseConnections();
    server.unseed('ingresses', 'shop', 'web');
    server.seed('ingresses', [ingressNamed('web')]);
    // The history is gone: only a list can tell.
    server.storage.compact();
    await server.acceptConnections();
    await scene.expectAddresses('web', ADDRESS);
  });

  it('drops what is queued when another process takes the lead', async () => {
    server.seed(
      'ingresses',
      Array.from({ length: 1_000 }, (_, index) => ingressNamed(`i${String(index)}`)),
    );
    const replica = scene.replica(ADDRESS, { hasEvents: false });
    await until(() => expect(statusWrites()).toBeGreaterThan(50));
    const spec = { holderIdentity: 'usurper', leaseDurationSeconds: 3600, renewTime: '2000-01-01T00:00:00.000000Z' };
    server.seed('leases', [{ metadata: { namespace: 'shop', name: 'sluice-shop-leader' }, spec }]);
    await until(() => expect(replica.leads).toBe(false));
    const before = statusWrites();
    await sleep(1_000);
    expect(statusWrites() - before).toBeLessThanOrEqual(8);
    expect(statusWrites()).toBeLessThan(1_000);
  });

  it('takes nothing back while the IngressClasses cannot be read', async () => {
    await scene.createClass('special');
    server.seed('ingresses', [{ ...ingressNamed('web'), spec: { ingressClassName: 'special' } }]);
    const before = scene.replica(ADDRESS);
    await scene.expectAddresses('web', ADDRESS);
    await scene.end(before);
    const resources = ['ingresses', 'ingresses/status', 'services', 'endpointslices', 'secrets', 'leases', 'events'];
    const token = server.user('narrow', [{ verbs: ['*'], groups: ['*'], resources }]);
    scene.replica(ADDRESS, { config: server.config(token) });
    await scene.settle('after');
    expect(await scene.addresses('web')).toEqual([ADDRESS]);
    // And once they can, it is known whose it is.
    await scene.delete('IngressClass', 'special');
    server.access.allow('narrow', everything);
    await scene.expectAddresses('web');
  });
});
