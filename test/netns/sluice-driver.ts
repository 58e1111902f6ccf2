import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Component } from '../cluster/component.ts';
import type { Agent } from './agent.ts';
import { LabApiServer } from './api-server.ts';
import type { Driver, DriverOptions, LocalDetection } from './driver.ts';
import type { Network } from './network.ts';
import type { DesiredChange } from './objects.ts';
import { CLUSTER_CIDRS, FAMILIES, NODES, SERVICE_CIDRS, type NodeName } from './topology.ts';

const SLUICE = join(import.meta.dirname, '..', '..', 'bin', 'sluice');

/** Where Sluice's API listens, in the namespace of each node. */
export const API_URL = 'http://127.0.0.1:9901';

/** Takes the desired state to where Sluice reads it. */
interface Delivery {
  readonly server?: LabApiServer;
  readonly flags: readonly string[];
  write(change: DesiredChange): Promise<void>;
  stop(): Promise<void>;
}

export interface SluiceOptions extends DriverOptions {
  /** From a real API server instead of a folder of manifests: a new one, or one that is there already and stays. */
  readonly apiServer?: 'new' | LabApiServer;
  /** Files that are applied to a new API server before anything reads from it. */
  readonly manifests?: readonly string[];
  /** As whom the nodes speak to a new API server, in the namespace sluice-system; by default they may do anything. */
  readonly serviceAccount?: string;
  /** Besides those that every Sluice of the lab has. */
  readonly flags?: readonly string[];
}

/** `sluice run --role node` on every node. */
export class SluiceDriver implements Driver {
  readonly name = 'sluice';
  readonly #delivery: Delivery;
  readonly #folder: string;
  readonly #programOn: (node: NodeName, leftOut: readonly string[]) => Component;
  readonly #programs: Map<NodeName, Component>;

  private constructor(
    delivery: Delivery,
    folder: string,
    programOn: (node: NodeName, leftOut: readonly string[]) => Component,
  ) {
    this.#delivery = delivery;
    this.#folder = folder;
    this.#programOn = programOn;
    this.#programs = new Map(NODES.map((node) => [node, programOn(node, [])]));
  }

  static async create(
    network: Network,
    agents: ReadonlyMap<NodeName, Agent>,
    {
      apiServer,
      flags = [],
      manifests: files = [],
      serviceAccount,
      detection = { mode: 'ClusterCIDR' },
    }: SluiceOptions = {},
  ): Promise<SluiceDriver> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-lab-'));
    const delivery =
      apiServer === undefined
        ? await manifests(join(folder, 'manifests'))
        : await cluster(agents, apiServer, files, serviceAccount);
    const programOn = (node: NodeName, leftOut: readonly string[]): Component => {
      const readyz = { kind: 'http', url: `${API_URL}/readyz` } as const;
      const own = [`--node-name=${node}`, `--state-dir=${join(folder, node)}`];
      return new Component({
        name: `sluice on ${node}`,
        command: 'nsenter',
        args: [
          `--net=${network.file(node)}`,
          SLUICE,
          'run',
          ...FLAGS,
          ...flagsOf(detection),
          ...delivery.flags,
          ...own,
          ...flags.filter((flag) => !leftOut.includes(flag)),
        ],
        logFile: join(folder, `${node}.log`),
        isReady: async () => (await agents.get(node)?.ask<'http'>(readyz))?.status === 200,
      });
    };
    return new SluiceDriver(delivery, folder, programOn);
  }

  get apiServer(): LabApiServer | undefined {
    return this.#delivery.server;
  }

  stateDirectory(node: NodeName): string {
    return join(this.#folder, node);
  }

  async start(): Promise<void> {
    await Promise.all(NODES.map((node) => this.startNode(node)));
  }

  write(change: DesiredChange): Promise<void> {
    return this.#delivery.write(change);
  }

  async stopNode(node: NodeName, signal: NodeJS.Signals): Promise<void> {
    await this.#programs.get(node)?.kill(signal);
  }

  async startNode(node: NodeName): Promise<void> {
    await this.#programs.get(node)?.start();
  }

  /** Ends the program of a node and starts it again without some of the flags that the lab was given, or with all of them. */
  async restartNode(node: NodeName, leftOut: readonly string[] = []): Promise<void> {
    await this.stopNode(node, 'SIGTERM');
    this.#programs.set(node, this.#programOn(node, leftOut));
    await this.startNode(node);
  }

  async stop(): Promise<void> {
    await Promise.all(NODES.map((node) => this.stopNode(node, 'SIGKILL')));
    await this.#delivery.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async logTails(): Promise<string> {
    return (await Promise.all([...this.#programs.values()].map((program) => program.logTail()))).join('\n');
  }
}

const FLAGS = [
  '--role=node',
  '--external-ips=allow',
  '--healthz-address=0.0.0.0:10256',
  `--api-address=${new URL(API_URL).host}`,
  '--log-format=json',
];

function flagsOf(detection: LocalDetection): readonly string[] {
  const mode = `--detect-local-mode=${detection.mode}`;
  if (detection.mode === 'BridgeInterface') return [mode, `--pod-bridge-interface=${detection.interface}`];
  if (detection.mode === 'InterfaceNamePrefix') return [mode, `--pod-interface-name-prefix=${detection.prefix}`];
  return detection.mode === 'ClusterCIDR' ? [mode, `--cluster-cidr=${CLUSTER_CIDRS}`] : [mode];
}

/**
 * All objects in one file that is replaced as a whole: whoever sees the last of a change has seen all of it, which
 * `Lab.settle` builds on.
 */
async function manifests(folder: string): Promise<Delivery> {
  await mkdir(folder);
  const file = join(folder, 'lab.json');
  return {
    flags: [
      `--manifests=${folder}`,
      `--service-cluster-ip-range=${FAMILIES.map((family) => SERVICE_CIDRS[family]).join(',')}`,
    ],
    write: async ({ all }) => {
      await writeFile(`${file}.new`, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: all }));
      await rename(`${file}.new`, file);
    },
    stop: () => Promise.resolve(),
  };
}

async function cluster(
  agents: ReadonlyMap<NodeName, Agent>,
  chosen: 'new' | LabApiServer,
  files: readonly string[],
  serviceAccount: string | undefined,
): Promise<Delivery> {
  const server = chosen === 'new' ? await LabApiServer.start([...agents.values()]) : chosen;
  for (const file of files) await server.controlPlane.kubectl(['apply', '--server-side', '-f', file]);
  const { controlPlane } = server;
  const kubeconfig =
    serviceAccount === undefined
      ? server.kubeconfig
      : await controlPlane.serviceAccountKubeconfig('sluice-system', serviceAccount, 3_600);
  return {
    server,
    flags: ['--kubeconfig', kubeconfig],
    write: (change) => server.write(change),
    stop: () => (chosen === 'new' ? server.stop() : Promise.resolve()),
  };
}
