import { hostname } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '../kube/client.ts';
import { loadInClusterConfig } from '../kube/config.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import { LogOutput } from '../observe/log-output.ts';
import { createLogger } from '../observe/logger.ts';
import { Metrics } from '../observe/metrics.ts';
import { ClusterSource } from '../sources/cluster/cluster-source.ts';
import { BGP_STATUS_FORM } from '../sources/cluster/bgp-status-form.ts';
import { L2_STATUS_FORM } from '../sources/cluster/l2-status-form.ts';
import { NodeStatuses, selectorOfNode, type NodeStatusForm } from '../sources/cluster/node-statuses.ts';
import { NameSource } from '../sources/dns/name-source.ts';
import type { Source } from '../sources/source.ts';
import { ManifestSource } from '../sources/manifests/manifest-source.ts';
import { selfSignedPem } from '../planes/l7/self-signed.ts';
import { readServedCertificates } from '../planes/l7/served-certificates.ts';
import { ServedBefore } from '../sources/served-before.ts';
import { Store } from '../sources/store.ts';
import type { Logger } from '../lib/logger.ts';
import type { PersistentMap } from '../lib/persistent-map.ts';
import type { NodeStatus, ObservedNodeStatus } from '../model/node-status.ts';
import { Announcer } from './announcer.ts';
import { BgpSpeaker } from './bgp-speaker.ts';
import { Controller } from './controller.ts';
import { crashOnceWritten } from './ending.ts';
import { KubeEventWriter } from './event-writer.ts';
import { GatewayReport } from './gateway-report.ts';
import { Gateway } from './gateway.ts';
import { listeningAddresses } from './interface-addresses.ts';
import { installationOf } from './installation.ts';
import { KubeNodeStatusWriter } from './node-status-writer.ts';
import { KubeNodeEvents } from './node-events.ts';
import { whyNoNode } from './node-possible.ts';
import { NodeRole } from './node.ts';
import type { RunOptions } from './options.ts';
import { Program } from './program.ts';
import { interestsOf, type Role } from './role.ts';
import { programVersion } from './version.ts';
import { withdrawUnwanted } from './withdrawal.ts';

/**
 * Puts the program together from its options and runs it until SIGTERM or SIGINT; a second signal
 * cuts the requests that still run, a third kills the program. @throws Fault when it cannot start.
 */
