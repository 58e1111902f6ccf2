import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { L7Plan, Plan } from '../compile/plan.ts';
import { aborted } from '../lib/aborted.ts';
import { Backoff } from '../lib/backoff.ts';
import { crash } from '../lib/crash.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { Finding } from '../model/finding.ts';
import { LogOutput, standardOutput } from '../observe/log-output.ts';
import type { Metrics } from '../observe/metrics.ts';
import { AccessLogServer } from '../planes/l7/access-log/server.ts';
import { checkerKey } from '../planes/l7/password/checker-key.ts';
import { PasswordChecker } from '../planes/l7/password/password-checker.ts';
import { L7Plane } from '../planes/l7/plane.ts';
import { findEngine, type EnginePaths } from '../planes/l7/process.ts';
import { selfSignedPem } from '../planes/l7/self-signed.ts';
import { findingOf } from '../planes/l7/refusals.ts';
import { renderSkeleton } from '../planes/l7/skeleton.ts';
import { Runner } from '../planes/runner.ts';
import type { GatewayReport } from './gateway-report.ts';
import { confinementOf } from './confinement.ts';
import { findHaproxy } from './haproxy.ts';
import type { RunOptions } from './options.ts';
import { notApplied, type Role } from './role.ts';

/** How long sources may take before what was served last is served again meanwhile, in milliseconds. */
const LAST_GOOD_AFTER_MS = 1_500;

/** The longest path of a Unix socket, less what HAProxy appends while it binds (unix(7)). */
const MAX_SOCKET_PATH = 90;

/** What HAProxy connects to. */
interface EngineServers {
  readonly accessLog: AccessLogServer;
  readonly passwords: PasswordChecker;
}

/** HTTP and HTTPS through HAProxy. */
export class Gateway implements Role {
  readonly name = 'gateway';
  readonly #plane: L7Plane;
  readonly #paths: EnginePaths;
  readonly #runner: Runner<L7Plan>;
  readonly #servers: EngineServers;
  readonly #logger: Logger;
  /** Undefined where there is no API server. */
  readonly #report: GatewayReport | undefined;
  readonly #keepsServing: boolean;
  readonly #firstPlan = Promise.withResolvers<void>();
  #plan: L7Plan | undefined;

  private constructor(
    plane: L7Plane,
    paths: EnginePaths,
    servers: EngineServers,
    logger: Logger,
    metrics: Metrics,
    report: GatewayReport | undefined,
    keepsServing: boolean,
  ) {
    this.#report = report;
    this.#keepsServing = keepsServing;
    this.#plane = plane;
    this.#paths = paths;
    this.#servers = servers;
    this.#logger = logger;
    this.#runner = new Runner(plane, logger, metrics);
  }

  /** Finds HAProxy and listens for its log. @throws Fault when it cannot. */
  static async create(
    options: RunOptions,
    logger: Logger,
    metrics: Metrics,
    report: GatewayReport | undefined,
  ): Promise<Gateway> {
    const { engine, stateDirectory, keepsServing, drainMs } = options;
    const paths = await confined(await enginePaths(options), options, logger);
    const accessLogName = await accessLogNameOf(stateDirectory);
    const accessLog = await startAccessLog(accessLogName, options, logger, metrics);
    const asked = { name: `${accessLogName}-passwords`, key: await checkerKey(stateDirectory) };
    const passwords = new PasswordChecker({ ...asked, logger });
    await passwords.listen();
    const plane = new L7Plane({
      paths,
      skeleton: (reserve, config) =>
        renderSkeleton(
          engine,
          { admin: paths.adminSocket, accessLog: accessLogName, passwords: asked, asked: `${accessLogName}-asked` },
          reserve,
          config,
        ),
      selfSignedPem: await selfSignedPem(stateDirectory),
      logger,
      passwords,
      onStart: (reason) => metrics.engineStarted(reason),
      onRefused: () => metrics.haproxyRefused(),
      keepsServing,
      drainMs,
    });
    return new Gateway(plane, paths, { accessLog, passwords }, logger, metrics, report, keepsServing);
  }

  /** Resolves when HAProxy serves a plan for the first time. */
  get serves(): Promise<void> {
    return this.#runner.firstApply;
  }

  want(plan: Plan): void {
    this.#plan = plan.l7;
    this.#firstPlan.resolve();
    this.#runner.want(plan.l7);
    this.#report?.addresses(plan.status.addresses);
  }

  get refused(): readonly Finding[] {
    return this.#plan === undefined ? [] : this.#plane.refusalsOf(this.#plan).map(findingOf);
  }

