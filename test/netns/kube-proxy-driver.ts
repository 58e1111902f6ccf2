import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterAssets } from '../cluster/assets.ts';
import { Component } from '../cluster/component.ts';
import type { Agent } from './agent.ts';
import { LabApiServer } from './api-server.ts';
import type { Driver, DriverOptions, LocalDetection } from './driver.ts';
import type { Network } from './network.ts';
import type { DesiredChange } from './objects.ts';
import { CLUSTER_CIDRS, NODES, type NodeName } from './topology.ts';

/** kube-proxy in nftables mode on every node, with the API server that it needs. */
export class KubeProxyDriver implements Driver {
  readonly name = 'kube-proxy';
  readonly #server: LabApiServer;
  readonly #folder: string;
  readonly #proxies: ReadonlyMap<NodeName, Component>;

  private constructor(server: LabApiServer, folder: string, proxies: ReadonlyMap<NodeName, Component>) {
    this.#server = server;
    this.#folder = folder;
    this.#proxies = proxies;
  }

  static async create(
    network: Network,
    agents: ReadonlyMap<NodeName, Agent>,
    { detection = { mode: 'ClusterCIDR' } }: DriverOptions = {},
  ): Promise<KubeProxyDriver> {
    const { kubeProxy } = await clusterAssets({ with: ['kube-proxy'] });
    if (kubeProxy === undefined) throw new Error('there is no kube-proxy');
    const server = await LabApiServer.start([...agents.values()]);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-lab-kube-proxy-'));
    const proxies = new Map<NodeName, Component>();
    for (const node of NODES) {
      const configFile = join(folder, `${node}.json`);
      await writeFile(configFile, JSON.stringify(configOf(node, server.kubeconfig, detection)));
      const healthz = { kind: 'http', url: 'http://127.0.0.1:10256/healthz' } as const;
      const component = new Component({
        name: `kube-proxy on ${node}`,
        command: 'nsenter',
        args: [`--net=${network.file(node)}`, kubeProxy, `--config=${configFile}`, '--v=2'],
        logFile: join(folder, `${node}.log`),
        isReady: async () => (await agents.get(node)?.ask<'http'>(healthz))?.status === 200,
      });
      proxies.set(node, component);
    }
    return new KubeProxyDriver(server, folder, proxies);
  }

  get apiServer(): LabApiServer {
    return this.#server;
  }

  async start(): Promise<void> {
    await Promise.all(NODES.map((node) => this.startNode(node)));
  }

  write(change: DesiredChange): Promise<void> {
    return this.#server.write(change);
  }

  async stopNode(node: NodeName, signal: NodeJS.Signals): Promise<void> {
    await this.#proxies.get(node)?.kill(signal);
  }

  async startNode(node: NodeName): Promise<void> {
    await this.#proxies.get(node)?.start();
  }

  async stop(): Promise<void> {
    await Promise.all(NODES.map((node) => this.stopNode(node, 'SIGKILL')));
    await this.#server.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async logTails(): Promise<string> {
    return (await Promise.all([...this.#proxies.values()].map((proxy) => proxy.logTail()))).join('\n');
  }
}

function configOf(node: NodeName, kubeconfig: string, detection: LocalDetection): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig },
    hostnameOverride: node,
    clusterCIDR: CLUSTER_CIDRS,
    detectLocalMode: detection.mode,
    detectLocal: {
      ...(detection.mode === 'BridgeInterface' && { bridgeInterface: detection.interface }),
      ...(detection.mode === 'InterfaceNamePrefix' && { interfaceNamePrefix: detection.prefix }),
    },
    nodePortAddresses: ['primary'],
    // A namespace may not set the limits of conntrack, which are the machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    // Changes at once: the tests are about what is programmed, not about when. It takes 0s for "not said", which is 1 s.
    nftables: { minSyncPeriod: '1ns', syncPeriod: '30s' },
    healthzBindAddress: '0.0.0.0:10256',
    metricsBindAddress: '127.0.0.1:10249',
  };
}
