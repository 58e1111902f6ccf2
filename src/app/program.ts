import { Compiler } from '../compile/compiler.ts';
import type { AddressAnswer } from '../compile/announce/explain-address.ts';
import type { Plan } from '../compile/plan.ts';
import { aborted } from '../lib/aborted.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { L2Status } from '../model/l2-status.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { RunningServer } from '../observe/api.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Source } from '../sources/source.ts';
import type { Store } from '../sources/store.ts';
import { AllocationFile } from './allocation-file.ts';
import { startServers } from './http-servers.ts';
import { InterfaceAddresses } from './interface-addresses.ts';
import type { RunOptions } from './options.ts';
import type { Role } from './role.ts';
import { prepareStateDirectory } from './state-directory.ts';
import { programVersion } from './version.ts';

/** How often a plan is compiled although nothing has changed: certificates expire. */
const CLOCK_STEP_MS = 3_600_000;

/** What a program is put together from. */
export interface ProgramParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly sources: readonly Source[];
  /** Made once the state directory is there. @throws Fault when one cannot start. */
  readonly createRoles: () => Promise<readonly Role[]>;
}

/**
 * The program as `sluice run` starts it: sources fill the Store, every change is compiled, every
 * role gets its part of the plan. It owns start, order and end; what the parts do is theirs.
 */
export class Program {
  readonly #options: RunOptions;
  readonly #parts: ProgramParts;
  readonly #logger: Logger;
  readonly #allocations: AllocationFile;
  readonly #addresses = new InterfaceAddresses();
  /** Sources that have been synced at some time. */
  readonly #synced = new Set<Source>();
  readonly #stop = new AbortController();
  #compiler: Compiler | undefined;
  #roles: readonly Role[] = [];
  #plan: Plan | undefined;
  /** What was compiled last. */
  #compiled: Snapshot | undefined;
  #isCompileDue = false;
  #isStopping = false;

  constructor(options: RunOptions, parts: ProgramParts) {
    this.#options = options;
    this.#parts = parts;
    this.#logger = parts.logger;
    this.#allocations = new AllocationFile(options.stateDirectory, parts.logger);
  }

