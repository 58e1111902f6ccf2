import { join } from 'node:path';
import type { AnnouncePlan } from '../compile/announce/announce-plan.ts';
import type { Plan } from '../compile/plan.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import type { Finding } from '../model/finding.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { L2Status } from '../model/l2-status.ts';
import type { Metrics } from '../observe/metrics.ts';
import { AnnouncePlane } from '../planes/announce/plane.ts';
import { findProgram } from '../planes/l4/kernel/run-program.ts';
import { Runner } from '../planes/runner.ts';
import { AnnounceReport, type ReportChannel } from './announce-report.ts';
import type { AnnounceOptions } from './options.ts';
import { notApplied, type Role } from './role.ts';

/** What the announcer keeps in the state directory. */
export const ANNOUNCE_FOLDER = 'announce';

/** How long others on the network are listened for before a virtual router is used, in milliseconds: three times what most advertise at. */
const LISTEN_MS = 3_000;

/** Who has an address answers within some milliseconds on one segment; it is asked every few seconds. */
const PROBE = { waitMs: 500, rememberedS: 30 };

export interface AnnouncerParts {
  readonly options: AnnounceOptions;
  readonly nodeName: string;
  readonly stateDirectory: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Undefined without a cluster. */
  readonly channel: ReportChannel | undefined;
}

/** Answers on the local network for the addresses of Services, in turn with other nodes. */
export class Announcer implements Role {
  readonly name = 'node';
  readonly #plane: AnnouncePlane;
  readonly #report: AnnounceReport;
  readonly #runner: Runner<AnnouncePlan>;
  #isWanted = false;

  private constructor(plane: AnnouncePlane, report: AnnounceReport, { logger, metrics }: AnnouncerParts) {
    this.#plane = plane;
    this.#report = report;
    this.#runner = new Runner(plane, logger, metrics);
  }

  /** @throws Fault `keepalived-missing` */
  static async create(parts: AnnouncerParts): Promise<Announcer> {
    const { options, nodeName, stateDirectory, logger, metrics, channel } = parts;
    const keepalived = options.keepalivedPath ?? (await findProgram('keepalived'));
    if (keepalived === undefined) {
      const message =
        'keepalived is not installed, without which no address can be announced: install the package keepalived, or name it with --keepalived-path';
      throw new Fault('keepalived-missing', message, { retryable: false });
    }
    const report = new AnnounceReport({ nodeName, logger, metrics, channel });
    let before: ReadonlySet<IpAddress> = new Set();
    const plane = new AnnouncePlane({
      paths: { keepalived, folder: join(stateDirectory, ANNOUNCE_FOLDER), isUnit: options.isUnit, enter: [] },
      settings: { nodeName, advertisementMs: options.advertisementMs },
      logger,
      listenMs: LISTEN_MS,
      probe: PROBE,
      onForeignOwners: (owners) => {
        for (const { address, hardwareAddress, interface: device } of owners)
          logger.warn('somebody else on the network answers for an address of a Service', {
            address,
            hardwareAddress,
            interface: device,
          });
        metrics.duplicateAddresses(owners.length);
        report.duplicates(owners);
      },
      keepsAnnouncing: true,
      onForeign: (foreign) => {
        metrics.foreignRouters(foreign.length);
        for (const { id, address, interface: device } of foreign)
          logger.warn('another program on the network uses a virtual router that is to be ours; it is left alone', {
            router: id,
            address,
            interface: device,
            remedy: 'choose others with --virtual-router-ids, on all nodes and for the leader alike',
          });
        report.foreign(foreign);
      },
      onHeld: (held) => {
        const gained = [...held].filter((address) => !before.has(address));
        const lost = [...before].filter((address) => !held.has(address));
        before = new Set(held);
        report.hold(held);
        metrics.addressesHeld(held.size, gained.length, lost.length);
        if (gained.length > 0) logger.info('this node answers for addresses now', { addresses: gained.join(',') });
        if (lost.length > 0) logger.info('this node answers for addresses no longer', { addresses: lost.join(',') });
      },
    });
    return new Announcer(plane, report, parts);
  }

  /** The addresses that this node has. */
  get held(): ReadonlySet<IpAddress> {
    return this.#plane.held;
  }

  get announcersOf(): (service: string) => readonly L2Status[] {
    return (service) => this.#report.of(service);
  }

  /** Addresses of Services that somebody else on the network has. */
  get refused(): readonly Finding[] {
    return this.#report.findings;
  }

  want(plan: Plan): void {
    if (plan.announce === undefined) return;
    this.#isWanted = true;
    this.#runner.want(plan.announce);
    this.#report.want(plan);
  }

  /** While it is not known which addresses are ours, as before there is a pool, nothing is missing. */
  notReady(): readonly string[] {
    return this.#isWanted ? notApplied(this.#runner) : [];
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#runner.run(signal), this.#report.run(signal)]);
  }

  release(): Promise<void> {
    return this.#plane.release();
  }
}
