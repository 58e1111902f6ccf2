import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';

export interface ConntrackRoomOptions {
  readonly logger: Logger;
  /** From which share of the limit on it is reported; nine tenths unless told. */
  readonly nearlyFull?: number;
  /** How often it is looked at; every ten seconds unless told. */
  readonly intervalMs?: number;
}

const FOLDER = '/proc/sys/net/netfilter';

/** Once reported, it is reported again after it was below this part of what is nearly full. */
const RELIEF = 0.9;

/**
 * Reports when the kernel follows nearly as many connections as it may: of what comes beyond, it drops every first packet, and says so
 * nowhere but in its own log, whichever network namespace that happens in. The limit is one for the machine, and counted in each namespace.
 */
export class ConntrackRoom {
  readonly #logger: Logger;
  readonly #nearlyFull: number;
  readonly #intervalMs: number;
  #isReported = false;

  constructor({ logger, nearlyFull = 0.9, intervalMs = 10_000 }: ConntrackRoomOptions) {
    this.#logger = logger;
    this.#nearlyFull = nearlyFull;
    this.#intervalMs = intervalMs;
  }

  /** Looks until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    do await this.#look();
    while (await sleep(this.#intervalMs, signal));
  }

  async #look(): Promise<void> {
    const [entries, limit] = await Promise.all([numberIn('nf_conntrack_count'), numberIn('nf_conntrack_max')]);
    // A limit of 0 is none.
    if (entries === undefined || limit === undefined || limit === 0) return;
    if (entries < limit * this.#nearlyFull * RELIEF) this.#isReported = false;
    if (this.#isReported || entries < limit * this.#nearlyFull) return;
    this.#isReported = true;
    this.#logger.warn('the kernel follows nearly as many connections as it may, and drops those that come beyond', {
      entries,
      limit,
      remedy:
        'raise --conntrack-max-per-core or --conntrack-min (sysctl net.netfilter.nf_conntrack_max), or see who opens so many: conntrack -L',
    });
  }
}

/** Undefined where there is none, as before the first rule asks for conntrack. */
async function numberIn(name: string): Promise<number | undefined> {
  const text = await readFile(join(FOLDER, name), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text);
}