  /**
   * Runs until `signal` is aborted, then drains until that is done or `cut` is aborted too. `onReady` is called once,
   * when everything is served.
   * @throws Fault when it cannot start; anything else is a bug.
   */
  async run(signal: AbortSignal, cut: AbortSignal, onReady: () => void): Promise<void> {
    const { stateDirectory } = this.#options;
    await prepareStateDirectory(stateDirectory);
    await this.#addresses.look();
    this.#compiler = new Compiler(this.#options.compile, await this.#allocations.read());
    const api = await this.#startApi();
    let running: readonly Promise<void>[] = [];
    try {
      this.#roles = await this.#parts.createRoles();
      running = [...this.#start(), this.#announceReady(onReady)];
      await Promise.race([aborted(signal), failed(running)]);
      await this.#drain(cut);
    } finally {
      this.#stop.abort();
      await Promise.allSettled(running);
      await releaseAll(this.#roles, cut);
      await this.#allocations.flush();
      await api.close();
    }
  }

  #start(): readonly Promise<void>[] {
    const { signal } = this.#stop;
    this.#parts.store.subscribe(() => this.#scheduleCompile());
    const clock = setInterval(() => this.#scheduleCompile(), CLOCK_STEP_MS);
    signal.addEventListener('abort', () => clearInterval(clock), { once: true });
    this.#addresses.follow(signal, () => this.#scheduleCompile());
    const sources = this.#parts.sources.map((source) => source.run(signal, () => this.#sourceChanged(source)));
    return [...sources, ...this.#roles.map((role) => role.run(signal))];
  }

  #sourceChanged(source: Source): void {
    const { state } = source;
    this.#parts.metrics.source(source.name, state.kind === 'synced');
    if (state.kind === 'synced') this.#synced.add(source);
    if (state.kind === 'stale') {
      const rest = this.#synced.has(source)
        ? 'what it gave keeps being served'
        : 'it has not given everything yet, and is waited for';
      this.#logger.warn(`a source is stale; ${rest}`, { source: source.name, reason: state.reason });
    } else this.#logger.info('source', { source: source.name, state: state.kind });
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
   * Compiling before everything is there tells the sources what else is wanted; but no role sees a
   * plan of half a world (a restart would withdraw the other half).
   */
  #compile(): void {
    const { sources, store } = this.#parts;
    const { snapshot } = store;
    if (this.#compiler === undefined || !this.#isWorthwhile(snapshot)) return;
    const plan = this.#compiler.compile(snapshot, {
      nowMs: Date.now(),
      node: this.#addresses.facts,
      interfaces: this.#addresses.interfaces,
    });
    this.#compiled = snapshot;
    for (const source of sources) source.want(plan.wants);
    const isComplete = this.#plan !== undefined || sources.every((source) => source.state.kind === 'synced');
    if (!isComplete) return;
    this.#plan = plan;
    this.#allocations.write(plan.allocations);
    for (const role of this.#roles) role.want(plan);
  }

  /**
   * Until there is a plan that a role may see, one is made only for what it wants of the sources: of a large cluster, whose objects come in
   * many pieces, half of what the start takes would go into plans that nobody sees.
   */
  #isWorthwhile(snapshot: Snapshot): boolean {
    if (this.#plan !== undefined) return true;
    const states = this.#parts.sources.map(({ state }) => state);
    if (states.every(({ kind }) => kind === 'synced')) return true;
    return (
      !states.some((state) => state.kind === 'syncing' && state.lacks === 'own') &&
      !hasSameWants(snapshot, this.#compiled)
    );
  }

  #notReady(): readonly string[] {
    const sources = this.#parts.sources.flatMap((source) =>
      this.#plan === undefined && source.state.kind !== 'synced' ? [lackOf(source)] : [],
    );
    const start = this.#roles.length === 0 || this.#plan === undefined ? ['starting'] : [];
    const end = this.#isStopping ? ['shutting down'] : [];
    return [...start, ...sources, ...this.#roles.flatMap((role) => role.notReady()), ...end];
  }

  async #announceReady(onReady: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && this.#notReady().length > 0) await sleep(5, signal);
    if (!signal.aborted) onReady();
  }

  async #drain(cut: AbortSignal): Promise<void> {
    this.#isStopping = true;
    for (const role of this.#roles) role.withdraw?.();
    const drained = this.#roles.map((role) => role.drained?.(cut) ?? Promise.resolve());
    if (this.#options.shutdownDelayMs > 0) await sleep(this.#options.shutdownDelayMs, cut);
    await Promise.all(drained);
  }

  #announcersOf(service: string): readonly L2Status[] {
    return this.#roles.find((role) => role.announcersOf !== undefined)?.announcersOf?.(service) ?? [];
  }

  #explainAddress(address: IpAddress): AddressAnswer | undefined {
    const holders = this.#plan?.addresses.sorted().filter(([, { addresses }]) => addresses.includes(address)) ?? [];
    return this.#compiler?.explainAddress(address, this.#addresses.interfaces, {
      isHeld: this.#roles.some(({ held }) => held?.has(address) === true),
      said: holders.flatMap(([service]) => this.#announcersOf(service)),
    });
  }

  #startApi(): Promise<RunningServer> {
    return startServers(this.#options, {
      notReady: () => this.#notReady(),
      plan: () => this.#plan,
      held: () => this.#roles.find((role) => role.held !== undefined)?.held,
      announcers: (service) => this.#announcersOf(service),
      explainAddress: (address) => this.#explainAddress(address),
      peers: () => this.#roles.find((role) => role.peers !== undefined)?.peers,
      programmed: () => this.#roles.find((role) => role.programmed !== undefined)?.programmed,
      refused: () => this.#roles.flatMap((role) => role.refused ?? []),
      hasLocalhostNodePorts: this.#options.node.servesLocalhostNodePorts,
      metrics: this.#parts.metrics,
      version: programVersion(),
    });
  }
}

/** What a source lacks at the start, for whoever wonders why nothing is served. */
function lackOf({ name, state }: Source): string {
  return `source ${name} is ${state.kind}${state.kind === 'stale' ? `: ${state.reason}` : ''}`;
}

/** Whether two snapshots agree in all that decides which Secrets and names a plan wants. */
function hasSameWants(left: Snapshot, right: Snapshot | undefined): boolean {
  return (
    [
      'ingresses',
      'ingressClasses',
      'services',
      'gatewayClasses',
      'gateways',
      'httpRoutes',
      'grpcRoutes',
      'backendTlsPolicies',
      'referenceGrants',
      'bgpPeers',
    ] as const
  ).every((table) => left[table] === right?.[table]);
}

/** Each of them, whatever becomes of the others. @throws what the first one threw */
async function releaseAll(roles: readonly Role[], cut: AbortSignal): Promise<void> {
  const failures: unknown[] = [];
  for (const role of roles) await role.release(cut).catch((thrown: unknown) => failures.push(thrown));
  if (failures.length > 0) throw failures[0];
}

/** Rejects when any of the parts does, and otherwise never settles. */
function failed(parts: readonly Promise<void>[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const part of parts) part.catch(reject);
  });
}
