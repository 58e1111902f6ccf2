import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BgpPlan } from '../../../src/compile/bgp/bgp-plan.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { BgpPlane } from '../../../src/planes/bgp/plane.ts';
import { Network } from '../network.ts';
import { addressOf, type NodeName } from '../topology.ts';
import { BirdRouter, type RouterPeer } from './router.ts';

const NEVER = new AbortController().signal;

/** One node as a router has it. */
export function neighbor(node: NodeName, more: readonly string[] = [], rest: Partial<RouterPeer> = {}): RouterPeer {
  return {
    name: node.replace('-', '_'),
    lines: ['local as 64513;', `neighbor ${addressOf(node, 'IPv4')} as 64512;`, ...more],
    ...rest,
  };
}

/** A node with the BGP plane, and a router on its segment. */
export class BgpLab {
  readonly network: Network;
  readonly router: BirdRouter;
  readonly #folder: string;
  #plane: BgpPlane;

  private constructor(network: Network, router: BirdRouter, folder: string) {
    this.network = network;
    this.router = router;
    this.#folder = folder;
    this.#plane = this.successor();
  }

  static async create(): Promise<BgpLab> {
    const network = await Network.create();
    const router = await BirdRouter.start(network.file('lan'), '10.90.0.1', []);
    return new BgpLab(network, router, await mkdtemp(join(tmpdir(), 'sluice-bgp-')));
  }

  get plane(): BgpPlane {
    return this.#plane;
  }

  get folder(): string {
    return join(this.#folder, 'node-a');
  }

  /** Another program in the place of the one before, as after an upgrade; `plane` is that one from now on. */
  successor(): BgpPlane {
    const enter = ['nsenter', `--net=${this.network.file('node-a')}`];
    this.#plane = new BgpPlane({
      paths: { bird: 'bird', folder: this.folder, enter },
      settings: { routeTable: 179, listenPort: 179 },
      logger: silentLogger,
      keepsAnnouncing: true,
    });
    return this.#plane;
  }

  async apply(plan: BgpPlan): Promise<number> {
    return (await this.#plane.apply(plan, NEVER)).changes;
  }

  async birdPid(): Promise<number> {
    return Number(await readFile(join(this.folder, 'bird.pid'), 'utf8'));
  }

  /** Begins anew: no session, no route, nothing of the node at the router. */
  async clear(): Promise<void> {
    await this.#plane.uninstall();
    await this.#plane.release();
    await rm(this.folder, { recursive: true, force: true });
    await this.router.configure([]);
    this.successor();
  }

  async remove(): Promise<void> {
    await this.#plane.uninstall();
    await this.#plane.release();
    await this.router.stop();
    await this.network.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
