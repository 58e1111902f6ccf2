import { crash } from '../../lib/crash.ts';
import { Fault, messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { Turns } from '../../lib/turns.ts';
import type { L7Plan } from '../../compile/plan.ts';
import { renderCheckpoint } from './checkpoint.ts';
import { CheckpointStore } from './checkpoint-store.ts';
import { rulesDigest } from './rules.ts';

/** How long after a change the checkpoint on disk is brought up to it, in milliseconds. */
const DELAY_MS = 1_000;

/**
 * A checkpoint of ten thousand Services takes a tenth of a second of this process and the disk. It may take no more than one part
 * in so many of the time: it is only read by a start without sources, and that may be a few seconds behind.
 */
const SHARE = 50;

/** Keeps on disk what HAProxy serves: for its next start, and as the last good state for a start without sources. */
export class Checkpointer {
  readonly #stateDirectory: string;
  readonly #store: CheckpointStore;
  readonly #selfSignedPem: string;
  readonly #logger: Logger;
  readonly #turns = new Turns();
  #timer: NodeJS.Timeout | undefined;
  #delayMs = DELAY_MS;

  constructor(stateDirectory: string, selfSignedPem: string, logger: Logger) {
    this.#stateDirectory = stateDirectory;
    this.#store = new CheckpointStore(stateDirectory, rulesDigest());
    this.#selfSignedPem = selfSignedPem;
    this.#logger = logger;
  }

  /** Writes a plan for HAProxy to start on, and returns the folder. @throws Fault `state-directory` */
  layDown(plan: L7Plan): Promise<string> {
    return this.#turns.take(() => this.#layDown(plan));
  }

  /** Keeps what `plan` returns after a while; does nothing where that is planned already. A disk that says no costs a line in the log. */
  schedule(plan: () => L7Plan | undefined, delayMs: number = this.#delayMs): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.keep(plan()).catch(crash);
    }, delayMs).unref();
  }

  /** Keeps a plan, if there is one, as the last good state. Never throws: what is served does not depend on it. */
  async keep(plan: L7Plan | undefined): Promise<void> {
    if (plan === undefined) return;
    try {
      await this.#turns.take(async () => {
        const startMs = performance.now();
        await this.#layDown(plan);
        await this.#store.keep();
        this.#delayMs = Math.max(DELAY_MS, SHARE * (performance.now() - startMs));
      });
    } catch (thrown) {
      this.#logger.error('what is served cannot be kept on disk', { error: messageOf(thrown) });
    }
  }

  /** The folder of what was served last; undefined when there is none that can be used, of which the log says why. */
  async lastGood(): Promise<string | undefined> {
    const { folder, damaged } = await this.#turns.take(() => this.#store.lastGood());
    for (const one of damaged)
      this.#logger.error('a state that was served before is not used', { folder: one.folder, reason: one.reason });
    return folder;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #layDown(plan: L7Plan): Promise<string> {
    try {
      return await this.#store.layDown(renderCheckpoint(plan, this.#selfSignedPem));
    } catch (cause) {
      throw stateDirectoryFault(this.#stateDirectory, cause);
    }
  }
}

/** What a full or broken disk is reported as. */
export function stateDirectoryFault(stateDirectory: string, cause: unknown): Fault {
  return new Fault('state-directory', `cannot write to the state directory ${stateDirectory}: ${messageOf(cause)}`, {
    cause,
  });
}