export async function startProgram(given: RunOptions, onReady: () => void): Promise<void> {
  const metrics = new Metrics();
  const logger = createProgramLogger(given, metrics);
  crashOnceWritten();
  for (const { argument, verdict, text } of given.replacedArguments)
    logger.info('an argument of ingress-nginx', { argument, verdict, text });
  const store = new Store();
  const options = await withPossibleRoles(given, logger);
  const { sources, cluster } = await createSources(options, store, logger);
  const createRoles = (): Promise<readonly Role[]> => rolesOf(options, { logger, metrics, store, cluster });
  const program = new Program(options, { logger, metrics, store, sources, createRoles });
  const stop = new AbortController();
  const cut = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (cut.signal.aborted) process.kill(process.pid, 'SIGKILL');
    // A person who presses Ctrl-C twice will not wait for the requests to end. HAProxy must not be left behind then.
    if (stop.signal.aborted) cut.abort();
    else
      logger.info('ending when the running requests have; a second signal cuts them', {
        signal,
        withinMs: drainLimitMs(options),
      });
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await program.run(stop.signal, cut.signal, () => {
      const { httpPort, httpsPort } = options.engine;
      const ports = options.roles.has('gateway') ? { http: httpPort, https: httpsPort } : {};
      logger.info('ready', { roles: [...options.roles].join(','), ...ports, api: options.apiAddress });
      onReady();
    });
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

function createProgramLogger({ logFormat, logLevel }: RunOptions, metrics: Metrics): Logger {
  const output = new LogOutput(process.stderr, {
    onDropped: (lines) => metrics.logDropped(lines),
    onReturn: (lines) => logger.warn('lines of this log were lost: nobody read them in time', { lines }),
  });
  const logger = createLogger(logFormat, logLevel, output);
  return logger;
}

function drainLimitMs({ shutdownDelayMs, drainMs, keepsServing, bgp, compile }: RunOptions): number {
  const withdrawnMs = compile.bgp === undefined ? 0 : bgp.drainMs;
  return Math.max(shutdownDelayMs, withdrawnMs) + (keepsServing ? 0 : drainMs);
}

/** Where nobody named the roles, the kernel is left alone if this machine does not let us program it; one line says why. */
async function withPossibleRoles(options: RunOptions, logger: Logger): Promise<RunOptions> {
  if (!options.roles.has('node') || options.areRolesExplicit) return options;
  const reason = await whyNoNode(options.node);
  if (reason === undefined) return options;
  logger.warn('Service traffic in the kernel is left out (role node)', { reason });
  const roles = new Set([...options.roles].filter((role) => role !== 'node'));
  return { ...options, roles, compile: { ...options.compile, l4: undefined, announce: undefined, bgp: undefined } };
}

/** The API server that a process follows, and the namespace it lives in there. */
interface Cluster {
  readonly client: KubeClient;
  readonly source: ClusterSource;
  readonly namespace: string;
}

interface Surroundings {
  readonly sources: readonly Source[];
  readonly cluster: Cluster | undefined;
}

async function createSources(options: RunOptions, store: Store, logger: Logger): Promise<Surroundings> {
  const { source, roles, compile } = options;
  const names = new NameSource({ store, logger });
  if (source.kind === 'manifests') {
    const memoryFile = join(options.stateDirectory, 'manifests.json');
    const manifests = new ManifestSource({ directory: source.directory, store, logger, memoryFile });
    return { sources: [manifests, names], cluster: undefined };
  }
  const config =
    source.kubeconfig === undefined
      ? await loadInClusterConfig()
      : await loadKubeconfig(source.kubeconfig.paths, { contextName: source.kubeconfig.context });
  const client = new KubeClient({ config, logger, userAgent: `sluice/${programVersion()}` });
  logger.info('following the API server', {
    server: config.server.href,
    credentials: config.origin,
    // Its host alone: a URL may have a password.
    ...(config.proxy !== undefined && { proxy: config.proxy.host }),
  });
  const interests = interestsOf({
    roles,
    nodeName: compile.l4?.nodeName,
    givesAddresses: compile.addresses !== undefined,
    announces: compile.announce !== undefined,
    speaksBgp: compile.bgp !== undefined,
    selectsNamespaces: compile.namespaceSelector !== undefined,
    hasGatewayApi: source.hasGatewayApi,
  });
  const cluster = new ClusterSource({ client, store, interests, namespaces: source.namespaces });
  return {
    sources: [cluster, names],
    cluster: { client, source: cluster, namespace: options.leaseNamespace ?? config.namespace },
  };
}

/**
 * What nodes say of the addresses that they announce: in the namespace that this process lives in.
 *
 * @param labelSelector of what is read; undefined: of all nodes
 */
function statusChannel<S extends NodeStatus>(
  { client, namespace }: Cluster,
  form: NodeStatusForm<S>,
  labelSelector: string | undefined,
  { store, logger, hasEvents }: { readonly store: Store; readonly logger: Logger; readonly hasEvents: boolean },
) {
  return {
    writer: new KubeNodeStatusWriter(client, namespace, store, form),
    events: hasEvents ? new KubeEventWriter(client, hostname(), store, logger) : undefined,
    follow: (onChange: (statuses: PersistentMap<ObservedNodeStatus<S>>) => void, signal: AbortSignal) =>
      new NodeStatuses({ client, namespace, logger, form, labelSelector, onChange }).run(signal),
    nodes: () => store.snapshot.nodes,
  };
}

interface RoleParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly cluster: Cluster | undefined;
}

/** Makes the roles, all of them or none. @throws Fault when one cannot start. */
async function rolesOf(options: RunOptions, parts: RoleParts): Promise<readonly Role[]> {
  const made: Role[] = [];
  try {
    for (const create of roleFactories(options, parts)) made.push(await create());
    return made;
  } catch (thrown) {
    for (const role of made) await role.release();
    throw thrown;
  }
}

