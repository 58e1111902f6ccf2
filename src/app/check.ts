import { Compiler } from '../compile/compiler.ts';
import type { Plan } from '../compile/plan.ts';
import { NO_NODE_FACTS, type CompileSettings } from '../compile/settings.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import { silentLogger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { KubeClient } from '../kube/client.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import type { Finding } from '../model/finding.ts';
import { keyOf, type Origin } from '../model/object.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { findingsOf, routeRows } from '../observe/views.ts';
import { ClusterSource } from '../sources/cluster/cluster-source.ts';
import { NameSource } from '../sources/dns/name-source.ts';
import type { Source } from '../sources/source.ts';
import { readManifests } from '../sources/manifests/manifest-source.ts';
import { Store } from '../sources/store.ts';
import { programVersion } from './version.ts';

/** What `sluice check` found. */
export interface CheckReport {
  readonly objects: number;
  readonly routes: number;
  /** `place` is `file:line`, relative to the folder. */
  readonly findings: readonly { readonly finding: Finding; readonly place: string }[];
}

/** What the manifests of a folder are compiled with when nothing is said. */
export const STANDALONE_SETTINGS: CompileSettings = {
  mode: 'standalone',
  ingressClass: 'sluice',
  isIngressClassExplicit: false,
  watchIngressWithoutClass: false,
  defaultBackendService: undefined,
  defaultCertificateSecret: undefined,
  sslRedirect: true,
  publishService: undefined,
  publishAddresses: [],
  l4: undefined,
  allocation: undefined,
};

/** Reads and compiles a folder without serving it. @throws Fault when it cannot be read. */
export async function checkManifests(directory: string, ingressClass: string | undefined): Promise<CheckReport> {
  const store = new Store();
  try {
    await readManifests(directory, store);
  } catch (cause) {
    throw new Fault('manifests', `cannot read ${directory}: ${messageOf(cause)}`, { cause, retryable: false });
  }
  const { snapshot } = store;
  return reportOf(
    snapshot,
    new Compiler(settingsFor('standalone', ingressClass)).compile(snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS }),
  );
}

/** How long the API server may take to send everything, in milliseconds. */
const CLUSTER_DEADLINE_MS = 60_000;

/** Reads and compiles what an API server has, without serving it. @throws Fault when it does not answer in time. */
export async function checkCluster(kubeconfig: string, ingressClass: string | undefined): Promise<CheckReport> {
  const store = new Store();
  const compiler = new Compiler(settingsFor('cluster', ingressClass));
  const config = await loadKubeconfig(kubeconfig);
  const client = new KubeClient({ config, logger: silentLogger, userAgent: `sluice/${programVersion()}` });
  const sources = [
    new ClusterSource({ client, store, interest: { hasRouting: true, nodeName: undefined } }),
    new NameSource({ store, logger: silentLogger }),
  ];
  const stop = new AbortController();
  const running = sources.map((source) => source.run(stop.signal, () => {}));
  const deadlineMs = performance.now() + CLUSTER_DEADLINE_MS;
  try {
    for (;;) {
      const plan = compiler.compile(store.snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS });
      // What the plan wants (Secrets, names) makes a source that was synced sync again.
      for (const source of sources) source.want({ secrets: plan.wantedSecrets, names: plan.wantedNames });
      if (sources.every((source) => source.state.kind === 'synced')) return reportOf(store.snapshot, plan);
      if (performance.now() > deadlineMs)
        throw new Fault('api-server', `${config.server.href} does not send everything: ${describe(sources)}`);
      await sleep(50);
    }
  } finally {
    stop.abort();
    await Promise.allSettled(running);
    client.close();
  }
}

function describe(sources: readonly Source[]): string {
  return sources
    .map(({ name, state }) => `${name} is ${state.kind === 'stale' ? state.reason : state.kind}`)
    .join(', ');
}

function settingsFor(mode: CompileSettings['mode'], ingressClass: string | undefined): CompileSettings {
  const settings = { ...STANDALONE_SETTINGS, mode };
  return ingressClass === undefined ? settings : { ...settings, ingressClass, isIngressClassExplicit: true };
}

function reportOf(snapshot: Snapshot, plan: Plan): CheckReport {
  return {
    objects: countObjects(snapshot),
    routes: routeRows(plan).length,
    findings: findingsOf(plan).map((finding) => ({ finding, place: placeOf(finding, snapshot) })),
  };
}

function countObjects(snapshot: Snapshot): number {
  const { ingresses, ingressClasses, services, endpointSlices, secrets } = snapshot;
  return [ingresses, ingressClasses, services, endpointSlices, secrets].reduce((sum, table) => sum + table.size, 0);
}

function placeOf(finding: Finding, snapshot: Snapshot): string {
  const { object } = finding;
  if (object.kind === 'Manifest') return object.name;
  const origin = originOf(finding, snapshot);
  return origin?.kind === 'file' ? `${origin.path}:${String(origin.line)}` : keyOf(object);
}

function originOf({ object }: Finding, snapshot: Snapshot): Origin | undefined {
  const key = keyOf(object);
  switch (object.kind) {
    case 'Ingress':
      return snapshot.ingresses.get(key)?.meta.origin;
    case 'IngressClass':
      return snapshot.ingressClasses.get(key)?.meta.origin;
    case 'Service':
      return snapshot.services.get(key)?.meta.origin;
    case 'EndpointSlice':
      return snapshot.endpointSlices.get(key)?.meta.origin;
    case 'Endpoints':
      return snapshot.endpointSlices.get(`endpoints:${key}`)?.meta.origin;
    case 'Secret':
      return snapshot.secrets.get(key)?.meta.origin;
    case 'Node':
      return snapshot.nodes.get(key)?.meta.origin;
    case 'Manifest':
      return undefined;
  }
}
