import { join } from 'node:path';
import type { BgpPlan } from '../compile/bgp/bgp-plan.ts';
import type { Plan } from '../compile/plan.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { BgpPeerState } from '../model/bgp-peer-state.ts';
import type { BgpStatus } from '../model/bgp-status.ts';
import type { Metrics } from '../observe/metrics.ts';
import { BgpPlane } from '../planes/bgp/plane.ts';
import { findProgram } from '../planes/l4/kernel/run-program.ts';
import { Runner } from '../planes/runner.ts';
import { BgpReport } from './bgp-report.ts';
import type { NodeStatusChannel } from './node-status-channel.ts';
import type { BgpOptions } from './options.ts';
import { notApplied, type Role } from './role.ts';

/** What BIRD and its plane keep in the state directory. */
export const BGP_FOLDER = 'bgp';

export interface BgpSpeakerParts {
  readonly options: BgpOptions;
  readonly nodeName: string;
  readonly stateDirectory: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Undefined without a cluster. */
  readonly channel: NodeStatusChannel<BgpStatus> | undefined;
}

/** Announces the addresses of Services to routers. */
export class BgpSpeaker implements Role {
  readonly name = 'node';
  readonly #plane: BgpPlane;
  readonly #report: BgpReport | undefined;
  readonly #runner: Runner<BgpPlan>;
  readonly #drainMs: number;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #nodeName: string;
  #withdrawing: Promise<void> | undefined;
  #isWanted = false;

  private constructor(
    plane: BgpPlane,
    report: BgpReport | undefined,
    { options, nodeName, logger, metrics }: BgpSpeakerParts,
  ) {
    this.#plane = plane;
    this.#report = report;
    this.#runner = new Runner(plane, logger, metrics);
    this.#drainMs = options.drainMs;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#nodeName = nodeName;
  }

  /** @throws Fault `bird-missing` */
  static async create(parts: BgpSpeakerParts): Promise<BgpSpeaker> {
    const { options, nodeName, stateDirectory, logger, metrics, channel } = parts;
    const bird = options.birdPath ?? (await findProgram('bird'));
    if (bird === undefined) {
      const message =
        'BIRD is not installed, without which nothing can be announced by BGP: install the package bird2, or name it with --bird-path';
      throw new Fault('bird-missing', message, { retryable: false });
    }
    const report = channel && new BgpReport({ nodeName, logger, metrics, channel });
    let before: readonly BgpPeerState[] = [];
    const plane = new BgpPlane({
      paths: { bird, folder: join(stateDirectory, BGP_FOLDER), enter: [] },
      settings: { routeTable: options.routeTable, listenPort: options.listenPort },
      logger,
      keepsAnnouncing: options.drainMs === 0,
      onPeers: (peers) => {
        metrics.bgp.peers(peers);
        for (const state of changed(before, peers)) {
          logChange(state, logger);
          report?.session(state);
        }
        before = peers;
      },
    });
    return new BgpSpeaker(plane, report, parts);
  }

  /** The sessions of this node. */
  get peers(): readonly BgpPeerState[] {
    return this.#plane.peers;
  }

  want({ bgp }: Plan): void {
    if (bgp === undefined) return;
    this.#isWanted = true;
    this.#runner.want(bgp);
    this.#report?.want(bgp);
    const announced = bgp.services.flatMap(({ service, addresses }) =>
      addresses.map((address) => ({ service, address })),
    );
    this.#metrics.announced('bgp', this.#nodeName, announced);
  }

  /** While it is not known which addresses are ours, as before there is a pool, nothing is missing. */
  notReady(): readonly string[] {
    return this.#isWanted ? notApplied(this.#runner) : [];
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#runner.run(signal), this.#report?.run(signal)]);
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

/** The sessions that came or went. */
function changed(before: readonly BgpPeerState[], now: readonly BgpPeerState[]): readonly BgpPeerState[] {
  return now.filter(({ peer, isUp }) => isUp !== (before.find((item) => item.peer === peer)?.isUp ?? false));
}

function logChange({ peer, neighbor, state, isUp, lastError }: BgpPeerState, logger: Logger): void {
  if (isUp) logger.info('a BGP session is up', { peer, neighbor });
  else logger.warn('a BGP session is down', { peer, neighbor, state, reason: lastError });
}
