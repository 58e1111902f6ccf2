import { FakeApiServer } from '../../fakes/apiserver/apiserver.ts';
import { describeStatus } from '../status.ts';

describeStatus('status on the fake API server', async () => {
  const server = await FakeApiServer.start({ bookmarkIntervalMs: 1_000 });
  return {
    admin: server.config(),
    refuseStatus: (name) => {
      const end = server.faults.add({
        verbs: ['patch'],
        resource: 'ingresses',
        name,
        trouble: { kind: 'status', status: 422 },
      });
      return Promise.resolve(() => Promise.resolve(end()));
    },
    close: () => server.close(),
  };
});
