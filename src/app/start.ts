import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { KubeClient } from '../kube/client.ts';
import { loadInClusterConfig } from '../kube/config.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import type { Finding } from '../model/finding.ts';
import { keyOf } from '../model/object.ts';
import { createLogger } from '../observe/logger.ts';
import { StatusPlane } from '../planes/status/plane.ts';
import { ClusterSource } from '../sources/cluster/cluster-source.ts';
import { NameSource } from '../sources/dns/name-source.ts';
import type { Source } from '../sources/source.ts';
import { ManifestSource } from '../sources/manifests/manifest-source.ts';
import { Store } from '../sources/store.ts';
import type { Logger } from '../lib/logger.ts';
import type { RunOptions } from './options.ts';
import { Program, type ClusterSide } from './program.ts';
import { KubeStatusWriter } from './status-writer.ts';
import { programVersion } from './version.ts';

/**
 * Puts the program together from its options and runs it until SIGTERM or SIGINT; a second signal
 * ends it at once. @throws Fault when it cannot start.
 */
export async function startProgram(options: RunOptions, onReady: () => void): Promise<void> {
  const logger = createLogger(options.logFormat, options.logLevel);
  const store = new Store();
  const { sources, cluster } = await createSources(options, store, logger);
  const program = new Program(options, logger, store, sources, cluster);
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    // A person who presses Ctrl-C twice will not wait for the requests to end.
    if (stop.signal.aborted) process.kill(process.pid, 'SIGKILL');
    logger.info('ending', { signal });
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await program.run(stop.signal, () => {
      const { httpPort, httpsPort } = options.engine;
      logger.info('ready', { http: httpPort, https: httpsPort, api: options.apiAddress });
      onReady();
    });
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

interface Surroundings {
  readonly sources: readonly Source[];
  readonly cluster: ClusterSide | undefined;
}

async function createSources(options: RunOptions, store: Store, logger: Logger): Promise<Surroundings> {
  const { source } = options;
  const names = new NameSource({ store, logger });
  if (source.kind === 'manifests') {
    return { sources: [new ManifestSource({ directory: source.directory, store, logger }), names], cluster: undefined };
  }
  const config =
    source.kubeconfig === undefined ? await loadInClusterConfig() : await loadKubeconfig(source.kubeconfig);
  const client = new KubeClient({ config, logger, userAgent: `sluice/${programVersion()}` });
  logger.info('following the API server', { server: config.server.href, credentials: config.origin });
  return {
    sources: [new ClusterSource({ client, store }), names],
    cluster: createClusterSide(client, store, logger, options.leaseNamespace ?? config.namespace),
  };
}

function createClusterSide(client: KubeClient, store: Store, logger: Logger, namespace: string): ClusterSide {
  // A new identity for every start: a process that was killed must not be taken for its successor.
  const identity = `${hostname()}_${randomUUID()}`;
  const plane = new StatusPlane(new KubeStatusWriter(client, hostname(), logger, (finding) => uidOf(finding, store)));
  const elector = client.leaderElector({
    lease: { namespace, name: 'sluice-leader' },
    identity,
    onStartedLeading: () => plane.lead(true),
    onStoppedLeading: () => plane.lead(false),
  });
  return { plane, elect: (signal) => elector.run(signal) };
}

function uidOf({ object }: Finding, store: Store): string | undefined {
  const { ingresses, ingressClasses, services, secrets } = store.snapshot;
  const key = keyOf(object);
  switch (object.kind) {
    case 'Ingress':
      return ingresses.get(key)?.meta.uid;
    case 'IngressClass':
      return ingressClasses.get(key)?.meta.uid;
    case 'Service':
      return services.get(key)?.meta.uid;
    case 'Secret':
      return secrets.get(key)?.meta.uid;
    case 'EndpointSlice':
    case 'Endpoints':
    case 'Manifest':
    case 'Node':
      return undefined;
  }
}
