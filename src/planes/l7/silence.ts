import { Fault } from '../../lib/fault.ts';
import { ANSWER_DEADLINE_MS, SILENT } from './runtime-cli.ts';

/** How long a HAProxy that does not answer is borne with, in milliseconds. */
export interface EnginePatience {
  /** A connection on which nothing comes for so long counts as broken. */
  readonly answerMs: number;
  /**
   * A process that has been silent for so long is ended. It takes its connections with it if it still serves any, so this is longer than
   * the breaks that pass: a swapped out machine, a disk that is tried again, a debugger.
   */
  readonly endAfterMs: number;
  /** How long it has to let go of its ports, when it is told to finish and when it is killed. */
  readonly letGoMs: number;
}

export const PATIENCE: EnginePatience = { answerMs: ANSWER_DEADLINE_MS, endAfterMs: 60_000, letGoMs: 2_000 };

/** For how long HAProxy has not answered, and what is to be done about it. */
export class Silence {
  readonly #patience: EnginePatience;
  #sinceMs: number | undefined;
  #pid: number | undefined;

  constructor(patience: EnginePatience) {
    this.#patience = patience;
  }

  /** The process that does not answer, if there is one and it is known which. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** An answer was waited for in vain. */
  noticed(pid: number | undefined): void {
    this.#pid = pid;
    this.#sinceMs ??= performance.now() - this.#patience.answerMs;
  }

  /** HAProxy answers, or is gone. */
  over(): void {
    this.#sinceMs = undefined;
    this.#pid = undefined;
  }

  /** The process that has been silent for too long. @throws Fault while it is to be waited for, or when it is not known which it is. */
  processToEnd(pid: number | undefined): number {
    this.noticed(pid);
    const sinceMs = this.#sinceMs ?? performance.now();
    if (pid === undefined || performance.now() - sinceMs < this.#patience.endAfterMs) throw this.fault(pid);
    return pid;
  }

  /** What the user is told meanwhile. */
  fault(pid: number | undefined): Fault {
    const said = 'does not answer on its runtime CLI and takes no changes; it may serve as before, or stand still';
    if (pid === undefined) return new Fault(SILENT, `a HAProxy ${said}. End it: which process it is cannot be told.`);
    const process = String(pid);
    const look = `Look at State in /proc/${process}/status: T is stopped (kill -CONT ${process}), D waits for a disk`;
    const end = `It is replaced once it has been silent for ${String(this.#patience.endAfterMs / 1000)} seconds`;
    return new Fault(SILENT, `HAProxy (process ${process}) ${said}. ${look}. ${end}.`);
  }
}
