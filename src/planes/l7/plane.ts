import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '../../lib/fault.ts';
import { Turns } from '../../lib/turns.ts';
import type { Logger } from '../../lib/logger.ts';
import type { L7Plan } from '../../compile/plan.ts';
import type { Applied, Plane } from '../plane.ts';
import { renderCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { Command } from './command.ts';
import { renderChange, replaceRegexes, REPLACE_REGEXES } from './commands.ts';
import { Collector } from './collector.ts';
import { startEngine, stopEngine, type EnginePaths, type EngineProcess } from './process.ts';
import { isSuccess } from './reply.ts';
import { FILES } from './skeleton.ts';

/** Why a HAProxy process was replaced by another. The count of each is a metric whose goal is 0. */
export type ReloadReason = 'started' | 'crashed' | 'out-of-step' | 'adopted';

export interface L7PlaneOptions {
  readonly paths: EnginePaths;
  /** The fixed part of haproxy.cfg, see skeleton.ts. */
  readonly skeleton: string;
  readonly selfSignedPem: string;
  readonly logger: Logger;
  /** Called whenever a process is started. */
  readonly onStart: (reason: ReloadReason) => void;
  /** Whether HAProxy goes on serving after {@link L7Plane.release}. */
  readonly keepsServing: boolean;
  readonly drainMs: number;
}

/** How long after a change the checkpoint on disk is brought up to it, in milliseconds. */
const CHECKPOINT_DELAY_MS = 1_000;

/**
 * A checkpoint of ten thousand Services takes a tenth of a second of this process and the disk. It may take no more than one part
 * in so many of the time: it is only read by a start without sources, and that may be a few seconds behind.
 */
const CHECKPOINT_SHARE = 50;

/**
 * HTTP routing through HAProxy. The process is started on a checkpoint that already holds the plan;
 * from then on everything changes through the runtime CLI. When an answer is not the one expected,
 * what the process holds is not known any more, and a fresh one takes over without a cut.
 */
export class L7Plane implements Plane<L7Plan> {
  readonly name = 'l7';
  readonly #options: L7PlaneOptions;
  readonly #logger: Logger;
  readonly #collector = new Collector();
  #engine: EngineProcess | undefined;
  /** What the running process has; undefined when that is not known. */
  #applied: L7Plan | undefined;
  #nextStart: ReloadReason = 'started';
  #disturbed: (reason: string) => void = () => {};
  #checkpointTimer: NodeJS.Timeout | undefined;
  #checkpointDelayMs = CHECKPOINT_DELAY_MS;
  #checkpointing: Promise<void> = Promise.resolve();
  /** A change must not revive a server that is being deleted at the same moment. */
  readonly #turns = new Turns();

  constructor(options: L7PlaneOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ plane: 'l7' });
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  /**
   * Serves the last good checkpoint until the first plan is there, as after a start without API
   * server. Does nothing when there is none, or when flags have changed since.
   */
  async serveLastGood(signal: AbortSignal): Promise<boolean> {
    const folder = join(this.#options.paths.stateDirectory, 'current');
    const config = await readFile(join(folder, FILES.config), 'utf8').catch(() => '');
    if (config === '') return false;
    if (!config.startsWith(this.#options.skeleton)) {
      this.#logger.warn(
        'what was served last was written with other flags or by another version; it is served again once the sources are there',
        { folder },
      );
      return false;
    }
    await this.#start(folder, this.#nextStart, signal);
    this.#applied = undefined;
    this.#nextStart = 'adopted';
    return true;
  }

  apply(want: L7Plan, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(() => this.#apply(want, signal));
  }

  async #apply(want: L7Plan, signal: AbortSignal): Promise<Applied> {
    if (this.#engine === undefined || this.#applied === undefined) {
      const folder = await this.#checkpointToStart(want, signal);
      await this.#start(folder, this.#nextStart, signal);
      this.#applied = want;
      this.#nextStart = 'out-of-step';
      return { changes: want.hosts.size + want.backends.size };
    }
    const change = renderChange(this.#applied, want, this.#collector.leftovers, this.#options.selfSignedPem);
    await this.#run(this.#engine, change.commands);
    this.#applied = want;
    this.#collector.add(want, change);
    this.#collector.schedule((commands) => this.#collect(commands), this.#turns);
    this.#scheduleCheckpoint();
    return { changes: change.commands.length };
  }

  /** When nothing serves and the disk takes nothing, what is on it is served until it does. */
  async #checkpointToStart(want: L7Plan, signal: AbortSignal): Promise<string> {
    try {
      return await this.#writeCheckpoint(want);
    } catch (thrown) {
      if (this.#engine === undefined && (await this.serveLastGood(signal)))
        this.#logger.warn('the plan cannot be written to disk; serving what was served last');
      throw thrown;
    }
  }

  /** Lets running requests end, for at most `drainMs` or until `cut` is aborted, and ends the process. */
  async release(cut?: AbortSignal): Promise<void> {
    clearTimeout(this.#checkpointTimer);
    this.#collector.stop();
    await this.#checkpointing;
    if (this.#applied !== undefined) await this.#writeCheckpoint(this.#applied);
    const engine = this.#engine;
    this.#engine = undefined;
    engine?.cli.close();
    if (engine !== undefined && !this.#options.keepsServing) await stopEngine(engine.pid, this.#options.drainMs, cut);
  }

  async #start(folder: string, reason: ReloadReason, signal: AbortSignal): Promise<void> {
    this.#engine?.cli.close();
    const engine = await startEngine(this.#options.paths, folder, signal).catch((thrown: unknown) => {
      throw thrown instanceof Fault ? thrown : this.#diskFault(thrown);
    });
    this.#engine = engine;
    this.#collector.reset();
    engine.cli.onClose(() => this.#lost(engine));
    this.#options.onStart(reason);
    this.#logger.info('HAProxy serves', { pid: engine.pid, reason });
  }

  #lost(engine: EngineProcess): void {
    if (this.#engine !== engine) return;
    this.#engine = undefined;
    this.#nextStart = 'crashed';
    this.#disturbed('HAProxy ended or closed its runtime CLI');
  }

  async #run(engine: EngineProcess, commands: readonly Command[]): Promise<void> {
    const plain = commands.filter((command) => !command.startsWith(REPLACE_REGEXES));
    const regexes = commands.find((command) => command.startsWith(REPLACE_REGEXES));
    try {
      if (regexes !== undefined) await this.#replaceRegexes(engine, regexes);
      const replies = await engine.cli.send(plain);
      plain.forEach((command, index) => expectSuccess(command, replies[index] ?? ''));
    } catch (thrown) {
      this.#applied = undefined;
      if (this.#nextStart !== 'crashed') this.#nextStart = 'out-of-step';
      throw thrown;
    }
  }

  async #replaceRegexes(engine: EngineProcess, command: Command): Promise<void> {
    const [prepared = ''] = await engine.cli.send([`prepare map ${FILES.regexes}`]);
    const version = /New version created: (\d+)/.exec(prepared)?.[1];
    if (version === undefined) throw new Fault('haproxy-refused', `prepare map: ${prepared}`);
    const commands = replaceRegexes(command, version);
    const replies = await engine.cli.send(commands);
    commands.forEach((sent, index) => expectSuccess(sent, replies[index] ?? ''));
  }

  /** Deletes what is idle by now; returns the answers. */
  async #collect(commands: readonly Command[]): Promise<readonly string[]> {
    const engine = this.#engine;
    if (engine === undefined) return [];
    try {
      return await engine.cli.send(commands);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      // The process has gone, and its leftovers with it; #lost has been told.
      return [];
    }
  }

  #scheduleCheckpoint(): void {
    this.#checkpointTimer ??= setTimeout(() => {
      this.#checkpointTimer = undefined;
      const plan = this.#applied;
      if (plan === undefined) return;
      this.#checkpointing = this.#writeCheckpoint(plan).then(
        () => {},
        (thrown: unknown) => this.#logger.error('cannot write the checkpoint', { error: messageOf(thrown) }),
      );
    }, this.#checkpointDelayMs).unref();
  }

  async #writeCheckpoint(plan: L7Plan): Promise<string> {
    await this.#checkpointing;
    const startMs = performance.now();
    const checkpoint = renderCheckpoint(plan, this.#options.skeleton, this.#options.selfSignedPem);
    try {
      const folder = await writeCheckpoint(this.#options.paths.stateDirectory, checkpoint);
      this.#checkpointDelayMs = Math.max(CHECKPOINT_DELAY_MS, CHECKPOINT_SHARE * (performance.now() - startMs));
      return folder;
    } catch (cause) {
      throw this.#diskFault(cause);
    }
  }

  #diskFault(cause: unknown): Fault {
    const message = `cannot write to the state directory ${this.#options.paths.stateDirectory}: ${messageOf(cause)}`;
    return new Fault('state-directory', message, { cause });
  }
}

function expectSuccess(command: Command, reply: string): void {
  if (isSuccess(reply)) return;
  const line = command.split('\n', 1)[0] ?? '';
  throw new Fault('haproxy-refused', `HAProxy refused "${line}": ${reply.split('\n', 1)[0] ?? ''}`);
}
