import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Compiler } from '../compile/compiler.ts';
import type { L7Plan, Plan } from '../compile/plan.ts';
import type { StatusPlane, StatusWant } from '../planes/status/plane.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { AccessLogServer } from '../observe/access-log.ts';
import { createApi, startApi, type RunningApi } from '../observe/api.ts';
import { Metrics } from '../observe/metrics.ts';
import { L7Plane } from '../planes/l7/plane.ts';
import { findEngine, type EnginePaths } from '../planes/l7/process.ts';
import { selfSignedPem } from '../planes/l7/self-signed.ts';
import { renderSkeleton } from '../planes/l7/skeleton.ts';
import { Runner } from '../planes/runner.ts';
import type { Source } from '../sources/source.ts';
import type { Store } from '../sources/store.ts';
import { findHaproxy } from './haproxy.ts';
import type { RunOptions } from './options.ts';
import { programVersion } from './version.ts';

/** How often time moves on for compile: certificates expire. */
const CLOCK_STEP_MS = 3_600_000;

/** How long sources may take before what was served last is served again meanwhile, in milliseconds. */
const LAST_GOOD_AFTER_MS = 1_500;

/** The longest path of a Unix socket, less what HAProxy appends while it binds (unix(7)). */
const MAX_SOCKET_PATH = 90;

/** What only a process with an API server has: somewhere to write status to, and rivals. */
export interface ClusterSide {
  readonly plane: StatusPlane;
  /** Stands for election until `signal` is aborted, telling the plane. */
  readonly elect: (signal: AbortSignal) => Promise<void>;
}

/**
 * The program as `sluice run` starts it: sources fill the Store, every change is compiled, every
 * plane gets its part of the plan. It owns start, order and end; what the parts do is theirs.
 */
export class Program {
  readonly #options: RunOptions;
  readonly #logger: Logger;
  readonly #store: Store;
  readonly #sources: readonly Source[];
  readonly #cluster: ClusterSide | undefined;
  readonly #compiler: Compiler;
  readonly #metrics = new Metrics();
  readonly #stop = new AbortController();
  #plan: Plan | undefined;
  #l7: Runner<L7Plan> | undefined;
  #status: Runner<StatusWant> | undefined;
  #isCompileDue = false;
  #isStopping = false;
  #nowMs = Date.now();

  constructor(
    options: RunOptions,
    logger: Logger,
    store: Store,
    sources: readonly Source[],
    cluster: ClusterSide | undefined,
  ) {
    this.#options = options;
    this.#logger = logger;
    this.#store = store;
    this.#sources = sources;
    this.#cluster = cluster;
    this.#compiler = new Compiler(options.compile);
  }

