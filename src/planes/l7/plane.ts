import { crash } from '../../lib/crash.ts';
import { Fault } from '../../lib/fault.ts';
import { orAborted } from '../../lib/or-aborted.ts';
import { Turns } from '../../lib/turns.ts';
import type { Logger } from '../../lib/logger.ts';
import type { L7Plan } from '../../compile/plan.ts';
import type { EngineConfig } from '../../model/http/engine-config.ts';
import type { Applied, Plane } from '../plane.ts';
import { Checkpointer, stateDirectoryFault } from './checkpointer.ts';
import { renderChange } from './change.ts';
import { Collector } from './collector.ts';
import { engineConfigIn, isSameConfig, lesserConfigs } from './engine-config.ts';
import { execute } from './execute.ts';
import { readKeptFiles } from './password/kept-files.ts';
import {
  checkConfig,
  endSilentEngine,
  findEngine,
  NOT_STARTED,
  startEngine,
  stopEngine,
  type EnginePaths,
  type EngineProcess,
  type FoundEngine,
} from './process.ts';
import { findRefusals, isIn, nameOf, without, type Refusal } from './refusals.ts';
import { SILENT } from './runtime-cli.ts';
import { PATIENCE, Silence, type EnginePatience } from './silence.ts';
import { readReserve } from './reserve.ts';
import type { Step } from './step.ts';

/** Why a HAProxy process was replaced by another. The count of each is a metric whose goal is 0. */
export type ReloadReason = 'started' | 'crashed' | 'hung' | 'out-of-step' | 'adopted' | 'listeners' | 'settings';

export interface L7PlaneOptions {
  readonly paths: EnginePaths;
  /** The fixed part of haproxy.cfg, see skeleton.ts, by how many ports stand ready for Gateways, and what is said of the engine. */
  readonly skeleton: (reserve: number, config: EngineConfig) => string;
  readonly selfSignedPem: string;
  readonly logger: Logger;
  /** Is given the password files before HAProxy can ask about them, and those that it asks about meanwhile. */
  readonly passwords: { hold(files: L7Plan['passwords'], served: L7Plan['passwords'] | undefined): void };
  /** Called whenever a process is started. */
  readonly onStart: (reason: ReloadReason) => void;
  /** Called for every object that HAProxy refuses. */
  readonly onRefused: () => void;
  /** Whether HAProxy goes on serving after {@link L7Plane.release}. */
  readonly keepsServing: boolean;
  readonly drainMs: number;
  /** Less in tests. */
  readonly patience?: EnginePatience;
}

/** What a new process takes the place of; a silent one is ended for that. */
type Predecessor =
  Exclude<FoundEngine, { readonly kind: 'silent' }> | { readonly kind: 'silent'; readonly pid: number };