  /** Who serves stays ready, whatever cannot be changed: what harms one gateway, as an object or a full disk, may harm all of them. */
  notReady(): readonly string[] {
    const { state } = this.#runner;
    return state.kind === 'failing' && state.hasApplied && this.#plane.answers ? [] : notApplied(this.#runner);
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#serveLastGood(signal);
    await Promise.all([this.#runner.run(signal), this.#reportOnceServing(signal)]);
  }

  /** An HAProxy that goes on serving is still to be found: its Lease runs out if nobody takes it over. */
  withdraw(): void {
    if (!this.#keepsServing) this.#report?.withdraw();
  }

  async #reportOnceServing(signal: AbortSignal): Promise<void> {
    await Promise.race([this.serves, aborted(signal)]);
    if (!signal.aborted) await this.#report?.run(signal);
  }

  async release(cut?: AbortSignal): Promise<void> {
    try {
      await this.#plane.release(cut);
    } finally {
      await Promise.all([this.#servers.accessLog.close(), this.#servers.passwords.close()]);
    }
  }

  /** While the sources are slow, or away, what was served last is served again. A running HAProxy is left alone. */
  async #serveLastGood(signal: AbortSignal): Promise<void> {
    await this.#planOrAfter(LAST_GOOD_AFTER_MS, signal);
    const backoff = new Backoff({ minMs: 500, maxMs: 10_000 });
    while (this.#plan === undefined && !signal.aborted && (await findEngine(this.#paths)).kind === 'none') {
      try {
        if (await this.#plane.serveLastGood(signal))
          this.#logger.warn('the sources are not there yet; serving what was served last');
        return;
      } catch (thrown) {
        // What was served last may harm nothing but itself: whatever HAProxy has against it, a plan is still waited for.
        if (!(thrown instanceof Fault)) throw thrown;
        this.#logger.error('what was served last cannot be served', { code: thrown.code, error: thrown.message });
        await this.#planOrAfter(backoff.nextMs(), signal);
      }
    }
  }

  /** Resolves with the first plan, or when the time is over. */
  async #planOrAfter(durationMs: number, signal: AbortSignal): Promise<void> {
    const planned = new AbortController();
    this.#firstPlan.promise.then(() => planned.abort()).catch(crash);
    await sleep(durationMs, AbortSignal.any([signal, planned.signal]));
  }
}

async function enginePaths({ stateDirectory, haproxyPath }: RunOptions): Promise<EnginePaths> {
  const adminSocket = join(stateDirectory, 'admin.sock');
  if (adminSocket.length > MAX_SOCKET_PATH) {
    throw new Fault(
      'state-directory',
      `the path ${stateDirectory} is too long for a Unix socket; choose a shorter one with --state-dir`,
      { retryable: false },
    );
  }
  // haproxy.cfg takes a blank for the end of a word, and other signs for quotes and variables.
  if (!/^[A-Za-z0-9._:@/-]+$/.test(stateDirectory)) {
    throw new Fault(
      'state-directory',
      `HAProxy cannot have a path like ${stateDirectory}: choose one of letters, digits and "._:@/-" with --state-dir`,
      { retryable: false },
    );
  }
  return { haproxy: await findHaproxy(haproxyPath, process.env), stateDirectory, adminSocket };
}

/** HAProxy as another user has its own files alone already; as that of Sluice, it is confined to them where the machine can do so. */
async function confined(paths: EnginePaths, { engine }: RunOptions, logger: Logger): Promise<EnginePaths> {
  if (engine.user !== undefined) return paths;
  const confinement = await confinementOf(paths.haproxy, paths.stateDirectory);
  if (!('impossible' in confinement)) return { ...paths, confinement };
  logger.info('HAProxy runs as the user of Sluice and can read what that can: this machine cannot confine it', {
    reason: confinement.impossible,
  });
  return paths;
}

/**
 * One name per state directory, so that a restarted Sluice is found again by the HAProxy that it left. Not by its path: containers on the
 * network of the host share these names, and may all call theirs /state.
 */
async function accessLogNameOf(stateDirectory: string): Promise<string> {
  const { dev, ino } = await stat(stateDirectory);
  return `sluice-${dev.toString(16)}-${ino.toString(16)}`;
}

/** Also where no log is wanted: whoever has the name is the only Sluice that drives the HAProxy of the state directory. */
async function startAccessLog(
  name: string,
  options: RunOptions,
  logger: Logger,
  metrics: Metrics,
): Promise<AccessLogServer> {
  const onDropped = (lines: number): void => metrics.accessLogDropped(lines);
  const onReturn = (lines: number): void =>
    logger.warn('lines of the access log were lost: nobody read them in time', { lines });
  const server = new AccessLogServer({
    name,
    format: options.logFormat,
    output: options.engine.hasAccessLog ? new LogOutput(standardOutput(), { onDropped, onReturn }) : undefined,
    onRequest: (line) => metrics.requests.count(line),
    onUnreadable: onDropped,
  });
  await server.listen();
  return server;
}
