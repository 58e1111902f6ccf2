import { describeKubeClient, type ClusterUnderTest } from '../../contract/kube-client.ts';
import { FakeApiServer, type FakeApiServerOptions } from './apiserver.ts';

async function makeFake(options: FakeApiServerOptions): Promise<ClusterUnderTest> {
  const server = await FakeApiServer.start({ bookmarkIntervalMs: 50, ...options });
  const restricted = server.config(server.user('restricted', []));
  return {
    admin: server.config(),
    restricted,
    allow: (rules) => Promise.resolve(server.access.allow('restricted', rules)),
    crash: () => server.refuseConnections(),
    recover: () => server.acceptConnections(),
    forget: async () => {
      await server.refuseConnections();
      server.seed('secrets', [{ metadata: { namespace: 'kube-system', name: 'something-else' } }]);
      server.storage.compact();
      await server.acceptConnections();
    },
    close: () => server.close(),
  };
}

describeKubeClient('KubeClient and the fake API server', () => makeFake({ isTls: true }));
describeKubeClient('KubeClient and the fake API server over HTTP/2', () =>
  makeFake({ isTls: true, http2: { maxStreams: 100 } }),
);
describeKubeClient('KubeClient and the fake API server without watch-list', () =>
  makeFake({ watchList: 'refused', expiredAs: 'http' }),
);
describeKubeClient('KubeClient and the fake API server with an old etcd', () => makeFake({ watchList: 'broken' }));
describeKubeClient('KubeClient and a fake API server that takes a watch-list for an ordinary watch', () =>
  makeFake({ watchList: 'ignored' }),
);