async function servedBefore({ stateDirectory, compile }: RunOptions, logger: Logger): Promise<ServedBefore> {
  const fallback = { secret: compile.defaultCertificateSecret, selfSignedPem: await selfSignedPem(stateDirectory) };
  return new ServedBefore(await readServedCertificates(stateDirectory, fallback, logger));
}

/** Kinds that decide which Gateways and routes are ours. Others of Gateway API may be absent, or of an older release, and nothing waits for them. */
const DECIDING_KINDS = ['GatewayClass', 'Gateway', 'HTTPRoute', 'ReferenceGrant', 'Namespace'] as const;

function roleFactories(
  options: RunOptions,
  { logger, metrics, store, cluster }: RoleParts,
): readonly (() => Role | Promise<Role>)[] {
  const { roles, stateDirectory, compile, hasEvents } = options;
  const factories: (() => Role | Promise<Role>)[] = [];
  const installation = installationOf(compile.ingressClass, options.leaseName);
  let serves = Promise.resolve();
  if (roles.has('gateway')) {
    factories.push(async () => {
      const place = { endpoints: await listeningAddresses(options.engine.bindAddresses), nodeName: options.nodeName };
      const report =
        cluster === undefined ? undefined : new GatewayReport(cluster.client, cluster.namespace, installation, place);
      store.remember(await servedBefore(options, logger));
      const gateway = await Gateway.create(options, logger, metrics, report);
      ({ serves } = gateway);
      return gateway;
    });
  }
  if (roles.has('node') && compile.l4 !== undefined) {
    const { nodeName } = compile.l4;
    const writer =
      cluster === undefined || !hasEvents ? undefined : new KubeEventWriter(cluster.client, hostname(), store, logger);
    const events = writer === undefined ? undefined : new KubeNodeEvents(writer, nodeName, { logger, events: metrics });
    const hasApiServer = cluster !== undefined;
    const wanted = { announces: compile.announce !== undefined, speaksBgp: compile.bgp !== undefined };
    factories.push(async () => {
      const role = await NodeRole.create({
        options: options.node,
        stateDirectory,
        logger,
        metrics,
        hasApiServer,
        events,
      });
      // Not earlier: now no other Sluice is at work here.
      await withdrawUnwanted(stateDirectory, wanted, logger);
      return role;
    });
  }
  if (compile.announce !== undefined) {
    const { nodeName } = compile.announce;
    const channel =
      cluster === undefined
        ? undefined
        : statusChannel(cluster, L2_STATUS_FORM, undefined, { store, logger, hasEvents });
    const announcer = { options: options.announce, nodeName, stateDirectory, logger, metrics, channel };
    factories.push(() => Announcer.create(announcer));
  }
  if (compile.bgp !== undefined) {
    const { nodeName } = compile.bgp;
    const own = selectorOfNode(nodeName);
    const channel = cluster && statusChannel(cluster, BGP_STATUS_FORM, own, { store, logger, hasEvents });
    const speaker = { options: options.bgp, nodeName, stateDirectory, logger, metrics, channel };
    factories.push(() => BgpSpeaker.create(speaker));
  }
  // Standalone there is nowhere to write status to: `sluice get` shows it.
  if (roles.has('controller') && cluster !== undefined) {
    const { client, namespace, source } = cluster;
    const isGateway = roles.has('gateway');
    const hasReadClasses = (): boolean => source.hasRead('Ingress') && source.hasRead('IngressClass');
    const givesAddresses = compile.addresses !== undefined;
    const hasGatewayApi = options.source.kind === 'cluster' && options.source.hasGatewayApi;
    const hasReadGateways = (): boolean => DECIDING_KINDS.every((kind) => source.hasRead(kind));
    const common = { client, logger, metrics, store, installation, leaseNamespace: namespace, hasEvents, isGateway };
    factories.push(
      () =>
        new Controller({
          ...common,
          serves,
          hasReadClasses,
          writesIngressStatus: options.writesIngressStatus,
          givesAddresses,
          hasReadGateways: hasGatewayApi ? hasReadGateways : undefined,
        }),
    );
  }
  return factories;
}
