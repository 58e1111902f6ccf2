import { join } from 'node:path';
import type { BgpPlan } from '../compile/bgp/bgp-plan.ts';
import type { Plan } from '../compile/plan.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { BgpPeerState } from '../model/bgp-peer-state.ts';
import type { Metrics } from '../observe/metrics.ts';
import { BgpPlane } from '../planes/bgp/plane.ts';
import { findProgram } from '../planes/l4/kernel/run-program.ts';
import { Runner } from '../planes/runner.ts';
import type { BgpOptions } from './options.ts';
import { notApplied, type Role } from './role.ts';

/** What BIRD and its plane keep in the state directory. */
export const BGP_FOLDER = 'bgp';

export interface BgpSpeakerParts {
  readonly options: BgpOptions;
  readonly stateDirectory: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Announces the addresses of Services to routers. */
export class BgpSpeaker implements Role {
  readonly name = 'node';
  readonly #plane: BgpPlane;
  readonly #runner: Runner<BgpPlan>;
  readonly #drainMs: number;
  readonly #logger: Logger;
  #withdrawing: Promise<void> | undefined;

  private constructor(plane: BgpPlane, { options, logger, metrics }: BgpSpeakerParts) {
    this.#plane = plane;
    this.#runner = new Runner(plane, logger, metrics);
    this.#drainMs = options.drainMs;
    this.#logger = logger;
  }

  /** @throws Fault `bird-missing` */
  static async create(parts: BgpSpeakerParts): Promise<BgpSpeaker> {
    const { options, stateDirectory, logger, metrics } = parts;
    const bird = options.birdPath ?? (await findProgram('bird'));
    if (bird === undefined) {
      const message =
        'BIRD is not installed, without which nothing can be announced by BGP: install the package bird2, or name it with --bird-path';
      throw new Fault('bird-missing', message, { retryable: false });
    }
    let before: readonly BgpPeerState[] = [];
    const plane = new BgpPlane({
      paths: { bird, folder: join(stateDirectory, BGP_FOLDER), enter: [] },
      settings: { routeTable: options.routeTable, listenPort: options.listenPort },
      logger,
      keepsAnnouncing: options.drainMs === 0,
      onPeers: (peers) => {
        metrics.bgp.peers(peers);
        logChanges(before, peers, logger);
        before = peers;
      },
    });
    return new BgpSpeaker(plane, parts);
  }

  /** The sessions of this node. */
  get peers(): readonly BgpPeerState[] {
    return this.#plane.peers;
  }

  want({ bgp }: Plan): void {
    if (bgp !== undefined) this.#runner.want(bgp);
  }

  notReady(): readonly string[] {
    return notApplied(this.#runner);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#runner.run(signal);
  }

  /** Peers send nothing new here once they have heard of it; what is under way is served as long as `--bgp-drain` says. */
  withdraw(): void {
    if (this.#drainMs === 0) return;
    this.#logger.info('the addresses are withdrawn from the peers', { servedForMs: this.#drainMs });
    this.#withdrawing = this.#plane.withdraw().catch((thrown: unknown) => {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#logger.error('the addresses are not withdrawn', { code: thrown.code, error: thrown.message });
    });
  }

  /** Resolves once nobody should come any more, or `cut` is aborted. */
  async drained(cut: AbortSignal): Promise<void> {
    if (this.#withdrawing === undefined) return;
    await this.#withdrawing;
    await sleep(this.#drainMs, cut);
  }

  release(): Promise<void> {
    return this.#plane.release();
  }
}

/** A line for each session that came or went. */
function logChanges(before: readonly BgpPeerState[], now: readonly BgpPeerState[], logger: Logger): void {
  for (const { peer, neighbor, state, isUp, lastError } of now) {
    const wasUp = before.find((item) => item.peer === peer)?.isUp ?? false;
    if (isUp && !wasUp) logger.info('a BGP session is up', { peer, neighbor });
    if (!isUp && wasUp) logger.warn('a BGP session is down', { peer, neighbor, state, reason: lastError });
  }
}
