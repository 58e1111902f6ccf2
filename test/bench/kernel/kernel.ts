/** Service traffic in the kernel: how fast it goes, and how fast it changes, beside no translation at all and kube-proxy. */
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterAssets } from '../../cluster/assets.ts';
import { formatMarkdown, type Row } from '../report.ts';
import { CONNECT_HEADINGS, measureWays, type Way } from './connects.ts';
import { endpointTargets, Lanes, lookUpOne, serviceTargets, trackOnly, translateOne, type Lane } from './lanes.ts';
import { LOAD_HEADINGS, CHANGE_HEADINGS, USAGE_HEADINGS, changeRow, loadRow, usageRow } from './tables.ts';
import type { Agent, Measured } from './measured.ts';
import type { ProgrammingCalls } from './programming.ts';
import type { NodeCalls } from './proxied-node.ts';
import type { ProxyChoice } from './proxy.ts';
import { Remote } from './remote.ts';
import { ENDPOINTS } from './synthetic-cluster.ts';
import { compileTraffic, serve } from './traffic.ts';

type ProxiedNode = Remote<keyof NodeCalls, NodeCalls>;

const SIZES: readonly number[] = [10, 1_000, 10_000, 50_000];

/** Above this kube-proxy's first sync alone would take longer than all the rest. */
const KUBE_PROXY_SERVICES = 10_000;
const KUBE_PROXY_START_LIMIT_MS = 100_000;
const SLUICE_START_LIMIT_MS = 60_000;

/** Where the agents are watched at work. */
const USAGE_SERVICES = 10_000;
const USAGE_SECONDS = 5;
const BUSY_CHANGES_PER_SECOND = 100;

const CHANGES = 300;
/** One endpoint changes, then the next, so far apart at most. */
const PAUSE_MS = 20;
const CHANGE_TIME_MS = 10_000;

const LANES = { direct: 0, tracked: 1, translated: 2, lookedUp: 3, sluice: 4, kubeProxy: 5, programming: 6 } as const;

