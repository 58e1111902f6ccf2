import { join } from 'node:path';
import { Compiler } from '../compile/compiler.ts';
import type { Plan } from '../compile/plan.ts';
import { DEFAULT_CLASSES, NO_NODE_FACTS, type CompileSettings } from '../compile/settings.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import { silentLogger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { KubeClient } from '../kube/client.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import type { Finding } from '../model/finding.ts';
import { keyOf } from '../model/object.ts';
import { OBJECT_TABLES, type Snapshot } from '../model/snapshot.ts';
import { findingsOf, routeRows } from '../observe/views.ts';
import { ClusterSource } from '../sources/cluster/cluster-source.ts';
import { NameSource } from '../sources/dns/name-source.ts';
import type { Source } from '../sources/source.ts';
import { readManifests } from '../sources/manifests/manifest-source.ts';
import type { FileLine, ManifestPlaces } from '../sources/manifests/places.ts';
import { Store } from '../sources/store.ts';
import { defaultsOf } from './flags/flag.ts';
import { RUN_FLAGS, type RunFlags } from './flags/register.ts';
import type { KubeconfigChoice } from './options.ts';
import { listenerPortsOf } from './run-options.ts';
import { interestsOf } from './role.ts';
import { programVersion } from './version.ts';

/** What `sluice check` found. */
export interface CheckReport {
  readonly objects: number;
  readonly routes: number;
  readonly findings: readonly PlacedFinding[];
}

/** A Finding and where to mend it: `file:line` of the field, or the object's `namespace/name` where it stands in no file. */
export interface PlacedFinding {
  readonly finding: Finding;
  readonly place: string;
}

/** What the manifests of a folder are compiled with when nothing is said. */
export const STANDALONE_SETTINGS: CompileSettings = {
  ...defaultsOf(RUN_FLAGS.compile.flags),
  mode: 'standalone',
  ...DEFAULT_CLASSES,
  isIngressClassExplicit: false,
  allowsLocalExternalNames: true,
  publishAddresses: [],
  listenerPorts: listenerPortsOf(defaultsOf(RUN_FLAGS.engine.flags)),
  innerPorts: undefined,
  l4: undefined,
  allocation: undefined,
  addresses: undefined,
  recordedRouters: undefined,
  announce: undefined,
  bgp: undefined,
};

export interface CheckOptions {
  /** What the operator is going to serve the objects with. */
  readonly settings: CompileSettings;
  /** Called with what is waited for, when that takes more than a second and whenever it is something else. */
  readonly onWait: (what: string) => void;
  /** Called once, when everything has been read: what it puts into the Store is compiled as well, with what that refers to. */
  readonly amend?: (store: Store, plan: Plan) => void;
}

/** Objects that were read, and what follows from them. */
export interface ReadWorld {
  readonly snapshot: Snapshot;
  readonly plan: Plan;
}

/** Reads and compiles a folder without serving it. @throws Fault when it cannot be read. */
export async function checkManifests(directory: string, options: CheckOptions): Promise<CheckReport> {
  const { snapshot, plan, places } = await readFolder(directory, options);
  const placed = await reading(directory, () => inOrderOfFiles(directory, findingsOf(plan), places));
  return reportOf(snapshot, plan, placed);
}

/** What a folder holds, without serving it. @throws Fault when it cannot be read. */
export async function readFolder(
  directory: string,
  options: CheckOptions,
): Promise<ReadWorld & { readonly places: ManifestPlaces }> {
  const store = new Store();
  const places = await reading(directory, () => readManifests(directory, store));
  const compiler = new Compiler(options.settings);
  const plan = await compileWith([new NameSource({ store, logger: silentLogger })], store, compiler, options);
  return { snapshot: store.snapshot, plan, places };
}

async function reading<T>(directory: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new Fault('manifests', `cannot read ${directory}: ${messageOf(cause)}`, { cause, retryable: false });
  }
}

/** As a person goes through the files; what stands in none comes last. */
async function inOrderOfFiles(
  directory: string,
  findings: readonly Finding[],
  places: ManifestPlaces,
): Promise<readonly PlacedFinding[]> {
  const placed: { readonly finding: Finding; readonly at: FileLine | undefined }[] = [];
  for (const finding of findings) placed.push({ finding, at: await places.placeOf(finding) });
  const position = ({ at }: (typeof placed)[number]): readonly [string, number] => [
    at?.path ?? '\uffff',
    at?.line ?? 0,
  ];
  return placed
    .sort((a, b) => {
      const [[path, line], [otherPath, otherLine]] = [position(a), position(b)];
      return path === otherPath ? line - otherLine : path < otherPath ? -1 : 1;
    })
    .map(({ finding, at }) => ({
      finding,
      place: at === undefined ? keyOf(finding.object) : `${join(directory, at.path)}:${String(at.line)}`,
    }));
}

