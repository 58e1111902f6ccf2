import { Backoff } from '../lib/backoff.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { Plane } from './plane.ts';

/** What the runner tells whoever measures; durations in milliseconds. */
export interface RunnerEvents {
  applied(
    plane: string,
    result: { readonly changes: number; readonly durationMs: number; readonly waitedMs: number },
  ): void;
  failed(plane: string, fault: Fault): void;
}

/** Whether a plane has what it should have. */
export type PlaneState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'applied' }
  | { readonly kind: 'failing'; readonly fault: Fault; readonly hasApplied: boolean };

/** Longest wait that is obeyed when the world asks for one, in milliseconds: a typing error must not stop a plane for a day. */
export const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Drives one plane: one apply at a time, always of the newest plan, tried again with back-off when
 * the world says no. Plans that arrive during an apply are folded into the next one, so that a burst
 * of a thousand changes costs few applies, while a single change waits for nothing.
 *
 * Anything but a Fault is a bug and ends the program.
 */
export class Runner<Want> {
  readonly #plane: Plane<Want>;
  readonly #logger: Logger;
  readonly #events: RunnerEvents;
  readonly #backoff = new Backoff({ minMs: 50, maxMs: 10_000 });
  #wanted: { readonly want: Want; readonly sinceMs: number } | undefined;
  #isDirty = false;
  #wake: (() => void) | undefined;
  #state: PlaneState = { kind: 'waiting' };
  readonly #firstApply = Promise.withResolvers<void>();
  #hasApplied = false;
  #behindSinceMs: number | undefined;

  constructor(plane: Plane<Want>, logger: Logger, events: RunnerEvents) {
    this.#plane = plane;
    this.#logger = logger.with({ plane: plane.name });
    this.#events = events;
    plane.onDisturbed((reason) => {
      this.#logger.warn('the world changed under the plane; applying again', { reason });
      this.#markDirty();
    });
  }

  get name(): string {
    return this.#plane.name;
  }

  get state(): PlaneState {
    return this.#state;
  }

  /** Resolves when a plan has been applied for the first time. */
  get firstApply(): Promise<void> {
    return this.#firstApply.promise;
  }

  /** Since when something is wanted that is not there yet, whatever it waits for, as performance.now() tells it; undefined: all is there. */
  get behindSinceMs(): number | undefined {
    return this.#behindSinceMs;
  }

  /** Sets the newest plan; the same object again is no news. */
  want(want: Want): void {
    if (this.#wanted?.want === want) return;
    const sinceMs = this.#isDirty ? (this.#wanted?.sinceMs ?? performance.now()) : performance.now();
    this.#wanted = { want, sinceMs };
    this.#markDirty();
  }

  /** Applies until `signal` is aborted. Throws what is not a Fault. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      if (!this.#isDirty || this.#wanted === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#isDirty = false;
      const fault = await this.#applyOnce(this.#wanted, signal);
      if (fault === undefined) this.#backoff.reset();
      else if (!signal.aborted) {
        const askedMs = Math.min(fault.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
        await sleep(Math.max(this.#backoff.nextMs(), askedMs), signal);
        this.#isDirty = true;
      }
    }
  }

  /** Returns what the world said when it said no. */
  async #applyOnce(
    wanted: { readonly want: Want; readonly sinceMs: number },
    signal: AbortSignal,
  ): Promise<Fault | undefined> {
    const startedMs = performance.now();
    try {
      const { changes } = await this.#plane.apply(wanted.want, signal);
      const endedMs = performance.now();
      this.#hasApplied = true;
      this.#firstApply.resolve();
      this.#state = { kind: 'applied' };
      // Whatever came meanwhile came after the start.
      this.#behindSinceMs = this.#isDirty ? startedMs : undefined;
      this.#events.applied(this.#plane.name, {
        changes,
        durationMs: endedMs - startedMs,
        waitedMs: endedMs - wanted.sinceMs,
      });
      return undefined;
    } catch (thrown) {
      if (signal.aborted) return undefined;
      if (!(thrown instanceof Fault)) throw thrown;
      this.#state = { kind: 'failing', fault: thrown, hasApplied: this.#hasApplied };
      this.#events.failed(this.#plane.name, thrown);
      this.#logger.error('apply failed; what was applied before keeps serving', {
        code: thrown.code,
        error: messageOf(thrown),
      });
      return thrown;
    }
  }

  #markDirty(): void {
    this.#isDirty = true;
    this.#behindSinceMs ??= performance.now();
    this.#wake?.();
  }
}
