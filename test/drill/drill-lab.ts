import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { Network } from '../netns/network.ts';
import { addressOf, NODES, type NodeName } from '../netns/topology.ts';
import { AddressMonitor } from './address-monitor.ts';
import { Asking } from './asking.ts';
import { REAL_TIME } from './real-time.ts';

const HERE = import.meta.dirname;
const SLUICE = join(HERE, '..', '..', 'bin', 'sluice');
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const ENDPOINT_PORT = 5353;

/** Which address is asked, on port 80. */
export const VIP = '10.90.0.200';

/** Every 10 ms, as a busy client would. */
const ASK_EVERY_MS = 10;
const DEADLINE_MS = 60_000;

/**
 * Three nodes with `sluice run --manifests --announce` on one segment, and a client that asks an address. The asked Service has
 * externalTrafficPolicy Local and an endpoint on each node, so that an answer names the node by which it came, and a node whose processes
 * stand still answers nothing. The others have policy Cluster; nobody asks them.
 */
export class DrillLab {
  readonly network: Network;
  readonly count: number;
  readonly #folder: string;
  readonly #servers = new Map<NodeName, ChildProcess>();
  readonly #programs = new Map<NodeName, ChildProcess>();

  private constructor(network: Network, folder: string, count: number) {
    this.network = network;
    this.#folder = folder;
    this.count = count;
  }

  /** @param count how many Services there are, each with an address: one that is asked, and others that move with it */
  static async create(count: number): Promise<DrillLab> {
    const network = await Network.create();
    const folder = await mkdtemp(join(tmpdir(), 'sluice-drill-'));
    const lab = new DrillLab(network, folder, count);
    await mkdir(join(folder, 'manifests'));
    await lab.writeServices();
    await lab.setEligible(NODES);
    for (const node of NODES) lab.start(node);
    return lab;
  }