/** Reads and compiles what an API server has, without serving it. @throws Fault when it does not answer in time. */
export async function checkCluster(
  kubeconfig: KubeconfigChoice,
  source: Pick<RunFlags['source'], 'namespaces' | 'hasGatewayApi'>,
  options: CheckOptions,
): Promise<CheckReport> {
  const client = await clientFor(kubeconfig);
  try {
    const { snapshot, plan } = await readCluster(client, source, options);
    return reportOf(
      snapshot,
      plan,
      findingsOf(plan).map((finding) => ({ finding, place: keyOf(finding.object) })),
    );
  } finally {
    client.close();
  }
}

/** Whoever asked for it closes it. @throws Fault when the kubeconfig cannot be read. */
export async function clientFor({ paths, context }: KubeconfigChoice): Promise<KubeClient> {
  const config = await loadKubeconfig(paths, { contextName: context });
  return new KubeClient({ config, logger: silentLogger, userAgent: `sluice/${programVersion()}` });
}

/** What an API server has, without serving it. @throws Fault when it does not answer in time. */
export async function readCluster(
  client: KubeClient,
  { namespaces, hasGatewayApi }: Pick<RunFlags['source'], 'namespaces' | 'hasGatewayApi'>,
  options: CheckOptions,
): Promise<ReadWorld> {
  const store = new Store();
  const compiler = new Compiler(options.settings);
  const sources = [
    new ClusterSource({
      client,
      store,
      interests: interestsOf({
        roles: new Set(['gateway']),
        nodeName: undefined,
        givesAddresses: false,
        announces: false,
        speaksBgp: false,
        selectsNamespaces: options.settings.namespaceSelector !== undefined,
        hasGatewayApi,
      }),
      namespaces,
    }),
    new NameSource({ store, logger: silentLogger }),
  ];
  const plan = await compileWith(sources, store, compiler, options);
  return { snapshot: store.snapshot, plan };
}

/** How long the sources may take to send everything, in milliseconds. */
const SOURCES_DEADLINE_MS = 60_000;

/** How long a person waits without wondering, in milliseconds. */
const SILENCE_MS = 1_000;

/** Runs sources until all that the plan wants is there. @throws Fault when that takes too long. */
async function compileWith(
  sources: readonly Source[],
  store: Store,
  compiler: Compiler,
  { onWait, amend }: CheckOptions,
): Promise<Plan> {
  let isAmended = amend === undefined;
  const stop = new AbortController();
  const running = sources.map((source) => source.run(stop.signal, () => {}));
  const begunMs = performance.now();
  let told = '';
  try {
    for (;;) {
      const plan = compiler.compile(store.snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS });
      // What the plan wants (Secrets, names) makes a source that was synced sync again.
      for (const source of sources) source.want(plan.wants);
      if (sources.every((source) => source.state.kind === 'synced')) {
        if (isAmended) return plan;
        isAmended = true;
        amend?.(store, plan);
        continue;
      }
      const waitedMs = performance.now() - begunMs;
      const missing = describe(sources);
      if (waitedMs > SOURCES_DEADLINE_MS) throw new Fault('sources', `not everything came within a minute: ${missing}`);
      if (waitedMs > SILENCE_MS && missing !== told) {
        onWait(missing);
        told = missing;
      }
      await sleep(50);
    }
  } finally {
    stop.abort();
    await Promise.allSettled(running);
  }
}

/** What has not come yet, and why. */
function describe(sources: readonly Source[]): string {
  return sources
    .filter(({ state }) => state.kind !== 'synced')
    .map(({ name, state }) => (state.kind === 'stale' ? `${name}: ${state.reason}` : `${name} is ${state.kind}`))
    .join(', ');
}

function reportOf(snapshot: Snapshot, plan: Plan, findings: readonly PlacedFinding[]): CheckReport {
  return { objects: countObjects(snapshot), routes: routeRows(plan).length, findings };
}

function countObjects(snapshot: Snapshot): number {
  return OBJECT_TABLES.reduce((sum, table) => sum + snapshot[table].size, 0);
}