  /**
   * Runs until `signal` is aborted, then drains. `onReady` is called once, when everything is served.
   * @throws Fault when it cannot start; anything else is a bug.
   */
  async run(signal: AbortSignal, onReady: () => void): Promise<void> {
    const { stateDirectory } = this.#options;
    const paths = await this.#paths();
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw new Fault('state-directory', `cannot create ${stateDirectory}; choose another with --state-dir`, {
        cause,
        retryable: false,
      });
    });
    const accessLog = await this.#startAccessLog();
    const api = await this.#startApi();
    const plane = await this.#createL7(paths);
    const runner = new Runner(plane, this.#logger, this.#metrics);
    this.#l7 = runner;
    const parts = this.#startParts(runner, plane, paths);
    const ready = this.#announceReady(onReady);
    try {
      await Promise.race([aborted(signal), Promise.all(parts), failed(parts)]);
      await this.#drain();
    } finally {
      this.#stop.abort();
      await Promise.allSettled([...parts, ready]);
      await plane.release();
      await api.close();
      await accessLog?.close();
    }
  }

  #startParts(runner: Runner<L7Plan>, plane: L7Plane, paths: EnginePaths): Promise<void>[] {
    const { signal } = this.#stop;
    this.#store.subscribe(() => this.#scheduleCompile());
    const clock = setInterval(() => {
      this.#nowMs = Date.now();
      this.#scheduleCompile();
    }, CLOCK_STEP_MS);
    signal.addEventListener('abort', () => clearInterval(clock), { once: true });
    const sources = this.#sources.map((source) => source.run(signal, () => this.#sourceChanged(source)));
    const serving = this.#serveLastGood(plane, paths, signal).then(() => runner.run(signal));
    return [...sources, serving, ...this.#startStatus(signal)];
  }

  #startStatus(signal: AbortSignal): Promise<void>[] {
    if (this.#cluster === undefined) return [];
    const { plane, elect } = this.#cluster;
    this.#status = new Runner(plane, this.#logger, this.#metrics);
    return [this.#status.run(signal), elect(signal)];
  }

  /** While the sources are slow, or away, what was served last is served again. A running HAProxy is left alone. */
  async #serveLastGood(plane: L7Plane, paths: EnginePaths, signal: AbortSignal): Promise<void> {
    const deadlineMs = performance.now() + LAST_GOOD_AFTER_MS;
    while (this.#plan === undefined && !signal.aborted && performance.now() < deadlineMs) await sleep(5, signal);
    if (this.#plan !== undefined || signal.aborted || (await findEngine(paths)) !== undefined) return;
    if (await plane.serveLastGood(signal))
      this.#logger.warn('the sources are not there yet; serving what was served last');
  }

  #sourceChanged(source: Source): void {
    const { state } = source;
    this.#metrics.source(source.name, state.kind === 'synced');
    if (state.kind === 'stale')
      this.#logger.warn('a source is stale; what it gave keeps being served', {
        source: source.name,
        reason: state.reason,
      });
    else this.#logger.info('source', { source: source.name, state: state.kind });
    this.#scheduleCompile();
  }

  /** Changes of one turn of the event loop are compiled together. */
  #scheduleCompile(): void {
    if (this.#isCompileDue) return;
    this.#isCompileDue = true;
    setImmediate(() => {
      this.#isCompileDue = false;
      if (!this.#stop.signal.aborted) this.#compile();
    });
  }

  /**
   * Compiling before everything is there tells the sources what else is wanted; but no plane sees a
   * plan of half a world (a restart would withdraw the other half).
   */
  #compile(): void {
    const plan = this.#compiler.compile(this.#store.snapshot, { nowMs: this.#nowMs });
    for (const source of this.#sources) source.want({ secrets: plan.wantedSecrets, names: plan.wantedNames });
    const isComplete = this.#plan !== undefined || this.#sources.every((source) => source.state.kind === 'synced');
    if (!isComplete) return;
    this.#plan = plan;
    this.#l7?.want(plan.l7);
    this.#status?.want({ status: plan.status, findings: plan.findings });
  }

  #notReady(): readonly string[] {
    const reasons = this.#sources.flatMap((source) =>
      this.#plan === undefined && source.state.kind !== 'synced'
        ? [`source ${source.name} is ${source.state.kind}`]
        : [],
    );
    const state = this.#l7?.state;
    if (state?.kind !== 'applied')
      reasons.push(state?.kind === 'failing' ? `l7: ${state.fault.message}` : 'l7: nothing applied yet');
    if (this.#isStopping) reasons.push('shutting down');
    return reasons;
  }

  async #announceReady(onReady: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && this.#notReady().length > 0) await sleep(5, signal);
    if (!signal.aborted) onReady();
  }

  async #drain(): Promise<void> {
    this.#isStopping = true;
    if (this.#options.shutdownDelayMs > 0) await sleep(this.#options.shutdownDelayMs);
  }

  async #paths(): Promise<EnginePaths> {
    const { stateDirectory, haproxyPath } = this.#options;
    const adminSocket = join(stateDirectory, 'admin.sock');
    if (adminSocket.length > MAX_SOCKET_PATH) {
      throw new Fault(
        'state-directory',
        `the path ${stateDirectory} is too long for a Unix socket; choose a shorter one with --state-dir`,
        { retryable: false },
      );
    }
    return { haproxy: await findHaproxy(haproxyPath, process.env), stateDirectory, adminSocket };
  }

  async #createL7(paths: EnginePaths): Promise<L7Plane> {
    const { engine, stateDirectory, keepsServing, drainMs } = this.#options;
    return new L7Plane({
      paths,
      skeleton: renderSkeleton(engine, { admin: paths.adminSocket, accessLog: this.#accessLogName() }),
      selfSignedPem: await selfSignedPem(stateDirectory),
      logger: this.#logger,
      onStart: (reason) => this.#metrics.engineStarted(reason),
      keepsServing,
      drainMs,
    });
  }

  /** One name per state directory, so that a restarted Sluice is found again by the HAProxy that it left. */
  #accessLogName(): string {
    return `sluice-${createHash('sha256').update(this.#options.stateDirectory).digest('hex').slice(0, 16)}`;
  }

  async #startAccessLog(): Promise<AccessLogServer | undefined> {
    if (!this.#options.engine.hasAccessLog) return undefined;
    const server = new AccessLogServer({
      name: this.#accessLogName(),
      format: this.#options.logFormat,
      output: this.#options.hasAccessLog ? process.stdout : undefined,
      onEntry: (entry) => this.#metrics.request(entry),
      onDropped: (lines) => this.#metrics.accessLogDropped(lines),
    });
    await server.listen();
    return server;
  }

  #startApi(): Promise<RunningApi> {
    const api = createApi({
      notReady: () => this.#notReady(),
      plan: () => this.#plan,
      metrics: this.#metrics,
      version: programVersion(),
    });
    return startApi(api, this.#options.apiAddress);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Rejects when any of the parts does, and otherwise never settles. */
function failed(parts: readonly Promise<void>[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const part of parts) part.catch(reject);
  });
}
