import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AnnouncePlan, VirtualRouter } from '../../../src/compile/announce/announce-plan.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { PersistentMap } from '../../../src/lib/persistent-map.ts';
import type { ForeignOwner } from '../../../src/planes/announce/foreign-owners.ts';
import type { ForeignRouter } from '../../../src/planes/announce/foreign-routers.ts';
import { AnnouncePlane, type AnnouncePlaneOptions } from '../../../src/planes/announce/plane.ts';
import { ip } from '../../l4/snapshot-steps.ts';
import { Network } from '../network.ts';
import { NODES, type NodeName } from '../topology.ts';

const PORT = 5353;
const HERE = import.meta.dirname;
const NEVER = new AbortController().signal;

/** A virtual router with addresses of the segment; the first node is the one that would rather have it. */
export function router(
  name: string,
  id: number,
  addresses: readonly string[],
  rest: Partial<VirtualRouter> = {},
): VirtualRouter {
  return {
    name,
    interface: 'eth0',
    carrier: 4,
    id,
    priority: 100,
    takesBack: false,
    addresses: addresses.map(ip),
    isEligible: true,
    ...rest,
  };
}

export function planOf(routers: readonly VirtualRouter[], isNodeEligible = true): AnnouncePlan {
  return { routers: PersistentMap.from(routers.map((item) => [item.name, item])), isNodeEligible };
}

/** A client's answers from an address: when they were asked for, and who gave them. */
export interface Answer {
  readonly sentMs: number;
  readonly node: string;
}

/** Three nodes with the announce plane on one segment, and a client that asks their addresses. */
export class VipLab {
  readonly network: Network;
  readonly planes: ReadonlyMap<NodeName, AnnouncePlane>;
  readonly #folder: string;
  readonly #children: readonly ChildProcess[];

  private constructor(
    network: Network,
    planes: ReadonlyMap<NodeName, AnnouncePlane>,
    folder: string,
    children: readonly ChildProcess[],
  ) {
    this.network = network;
    this.planes = planes;
    this.#folder = folder;
    this.#children = children;
  }

  static async create(): Promise<VipLab> {
    const network = await Network.create();
    const folder = await mkdtemp(join(tmpdir(), 'sluice-vip-'));
    const children = NODES.map((node) => inPlace(network, node, [join(HERE, 'responder.ts'), node, String(PORT)]));
    const planes = new Map(NODES.map((node) => [node, planeOf(network, node, folder)] as const));
    return new VipLab(network, planes, folder, children);
  }

  plane(node: NodeName): AnnouncePlane {
    const plane = this.planes.get(node);
    if (plane === undefined) throw new Error(`there is no ${node}`);
    return plane;
  }

  /** Another program in the place of the one on a node, as after an upgrade. */
  successorOf(node: NodeName): AnnouncePlane {
    return planeOf(this.network, node, this.#folder);
  }

  /** Another program on a node, which listens for others before it uses a virtual router; and whom it has reported. */
  listenerOn(node: NodeName): {
    readonly plane: AnnouncePlane;
    readonly foreign: (readonly ForeignRouter[])[];
    readonly owners: (readonly ForeignOwner[])[];
  } {
    const foreign: (readonly ForeignRouter[])[] = [];
    const owners: (readonly ForeignOwner[])[] = [];
    const plane = planeOf(this.network, node, this.#folder, {
      listenMs: 1_500,
      probe: { waitMs: 500, rememberedS: 12 },
      onForeignOwners: (found) => void owners.push(found),
      onForeign: (found) => void foreign.push(found),
    });
    return { plane, foreign, owners };
  }

  folderOf(node: NodeName): string {
    return join(this.#folder, node);
  }

  /** Gives every node its plan; the priorities fall from the first to the last. */
  async apply(
    planFor: (node: NodeName, index: number) => AnnouncePlan,
    nodes: readonly NodeName[] = NODES,
  ): Promise<void> {
    await Promise.all(nodes.map((node) => this.plane(node).apply(planFor(node, NODES.indexOf(node)), NEVER)));
  }

  /** Whether an address is bound on a node. */
  async has(node: NodeName, address: string): Promise<boolean> {
    const shown = await this.network.command(node, ['ip', '-o', 'address', 'show']);
    return shown.includes(` ${address}/`);
  }

  /** The nodes that have an address bound. */
  async owners(address: string): Promise<readonly NodeName[]> {
    const bound = await Promise.all(NODES.map(async (node) => ((await this.has(node, address)) ? [node] : [])));
    return bound.flat();
  }

  async keepalivedPid(node: NodeName): Promise<number> {
    return Number(await readFile(join(this.folderOf(node), 'keepalived.pid'), 'utf8'));
  }

  /** Every keepalived that runs on the folder of a node. */
  async keepalivedPids(node: NodeName): Promise<readonly number[]> {
    const { stdout } = await promisify(execFile)('ip', ['netns', 'pids', `${this.network.prefix}${node}`]);
    const pids = stdout.split('\n').filter((line) => line !== '');
    const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
    return pids.filter((_, index) => names[index]?.trim() === 'keepalived').map(Number);
  }

  async vrrpPid(node: NodeName): Promise<number> {
    return Number(await readFile(join(this.folderOf(node), 'vrrp.pid'), 'utf8'));
  }

  /** Asks an address while `act` goes on, and some time before and after. */
  async ask(address: string, act: () => Promise<void>, afterMs = 1_000): Promise<readonly Answer[]> {
    const prober = inPlace(this.network, 'ext', [join(HERE, 'prober.ts'), address, String(PORT), '5']);
    let written = '';
    prober.stdout?.on('data', (chunk: Buffer) => (written += chunk.toString()));
    while (!written.includes('\n')) await pause(10);
    await pause(200);
    await act();
    await pause(afterMs);
    prober.stdin?.end();
    await once(prober, 'close');
    return written
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([sent = '', node = '']) => ({ sentMs: Number(sent), node }));
  }

  async remove(): Promise<void> {
    for (const plane of this.planes.values()) await plane.release();
    for (const child of this.#children) {
      child.stdin?.end();
      await once(child, 'close');
    }
    await this.network.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The longest time from one answered question to the next, in milliseconds. */
export function longestGapMs(answers: readonly Answer[]): number {
  const times = answers.map(({ sentMs }) => sentMs).sort((a, b) => a - b);
  return times.reduce((longest, time, index) => Math.max(longest, time - (times[index - 1] ?? time)), 0);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function planeOf(
  network: Network,
  node: NodeName,
  folder: string,
  rest: Partial<AnnouncePlaneOptions> = {},
): AnnouncePlane {
  return new AnnouncePlane({
    paths: {
      keepalived: 'keepalived',
      folder: join(folder, node),
      isUnit: false,
      enter: ['nsenter', `--net=${network.file(node)}`],
    },
    settings: { nodeName: node, advertisementMs: 50 },
    logger: silentLogger,
    listenMs: 0,
    probe: { waitMs: 0, rememberedS: 30 },
    keepsAnnouncing: false,
    ...rest,
  });
}

function inPlace(network: Network, place: NodeName | 'ext', script: readonly string[]): ChildProcess {
  const child = spawn('nsenter', [`--net=${network.file(place)}`, process.execPath, ...script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return child;
}
