import { join } from 'node:path';
import type { AnnouncePlan } from '../compile/announce/announce-plan.ts';
import type { Plan } from '../compile/plan.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { Metrics } from '../observe/metrics.ts';
import { AnnouncePlane } from '../planes/announce/plane.ts';
import { findProgram } from '../planes/l4/kernel/run-program.ts';
import { Runner } from '../planes/runner.ts';
import type { AnnounceOptions } from './options.ts';
import { notApplied, type Role } from './role.ts';

/** What the announcer keeps in the state directory. */
export const ANNOUNCE_FOLDER = 'announce';

export interface AnnouncerParts {
  readonly options: AnnounceOptions;
  readonly nodeName: string;
  readonly stateDirectory: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Answers on the local network for the addresses of Services, in turn with other nodes. */
export class Announcer implements Role {
  readonly name = 'node';
  readonly #plane: AnnouncePlane;
  readonly #runner: Runner<AnnouncePlan>;

  private constructor(plane: AnnouncePlane, { logger, metrics }: AnnouncerParts) {
    this.#plane = plane;
    this.#runner = new Runner(plane, logger, metrics);
  }

  /** @throws Fault `keepalived-missing` */
  static async create(parts: AnnouncerParts): Promise<Announcer> {
    const { options, nodeName, stateDirectory, logger, metrics } = parts;
    const keepalived = options.keepalivedPath ?? (await findProgram('keepalived'));
    if (keepalived === undefined) {
      const message =
        'keepalived is not installed, without which no address can be announced: install the package keepalived, or name it with --keepalived-path';
      throw new Fault('keepalived-missing', message, { retryable: false });
    }
    let before: ReadonlySet<IpAddress> = new Set();
    const plane = new AnnouncePlane({
      paths: { keepalived, folder: join(stateDirectory, ANNOUNCE_FOLDER), enter: [] },
      settings: { nodeName, advertisementMs: options.advertisementMs },
      logger,
      keepsAnnouncing: true,
      onHeld: (held) => {
        const gained = [...held].filter((address) => !before.has(address));
        const lost = [...before].filter((address) => !held.has(address));
        before = new Set(held);
        metrics.addressesHeld(held.size, gained.length, lost.length);
        if (gained.length > 0) logger.info('this node answers for addresses now', { addresses: gained.join(',') });
        if (lost.length > 0) logger.info('this node answers for addresses no longer', { addresses: lost.join(',') });
      },
    });
    return new Announcer(plane, parts);
  }

  /** The addresses that this node has. */
  get held(): ReadonlySet<IpAddress> {
    return this.#plane.held;
  }

  want({ announce }: Plan): void {
    if (announce !== undefined) this.#runner.want(announce);
  }

  notReady(): readonly string[] {
    return notApplied(this.#runner);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#runner.run(signal);
  }

  release(): Promise<void> {
    return this.#plane.release();
  }
}
