import { afterAll, beforeAll, describe } from 'vitest';
import { ROLE_INTERESTS } from '../../src/app/role.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { collectionPath, objectPath, type Resource } from '../../src/kube/resource.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { ClusterSource } from '../../src/sources/cluster/cluster-source.ts';
import type { Store } from '../../src/sources/store.ts';
import { describeSource, type SourceWorld } from '../contract/source.ts';
import { heldServices, serviceObject, versionOfService } from '../contract/source/services.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

const services: Resource = { group: '', version: 'v1', plural: 'services', kind: 'Service', isNamespaced: true };
const namespaces: Resource = { ...services, plural: 'namespaces', kind: 'Namespace', isNamespaced: false };

describe('a real kube-apiserver', () => {
  let controlPlane: ControlPlane;
  let count = 0;

  beforeAll(async () => {
    controlPlane = await startControlPlane({});
  });
  afterAll(() => controlPlane.stop());

  async function makeReal(store: Store): Promise<SourceWorld> {
    const config = await loadKubeconfig(controlPlane.kubeconfig());
    const writer = new KubeClient({ config, logger: silentLogger, userAgent: 'contract-writer/1' });
    const client = new KubeClient({ config, logger: silentLogger, userAgent: 'contract/1' });
    count += 1;
    const namespace = `source-${String(count)}`;
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    await writer.request({ method: 'POST', path: collectionPath(namespaces, undefined), body });
    const timings = { settleMs: 100, backoff: { minMs: 50, maxMs: 500 }, absentBackoff: { minMs: 50, maxMs: 500 } };
    const put = async (things: Readonly<Record<string, number>>): Promise<void> => {
      for (const [name, version] of Object.entries(things)) {
        const { spec } = serviceObject(namespace, name, version);
        await writer.apply(
          { resource: services, namespace, name },
          { spec },
          { fieldManager: 'contract', isForced: true },
        );
      }
    };
    const source = new ClusterSource({ client, store, timings, interests: ROLE_INTERESTS.gateway(undefined) });
    source.want({ objects: PersistentMap.empty(), names: PersistentMap.empty() });
    return {
      source,
      silences: {
        'the server is killed': {
          begin: () => controlPlane.killApiServer(),
          end: () => controlPlane.startApiServer(),
          told: 'stale',
          canChange: false,
        },
      },
      put,
      putBroken: () => Promise.reject(new Error('this server takes nothing that is wrong')),
      remove: async (name) => {
        await writer.request({ method: 'DELETE', path: objectPath(services, { namespace, name }) });
      },
      held: () => heldServices(store, namespace),
      versionOf: versionOfService,
      // How many connections a server has is not to be seen from outside; the fake one is asked.
      open: () => 0,
      close: () => {
        client.close();
        writer.close();
        return Promise.resolve();
      },
    };
  }

  describeSource('ClusterSource', makeReal, {
    skip: {
      'tells of something wrong by a Finding that goes when it is mended or gone, and harms nothing else':
        'this server takes nothing that is wrong',
      'removes what went while the world was quiet': 'this server cannot change while it is down',
    },
    timeoutMs: 30_000,
  });
});