  /** Starts what is not running on a node: its endpoint and Sluice. */
  start(node: NodeName): void {
    if (!isRunning(this.#servers.get(node))) {
      const server = [join(HERE, 'server.ts'), node, addressOf(node, 'IPv4'), String(ENDPOINT_PORT)];
      this.#servers.set(node, this.#spawn(node, [...REAL_TIME, process.execPath, ...server]));
    }
    if (isRunning(this.#programs.get(node))) return;
    const log = openSync(this.logOf(node), 'a');
    this.#programs.set(node, this.#spawn(node, [SLUICE, 'run', ...this.#flags(node)], log));
    closeSync(log);
  }

  logOf(node: NodeName): string {
    return join(this.#folder, `${node}.log`);
  }

  stateDirectory(node: NodeName): string {
    return join(this.#folder, node);
  }

  /** Ends Sluice alone. */
  async end(node: NodeName, signal: NodeJS.Signals): Promise<void> {
    const program = this.#programs.get(node);
    if (program === undefined || !isRunning(program)) return;
    program.kill(signal);
    await once(program, 'exit');
  }

  async hasKeepalived(node: NodeName): Promise<boolean> {
    const pid = await this.keepalivedPid(node).catch(() => undefined);
    if (pid === undefined) return false;
    return (await readFile(`/proc/${String(pid)}/comm`, 'utf8').catch(() => '')).trim() === 'keepalived';
  }

  /** keepalived, not its child. */
  async keepalivedPid(node: NodeName): Promise<number> {
    return Number(await readFile(join(this.stateDirectory(node), 'announce', 'keepalived.pid'), 'utf8'));
  }

  /** Every process of a node, but those that only look at it. */
  async pids(node: NodeName): Promise<readonly number[]> {
    const { stdout } = await promisify(execFile)('ip', ['netns', 'pids', `${this.network.prefix}${node}`]);
    const pids = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
    const names = await Promise.all(pids.map((pid) => readFile(`/proc/${String(pid)}/comm`, 'utf8').catch(() => 'ip')));
    return pids.filter((_, index) => names[index]?.trim() !== 'ip');
  }

  /** Says which nodes may have addresses, as `kubectl label node` would; the others are being drained. */
  async setEligible(eligible: readonly NodeName[]): Promise<void> {
    const items = NODES.map((name) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: eligible.includes(name) ? {} : { [EXCLUDED_LABEL]: '' } },
      spec: {},
      status: { addresses: [{ type: 'InternalIP', address: addressOf(name, 'IPv4') }] },
    }));
    await this.#write('nodes', items);
  }

  /** Writes the first of the Services into the folder; all of them where nothing is said. */
  async writeServices(count = this.count): Promise<void> {
    await this.#write('services', Array.from({ length: count }, (_, index) => serviceObjects(index)).flat());
  }

  /** Has one node answer for every address, with the others ready to take them. */
  async gatherOn(node: NodeName): Promise<void> {
    const others = NODES.filter((other) => other !== node);
    // A node whose processes were killed has its addresses bound until they are there again.
    const isAlone = async (): Promise<boolean> => {
      const counts = await Promise.all([node, ...others].map((each) => this.bound(each)));
      return counts[0] === this.count && counts.slice(1).every((count) => count === 0);
    };
    await this.setEligible([node]);
    await this.until(`all addresses on ${node}, and none elsewhere`, isAlone);
    await this.setEligible(NODES);
    await this.until('the others to be eligible', async () => {
      const files = others.map((other) => join(this.stateDirectory(other), 'announce', 'node.eligible'));
      const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
      return texts.every((text) => text === '0\n');
    });
    // Whose keepalived is not there yet takes nothing over.
    await this.until('keepalived on all nodes', async () =>
      (await Promise.all([node, ...others].map((each) => this.hasKeepalived(each)))).every(Boolean),
    );
    // Longer than an election.
    await pause(600);
    if (!(await isAlone())) await this.gatherOn(node);
  }

  /** How many addresses of Services a node has. */
  async bound(node: NodeName): Promise<number> {
    const shown = await this.network.command(node, [
      'ip',
      '-o',
      '-4',
      'address',
      'show',
      'dev',
      'eth0',
      'scope',
      'global',
    ]);
    return [...shown.matchAll(/ inet (\S+)\/32 /g)].length;
  }

  async owners(address = VIP): Promise<readonly NodeName[]> {
    const owned = await Promise.all(
      NODES.map(async (node) =>
        (await this.network.command(node, ['ip', '-o', '-4', 'address', 'show'])).includes(` ${address}/32 `)
          ? [node]
          : [],
      ),
    );
    return owned.flat();
  }

  /** A client that begins to ask. */
  async ask(address = VIP): Promise<Asking> {
    const client = [join(HERE, 'client.ts'), address, '80', String(ASK_EVERY_MS)];
    const child = spawn('nsenter', [`--net=${this.network.file('ext')}`, ...REAL_TIME, process.execPath, ...client], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const asking = new Asking(child);
    await this.until('the first answer', () => Promise.resolve(asking.hasAnswer));
    return asking;
  }

  /** Follows the addresses of all nodes. */
  async follow(): Promise<AddressMonitor> {
    const monitor = new AddressMonitor(NODES.map((node) => [node, this.network.file(node)]));
    // A process that has begun does not listen yet: it has seen this one come when it does.
    const sign = ['169.254.99.99/32', 'dev', 'lo'];
    for (const node of NODES)
      await this.until(`${node} to be followed`, async () => {
        await this.network.command(node, ['ip', 'address', 'replace', ...sign]);
        await this.network.command(node, ['ip', 'address', 'del', ...sign]);
        return monitor.changes.some((change) => change.node === node);
      });
    return monitor;
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + DEADLINE_MS;
    while (!(await holds())) {
      if (performance.now() > deadlineMs) throw new Error(`waited in vain for: ${what}\n${await this.#logTails()}`);
      await pause(20);
    }
  }

  async remove(): Promise<void> {
    for (const node of NODES) for (const pid of await this.pids(node)) signalProcess(pid, 'SIGKILL');
    await this.until('the end of all processes', async () => {
      const pids = await Promise.all(NODES.map((node) => this.pids(node)));
      return pids.flat().length === 0;
    });
    await this.network.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #flags(node: NodeName): readonly string[] {
    return [
      `--manifests=${join(this.#folder, 'manifests')}`,
      `--state-dir=${this.stateDirectory(node)}`,
      `--node-name=${node}`,
      '--role=node',
      '--announce',
      '--pool=10.90.0.200-10.90.0.200,10.91.0.1-10.91.15.254',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--cluster-cidr=10.80.0.0/16',
      '--healthz-address=none',
      '--api-address=127.0.0.1:9901',
    ];
  }

  async #write(name: string, items: readonly unknown[]): Promise<void> {
    const file = join(this.#folder, 'manifests', `${name}.json`);
    await writeFile(`${file}.new`, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await rename(`${file}.new`, file);
  }

  #spawn(node: NodeName, command: readonly string[], log: number | 'ignore' = 'ignore'): ChildProcess {
    return spawn('nsenter', [`--net=${this.network.file(node)}`, ...command], { stdio: ['pipe', log, log] });
  }

  async #logTails(): Promise<string> {
    const texts = await Promise.all(
      NODES.map(async (node) => {
        const log = await readFile(this.logOf(node), 'utf8').catch(() => '');
        return `${node} has ${String(await this.bound(node))} addresses\n${log.split('\n').slice(-6).join('\n')}`;
      }),
    );
    return texts.join('\n---\n');
  }
}

function serviceObjects(index: number): readonly unknown[] {
  const name = `s${String(index)}`;
  const isAsked = index === 0;
  const ports = ['TCP', 'UDP'].map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    targetPort: ENDPOINT_PORT,
  }));
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name,
        namespace: 'default',
        annotations: isAsked ? { 'metallb.io/loadBalancerIPs': VIP } : {},
      },
      spec: {
        type: 'LoadBalancer',
        externalTrafficPolicy: isAsked ? 'Local' : 'Cluster',
        allocateLoadBalancerNodePorts: false,
        ports,
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: ports.map((port) => ({ name: port.name, protocol: port.protocol, port: ENDPOINT_PORT })),
      endpoints: NODES.map((node) => ({
        addresses: [addressOf(node, 'IPv4')],
        nodeName: node,
        conditions: { ready: true },
      })),
    },
  ];
}

function isRunning(child: ChildProcess | undefined): boolean {
  return child?.exitCode === null && child.signalCode === null;
}