/** Prints the tables. Without root or a C compiler it says so, and prints none. */
export async function benchKernel(
  progress: (text: string) => void,
  print: (markdown: string) => void,
  sizes: readonly number[] = SIZES,
): Promise<void> {
  if (process.getuid?.() !== 0) return progress('Service traffic in the kernel is left out: it needs root');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  let bench: KernelBench | undefined;
  try {
    const program = await compileTraffic(folder);
    if (program === undefined)
      return progress('Service traffic in the kernel is left out: there is no C compiler (package build-essential)');
    bench = await KernelBench.open(folder, program, progress);
    await bench.run(sizes, print);
  } finally {
    await bench?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class KernelBench {
  readonly #lanes: Lanes;
  readonly #stopServer: () => void;
  readonly #program: string;
  readonly #kubeProxy: string | undefined;
  readonly #folder: string;
  readonly #progress: (text: string) => void;

  private constructor(
    lanes: Lanes,
    stopServer: () => void,
    program: string,
    kubeProxy: string | undefined,
    folder: string,
    progress: (text: string) => void,
  ) {
    this.#lanes = lanes;
    this.#stopServer = stopServer;
    this.#program = program;
    this.#kubeProxy = kubeProxy;
    this.#folder = folder;
    this.#progress = progress;
  }

  static async open(folder: string, program: string, progress: (text: string) => void): Promise<KernelBench> {
    const { kubeProxy } = await clusterAssets({ with: ['kube-proxy'] });
    const lanes = await Lanes.open(Object.keys(LANES).length);
    const stopServer = await serve(program, lanes.server);
    await trackOnly(lanes.at(LANES.tracked));
    await translateOne(lanes.at(LANES.translated));
    return new KernelBench(lanes, stopServer, program, kubeProxy, folder, progress);
  }

  async run(sizes: readonly number[], print: (markdown: string) => void): Promise<void> {
    const connects: Row[] = [];
    const found: Measured[] = [];
    for (const services of sizes) {
      const { rows, measured } = await this.#measureSize(services);
      connects.push(...rows);
      found.push(measured);
    }
    print('\n## Connections\n\n');
    print(formatMarkdown(CONNECT_HEADINGS, connects));
    print('\n## Everything at once\n\n');
    print(formatMarkdown(LOAD_HEADINGS, found.map(loadRow)));
    print('\n## One endpoint changes\n\n');
    print(formatMarkdown(CHANGE_HEADINGS, found.map(changeRow)));
    const agents = found.flatMap(({ sluice, kubeProxy, eagerKubeProxy }) => [sluice, kubeProxy, eagerKubeProxy]);
    const usage = agents.flatMap((agent) => (agent?.usage === undefined ? [] : [usageRow(agent)]));
    print(`\n## What the programs use, at ${USAGE_SERVICES.toLocaleString('en')} Services\n\n`);
    print(formatMarkdown(USAGE_HEADINGS, usage));
  }

  async close(): Promise<void> {
    this.#stopServer();
    await this.#lanes.close();
  }

  async #measureSize(services: number): Promise<{ readonly rows: readonly Row[]; readonly measured: Measured }> {
    const size = services.toLocaleString('en');
    this.#progress(`${size} Services: Store, compile and plane`);
    const programming = await this.#measureProgramming(services);
    const sluiceNode = await this.#openNode(LANES.sluice, services);
    const kubeProxyNode = await this.#openNode(LANES.kubeProxy, services);
    this.#progress(`${size} Services: starting Sluice`);
    const sluiceMs = await sluiceNode.ask('start', { choice: { kind: 'sluice' }, limitMs: SLUICE_START_LIMIT_MS });
    if (sluiceMs === undefined) throw new Error('Sluice did not get ready');
    const kubeProxyMs = await this.#startKubeProxy(kubeProxyNode, services, '1s');
    const hasKubeProxy = kubeProxyMs !== undefined;
    await lookUpOne(this.#lanes.at(LANES.lookedUp), services);
    this.#progress(`${size} Services: connections`);
    const rows = await measureWays(this.#program, this.#lanes.client, services, this.#ways(services, hasKubeProxy));
    this.#progress(`${size} Services: changes`);
    const sluice = await measureAgent(sluiceNode, 'Sluice', sluiceMs, services);
    const kubeProxy = hasKubeProxy ? await measureAgent(kubeProxyNode, 'kube-proxy', kubeProxyMs, services) : undefined;
    const eagerMs = hasKubeProxy ? await this.#startKubeProxy(kubeProxyNode, services, '1ns') : undefined;
    const eagerKubeProxy =
      eagerMs === undefined
        ? undefined
        : await measureAgent(kubeProxyNode, 'kube-proxy, minSyncPeriod 1ns', eagerMs, services);
    await sluiceNode.close();
    await kubeProxyNode.close();
    await this.#lanes.at(LANES.kubeProxy).node.run(['nft', 'flush', 'ruleset']);
    return { rows, measured: { services, programming, sluice, kubeProxy, eagerKubeProxy } };
  }

  async #measureProgramming(services: number): Promise<ProgrammingCalls['measure']['reply']> {
    const { node } = this.#lanes.at(LANES.programming);
    const remote = new Remote<keyof ProgrammingCalls, ProgrammingCalls>(node, moduleAt('programming.ts'));
    const folder = await this.#subfolder('programming', services);
    const measured = await remote.ask('measure', { services, loads: 3, changes: CHANGES, folder });
    await remote.close();
    await node.run(['nft', 'flush', 'ruleset']);
    return measured;
  }

  async #openNode(lane: number, services: number): Promise<ProxiedNode> {
    const { node, space } = this.#lanes.at(lane);
    const remote = new Remote<keyof NodeCalls, NodeCalls>(node, moduleAt('proxied-node.ts'));
    const folder = await this.#subfolder(String(lane), services);
    await remote.ask('seed', { space, services, trafficProgram: this.#program, folder });
    return remote;
  }

  async #startKubeProxy(node: ProxiedNode, services: number, minSyncPeriod: string): Promise<number | undefined> {
    const size = services.toLocaleString('en');
    if (this.#kubeProxy === undefined || services > KUBE_PROXY_SERVICES) {
      this.#progress(`${size} Services: without kube-proxy, which takes too long to start`);
      return undefined;
    }
    this.#progress(`${size} Services: starting kube-proxy, minSyncPeriod ${minSyncPeriod}`);
    const choice: ProxyChoice = { kind: 'kube-proxy', program: this.#kubeProxy, minSyncPeriod };
    const startMs = await node.ask('start', { choice, limitMs: KUBE_PROXY_START_LIMIT_MS });
    if (startMs === undefined) this.#progress(`${size} Services: kube-proxy had not synced in time, and is left out`);
    return startMs;
  }

  #ways(services: number, hasKubeProxy: boolean): readonly Way[] {
    const lane = (name: keyof typeof LANES): Lane => this.#lanes.at(LANES[name]);
    const endpoints = services * ENDPOINTS;
    return [
      { name: 'no NAT, no conntrack', targets: endpointTargets(lane('direct'), endpoints) },
      { name: 'no NAT, conntrack', targets: endpointTargets(lane('tracked'), endpoints) },
      { name: 'one nft DNAT rule', targets: serviceTargets(lane('translated'), 1), isBase: true },
      { name: 'a map to one DNAT rule', targets: serviceTargets(lane('lookedUp'), services) },
      { name: 'Sluice', targets: serviceTargets(lane('sluice'), services) },
      ...(hasKubeProxy ? [{ name: 'kube-proxy', targets: serviceTargets(lane('kubeProxy'), services) }] : []),
    ];
  }

  async #subfolder(name: string, services: number): Promise<string> {
    const folder = join(this.#folder, `${name}-${String(services)}`);
    await mkdir(folder);
    return folder;
  }
}

async function measureAgent(node: ProxiedNode, name: string, startMs: number, services: number): Promise<Agent> {
  const changeMs = await node.ask('change', { changes: CHANGES, maxPauseMs: PAUSE_MS, forMs: CHANGE_TIME_MS });
  if (services !== USAGE_SERVICES) return { name, startMs, changeMs, usage: undefined };
  const idle = await node.ask('use', { seconds: USAGE_SECONDS, changesPerSecond: 0 });
  const busy = await node.ask('use', { seconds: USAGE_SECONDS, changesPerSecond: BUSY_CHANGES_PER_SECOND });
  return { name, startMs, changeMs, usage: { idle, busy } };
}

function moduleAt(name: string): string {
  return join(import.meta.dirname, name);
}