/** How often HAProxy is asked for a sign of life, in milliseconds: one that stands still is noticed where nothing changes, too. */
const PULSE_MS = 5_000;

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
  readonly #patience: EnginePatience;
  readonly #silence: Silence;
  #engine: EngineProcess | undefined;
  /** Whether the HAProxy on the state directory is ours to end. */
  #hasStarted = false;
  #pulse: NodeJS.Timeout | undefined;
  /** Whether the HAProxy on the state directory answered when it was last asked, be there a connection to it or not. */
  #answers = false;
  /** What the running process has; undefined when that is not known. */
  #applied: L7Plan | undefined;
  /** What a process had last. */
  #served: L7Plan | undefined;
  /** How many ports for Gateways the process has of each kind. */
  #reserve = 0;
  /** A larger number of them that could not be had. */
  #unavailableReserve: number | undefined;
  #refusals: readonly Refusal[] = [];
  /** What is started with in place of a configuration with which no process starts. */
  #lesser: { readonly refused: EngineConfig; readonly taken: EngineConfig } | undefined;
  #nextStart: ReloadReason = 'started';
  #disturbed: (reason: string) => void = () => {};
  readonly #checkpointer: Checkpointer;
  /** A change must not revive a server that is being deleted at the same moment. */
  readonly #turns = new Turns();

  constructor(options: L7PlaneOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ plane: 'l7' });
    this.#patience = options.patience ?? PATIENCE;
    this.#silence = new Silence(this.#patience);
    const { paths, selfSignedPem } = options;
    this.#checkpointer = new Checkpointer(paths.stateDirectory, selfSignedPem, this.#logger);
  }

  /** Whether a HAProxy answers that serves what it was given last. */
  get answers(): boolean {
    return this.#answers;
  }

  /** What HAProxy refuses of a plan, as far as that is known. */
  refusalsOf(plan: L7Plan): readonly Refusal[] {
    return this.#refusals.filter(({ item }) => isIn(plan, item));
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  /**
   * Serves the last good checkpoint until the first plan is there, as after a start without API server. False when there is none that
   * can be used. @throws Fault when HAProxy does not start on it
   */
  async serveLastGood(signal: AbortSignal): Promise<boolean> {
    return this.#serveLastGood(await this.#findPredecessor(signal), signal);
  }

  async #serveLastGood(predecessor: Predecessor, signal: AbortSignal): Promise<boolean> {
    const folder = await this.#checkpointer.lastGood();
    if (folder === undefined) return false;
    const passwords = await readKeptFiles(folder);
    this.#options.passwords.hold(passwords, passwords);
    await this.#start(folder, await engineConfigIn(folder), predecessor, signal);
    this.#applied = undefined;
    this.#nextStart = 'adopted';
    return true;
  }

  apply(want: L7Plan, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(() => this.#apply(want, signal));
  }

  async #apply(want: L7Plan, signal: AbortSignal): Promise<Applied> {
    this.#options.passwords.hold(want.passwords, this.#served?.passwords);
    if (this.#engine === undefined || this.#applied === undefined) return this.#startOver(want, signal);
    if (this.#isOutgrown(want)) return this.#grow(want, signal);
    if (!isSameConfig(this.#applied.engine, this.#configFor(want.engine))) {
      // All of it is configuration text.
      this.#nextStart = 'settings';
      return this.#startOver(want, signal);
    }
    const taken = this.#lessRefused(want);
    const change = renderChange(this.#applied, taken, this.#collector.leftovers, this.#options.selfSignedPem);
    await this.#run(this.#engine, change.steps);
    this.#applied = taken;
    this.#served = taken;
    this.#collector.add(taken, change.retired);
    this.#collector.schedule((commands) => this.#ask(commands), this.#turns);
    this.#checkpointer.schedule(() => this.#applied);
    return { changes: change.steps.length };
  }

  #isOutgrown({ reserve }: L7Plan): boolean {
    return reserve > this.#reserve && reserve !== this.#unavailableReserve;
  }

  /**
   * HAProxy takes no new port while it runs: a process that has more of them takes over. Where it cannot have them, because somebody else on
   * the machine has one, the plan is served without, and they are not asked for again before still more are needed.
   */
  async #grow(want: L7Plan, signal: AbortSignal): Promise<Applied> {
    this.#nextStart = 'listeners';
    try {
      return await this.#startOver(want, signal);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== NOT_STARTED || signal.aborted) throw thrown;
      this.#unavailableReserve = want.reserve;
      this.#logger.error('HAProxy cannot have more ports for Gateways; choose others with --gateway-ports', {
        ports: want.reserve,
        error: thrown.message,
      });
      this.#nextStart = 'out-of-step';
      return this.#startOver(want, signal);
    }
  }

  /** As many ports as a plan needs, or as there are where more cannot be had. */
  #skeletonFor({ reserve, engine }: Pick<L7Plan, 'reserve' | 'engine'>): string {
    return this.#options.skeleton(this.#reserveFor(reserve), this.#configFor(engine));
  }

  #configFor(config: EngineConfig): EngineConfig {
    return this.#lesser !== undefined && isSameConfig(config, this.#lesser.refused) ? this.#lesser.taken : config;
  }

  #reserveFor(reserve: number): number {
    return reserve === this.#unavailableReserve ? this.#reserve : Math.max(reserve, this.#reserve);
  }

  /** Has a fresh process serve a plan, less what it does not start with. */
  async #startOver(asked: L7Plan, signal: AbortSignal): Promise<Applied> {
    // What is kept meanwhile would take the place of the folder that HAProxy is reading.
    this.#checkpointer.stop();
    const predecessor = await this.#findPredecessor(signal);
    // So does a checkpoint hold only what a process starts with.
    const want = this.#withLesserConfig(asked);
    let taken = want;
    try {
      const folder = await this.#checkpointToStart(want, predecessor, signal);
      await this.#start(folder, want.engine, predecessor, signal);
      this.#refusals = [];
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== NOT_STARTED || signal.aborted) throw thrown;
      const refusals = await this.#findRefusals(want);
      if (refusals === undefined) return this.#startWithLess(asked, thrown, signal);
      this.#noteRefusals(refusals);
      taken = this.#lessRefused(want);
      await this.#start(await this.#checkpointer.layDown(taken), want.engine, predecessor, signal);
    }
    this.#applied = taken;
    this.#served = taken;
    this.#nextStart = 'out-of-step';
    // It is on the disk already, and has only to be made to last.
    this.#checkpointer.schedule(() => this.#applied, 0);
    return { changes: taken.hosts.size + taken.backends.size };
  }

  /**
   * The same without what of the configuration is to blame, which no object is; at worst with the configuration before: what it was asked
   * for must not keep back what others change. @throws `refused` when that is not it either
   */
  async #startWithLess(asked: L7Plan, refused: Fault, signal: AbortSignal): Promise<Applied> {
    const { engine } = asked;
    if (this.#configFor(engine) !== engine) throw refused;
    const isInvalid = (await this.#check(asked)) !== undefined;
    const before = isInvalid && this.#served !== undefined ? [this.#served.engine] : [];
    for (const taken of [...lesserConfigs(engine, isInvalid), ...before]) {
      this.#lesser = { refused: engine, taken };
      try {
        const applied = await this.#startOver(asked, signal);
        this.#logger.error('HAProxy refuses a setting, which has no effect; the rest is served', {
          error: refused.message,
        });
        return applied;
      } catch (thrown) {
        this.#lesser = undefined;
        if (!(thrown instanceof Fault) || thrown.code !== NOT_STARTED || signal.aborted) throw thrown;
      }
    }
    throw refused;
  }

  #withLesserConfig(plan: L7Plan): L7Plan {
    const engine = this.#configFor(plan.engine);
    return engine === plan.engine ? plan : { ...plan, engine };
  }

  #lessRefused(want: L7Plan): L7Plan {
    const items = this.#refusals.map(({ item }) => item);
    return without(this.#withLesserConfig(want), items, this.#served);
  }

  #findRefusals(want: L7Plan): Promise<readonly Refusal[] | undefined> {
    return findRefusals(want, (plan) => this.#check(plan));
  }

  /** What HAProxy has against a plan; undefined: nothing. */
  async #check(plan: L7Plan): Promise<string | undefined> {
    const folder = await this.#checkpointer.layDown(plan);
    return checkConfig(this.#options.paths.haproxy, folder, this.#skeletonFor(plan));
  }

  /** What is left out stays so until the object changes, or another process is started. */
  #noteRefusals(refusals: readonly Refusal[]): void {
    const known = new Set(this.#refusals.map(({ item }) => item.value));
    this.#refusals = refusals;
    for (const { item, reason } of refusals) {
      if (known.has(item.value)) continue;
      this.#options.onRefused();
      this.#logger.error('HAProxy refuses an object; the rest is served', { object: nameOf(item), reason });
    }
  }

  /** When nothing serves and the disk takes nothing, what is on it is served until it does. */
  async #checkpointToStart(want: L7Plan, predecessor: Predecessor, signal: AbortSignal): Promise<string> {
    try {
      return await this.#checkpointer.layDown(want);
    } catch (thrown) {
      if (predecessor.kind !== 'answers' && (await this.#serveLastGood(predecessor, signal)))
        this.#logger.warn('the plan cannot be written to disk; serving what was served last');
      throw thrown;
    }
  }

  /**
   * Lets running requests end, for at most `drainMs` or until `cut` is aborted, and ends the process; meanwhile what was served last is
   * kept on disk, if that takes it.
   */
  async release(cut?: AbortSignal): Promise<void> {
    this.#checkpointer.stop();
    this.#collector.stop();
    clearInterval(this.#pulse);
    const keeping = this.#checkpointer.keep(this.#applied);
    const pid = this.#options.keepsServing ? undefined : await this.#ownPid();
    this.#disconnect();
    if (pid !== undefined) await stopEngine(pid, this.#options.drainMs, cut);
    // A disk that hangs must not hold up somebody who cuts.
    await (cut === undefined ? keeping : orAborted(keeping, cut).catch(() => undefined));
  }

  /** Also of a HAProxy that no connection leads to any more. */
  async #ownPid(): Promise<number | undefined> {
    if (!this.#hasStarted) return undefined;
    const known = this.#engine?.pid ?? this.#silence.pid;
    if (known !== undefined) return known;
    const found = await findEngine(this.#options.paths, this.#patience.answerMs);
    return found.kind === 'none' ? undefined : found.pid;
  }

  /**
   * The HAProxy to take over from. Beside a silent one none is started: it would not get the ports, but take the place of its runtime CLI
   * before it notices, and what still works could not hand over any more. @throws Fault while a silent one is waited for
   */
  async #findPredecessor(signal: AbortSignal): Promise<Predecessor> {
    this.#disconnect();
    const found = await orAborted(findEngine(this.#options.paths, this.#patience.answerMs), signal);
    this.#answers = found.kind === 'answers';
    if (found.kind === 'silent') return { kind: 'silent', pid: this.#silence.processToEnd(found.pid) };
    this.#silence.over();
    return found;
  }

  #disconnect(): void {
    const engine = this.#engine;
    this.#engine = undefined;
    engine?.cli.close();
  }

  async #start(folder: string, config: EngineConfig, predecessor: Predecessor, signal: AbortSignal): Promise<void> {
    const { paths } = this.#options;
    if (predecessor.kind === 'silent') {
      this.#logger.warn('HAProxy has not answered for too long, and is ended', { pid: predecessor.pid });
      await endSilentEngine(paths, predecessor.pid, this.#patience);
      this.#nextStart = 'hung';
    } else if (predecessor.kind === 'none' && this.#nextStart === 'out-of-step') {
      // Nobody was told of its end, because no connection led to it.
      this.#nextStart = 'crashed';
    }
    const reason = this.#nextStart;
    const handsOver = predecessor.kind === 'answers' ? predecessor.pid : undefined;
    const reserve = this.#reserveFor(await readReserve(folder));
    const skeleton = this.#options.skeleton(reserve, this.#configFor(config));
    const start = { checkpoint: folder, skeleton, handsOver, patience: this.#patience, signal };
    const engine = await startEngine(paths, start).catch((thrown: unknown) => {
      throw thrown instanceof Fault ? thrown : stateDirectoryFault(paths.stateDirectory, thrown);
    });
    this.#engine = engine;
    this.#reserve = reserve;
    this.#answers = true;
    this.#hasStarted = true;
    this.#silence.over();
    this.#collector.reset();
    engine.cli.onClose((wasSilent) => this.#lost(engine, wasSilent));
    this.#pulse ??= setInterval(() => void this.#ask(['show version']).catch(crash), PULSE_MS).unref();
    this.#options.onStart(reason);
    this.#logger.info('HAProxy serves', { pid: engine.pid, reason });
  }

  #lost(engine: EngineProcess, wasSilent: boolean): void {
    if (this.#engine !== engine) return;
    this.#engine = undefined;
    this.#answers = false;
    if (wasSilent) this.#silence.noticed(engine.pid);
    this.#nextStart = wasSilent ? 'out-of-step' : 'crashed';
    this.#disturbed(wasSilent ? 'HAProxy does not answer' : 'HAProxy ended or closed its runtime CLI');
  }

  async #run(engine: EngineProcess, steps: readonly Step[]): Promise<void> {
    try {
      await execute(steps, (commands) => engine.cli.send(commands));
    } catch (thrown) {
      this.#applied = undefined;
      if (this.#nextStart !== 'crashed') this.#nextStart = 'out-of-step';
      throw thrown instanceof Fault && thrown.code === SILENT ? this.#silence.fault(engine.pid) : thrown;
    }
  }

  /** Returns the answers; none when HAProxy gives none, of which #lost is told. */
  async #ask(commands: readonly string[]): Promise<readonly string[]> {
    const engine = this.#engine;
    if (engine === undefined) return [];
    try {
      return await engine.cli.send(commands);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return [];
    }
  }
}
