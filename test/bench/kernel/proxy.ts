import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnBound } from '../../cluster/bound-process.ts';
import { NODE_NAME } from './synthetic-cluster.ts';

/** A program that makes the kernel serve Services. */
export type ProxyChoice =
  | { readonly kind: 'sluice' }
  /** `minSyncPeriod` as kube-proxy's configuration has it. It takes `0s` for "not said", which is 1 s. */
  | { readonly kind: 'kube-proxy'; readonly program: string; readonly minSyncPeriod: string };

/** Where clients of Services are: pods of the cluster, so that neither program masquerades. */
const CLUSTER_CIDR = '10.0.0.0/8';

const SLUICE = join(import.meta.dirname, '..', '..', '..', 'bin', 'sluice');
const SLUICE_API = '127.0.0.1:9901';
const KUBE_PROXY_METRICS = '127.0.0.1:10249';

/** Sluice or kube-proxy in the network namespace of this process. */
export class Proxy {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #isProgrammed: () => Promise<boolean>;

  private constructor(child: ChildProcess, log: string, isProgrammed: () => Promise<boolean>) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.#log = log;
    this.#isProgrammed = isProgrammed;
  }

  static async start(choice: ProxyChoice, kubeconfig: string, folder: string): Promise<Proxy> {
    const logFile = join(folder, 'proxy.log');
    const log = await open(logFile, 'a');
    const [command, args] =
      choice.kind === 'sluice' ? sluice(kubeconfig, folder) : await kubeProxy(choice, kubeconfig, folder);
    const child = spawnBound(command, args, { stdio: ['ignore', log.fd, log.fd] });
    await once(child, 'spawn');
    await log.close();
    return new Proxy(child, logFile, choice.kind === 'sluice' ? isSluiceReady : hasKubeProxySynced);
  }

  /** Waits until everything that there was at the start is in the kernel. False when that takes longer than `limitMs`. */
  async untilProgrammed(limitMs: number): Promise<boolean> {
    const endMs = performance.now() + limitMs;
    while (performance.now() < endMs) {
      if (this.#child.exitCode !== null)
        throw new Error(`it ended:\n${(await readFile(this.#log, 'utf8')).slice(-3000)}`);
      if (await this.#isProgrammed().catch(() => false)) return true;
      await sleep(10);
    }
    return false;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

function sluice(kubeconfig: string, folder: string): readonly [string, readonly string[]] {
  const flags = [
    ['--role', 'node'],
    ['--kubeconfig', kubeconfig],
    ['--node-name', NODE_NAME],
    ['--cluster-cidr', CLUSTER_CIDR],
    ['--state-dir', join(folder, 'state')],
    ['--api-address', SLUICE_API],
  ];
  return [SLUICE, ['run', ...flags.flat()]];
}

async function isSluiceReady(): Promise<boolean> {
  return (await fetch(`http://${SLUICE_API}/readyz`)).ok;
}

async function kubeProxy(
  { program, minSyncPeriod }: Extract<ProxyChoice, { kind: 'kube-proxy' }>,
  kubeconfig: string,
  folder: string,
): Promise<readonly [string, readonly string[]]> {
  const file = join(folder, 'kube-proxy.json');
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig, contentType: 'application/json', acceptContentTypes: 'application/json' },
    hostnameOverride: NODE_NAME,
    clusterCIDR: CLUSTER_CIDR,
    detectLocalMode: 'ClusterCIDR',
    nodePortAddresses: ['primary'],
    // A namespace may not set the limits of conntrack, which are the machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    nftables: { minSyncPeriod },
    metricsBindAddress: KUBE_PROXY_METRICS,
  };
  await writeFile(file, JSON.stringify(config));
  return [program, [`--config=${file}`]];
}

/** It counts a sync when nft has ended well (pkg/proxy/nftables/proxier.go); the first is of everything. */
async function hasKubeProxySynced(): Promise<boolean> {
  const metrics = await (await fetch(`http://${KUBE_PROXY_METRICS}/metrics`)).text();
  return /^kubeproxy_sync_proxy_rules_last_timestamp_seconds\{ip_family="IPv4"\} [1-9]/m.test(metrics);
}
