import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BgpPlan } from '../../compile/bgp/bgp-plan.ts';
import { crash } from '../../lib/crash.ts';
import { writeDurably } from '../../lib/durable.ts';
import { Fault, messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { Turns } from '../../lib/turns.ts';
import type { BgpPeerState } from '../../model/bgp-peer-state.ts';
import type { Applied, Plane } from '../plane.ts';
import { Bird, type BirdPaths } from './bird.ts';
import {
  renderConfiguration,
  withKeptPasswords,
  type BirdPlan,
  type BirdSettings,
  type KnownPlan,
} from './configuration.ts';
import { KernelRoutes, type KernelRoute } from './kernel-routes.ts';
import { peerStates } from './peer-states.ts';

export interface BgpPlaneOptions {
  readonly paths: BirdPaths;
  readonly settings: BirdSettings;
  readonly logger: Logger;
  /** Called with the states of all sessions, whenever they are others. */
  readonly onPeers?: (peers: readonly BgpPeerState[]) => void;
  /** Whether BIRD goes on announcing when the program ends, as it does when the program is killed. */
  readonly keepsAnnouncing: boolean;
}

/** Between two looks at BIRD, in milliseconds. */
const LOOK_INTERVAL_MS = 1_000;

/** So many looks are between two at the routes of the kernel, which cost two processes. */
const LOOKS_PER_ROUTE_LOOK = 10;

/** A BIRD that does not answer for so long is taken for hung, in milliseconds, and replaced. */
const HUNG_MS = 20_000;

/** The file that says which table of the kernel is ours, for whoever cleans up without knowing the flags. */
const TABLE_FILE = 'route-table';

/** Announces prefixes to routers by BGP, through BIRD: the sessions are its configuration, the prefixes are routes of the kernel. */
export class BgpPlane implements Plane<BgpPlan> {
  readonly name = 'bgp';
  readonly #options: BgpPlaneOptions;
  readonly #logger: Logger;
  readonly #bird: Bird;
  readonly #routes: KernelRoutes;
  /** What changes routes goes one after the other: an apply that is under way would bring back what is withdrawn meanwhile. */
  readonly #turns = new Turns();
  #wanted: KnownPlan | undefined;
  #isPrepared = false;
  /** False while an apply is under way, and after one that failed: the runner tries again anyway. */
  #isApplied = false;
  #isWithdrawn = false;
  #unansweredSinceMs: number | undefined;
  #looking: NodeJS.Timeout | undefined;
  #looks = 0;
  #isLooking = false;
  #peers: readonly BgpPeerState[] = [];
  #disturbed: (reason: string) => void = () => {};

  constructor(options: BgpPlaneOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ plane: this.name });
    this.#bird = new Bird(options.paths);
    this.#routes = new KernelRoutes(options.settings.routeTable, options.paths.enter);
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  /** The sessions as they were looked at last. */
  get peers(): readonly BgpPeerState[] {
    return this.#peers;
  }

  apply(want: BgpPlan, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(() => this.#apply(want, signal));
  }

  async #apply(given: BgpPlan, signal: AbortSignal): Promise<Applied> {
    this.#isApplied = false;
    try {
      await this.#prepare();
      const want = withKeptPasswords(given, await this.#bird.installed());
      const changes = want.sessions.length === 0 ? await this.#removeAll() : await this.#bringAbout(want, signal);
      this.#wanted = want;
      this.#isApplied = true;
      this.#look();
      return { changes };
    } catch (thrown) {
      throw this.#faultOf(thrown);
    }
  }

  /** What the file system says no to has a code; anything else is a bug, and stays what it is. */
  #faultOf(thrown: unknown): unknown {
    if (thrown instanceof Fault || !(thrown instanceof Error) || !('code' in thrown)) return thrown;
    const message = `cannot write to ${this.#options.paths.folder}: ${messageOf(thrown)}`;
    return new Fault('announce', message, { cause: thrown });
  }

  /** The table may be another one than that of the run before. */
  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    const { folder, enter } = this.#options.paths;
    const { routeTable } = this.#options.settings;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const before = await recordedTable(folder);
    if (before !== undefined && before !== routeTable) await new KernelRoutes(before, enter).clear();
    if (before !== routeTable) await writeDurably(join(folder, TABLE_FILE), `${String(routeTable)}\n`);
    this.#isPrepared = true;
  }

  async #bringAbout(want: KnownPlan, signal: AbortSignal): Promise<number> {
    const pid = await this.#runningPid();
    const wanted = this.#routesOf(want);
    const present = await this.#routes.list();
    if (!(await this.#routes.hasRules())) await this.#routes.addRules();
    if (pid === undefined) {
      await this.#bird.install(this.#configuration(want));
      const changes = await this.#changeRoutes(wanted, present);
      const isRestart = want.sessions.some(({ hasGracefulRestart }) => hasGracefulRestart);
      const started = await this.#bird.start(signal, isRestart);
      this.#logger.info('BIRD announces', { pid: started, peers: want.sessions.length, routes: wanted.length });
      return changes + 1;
    }
    // A route whose profile is gone would be withdrawn before it has its new one.
    const leaving = this.#profilesInUse(want, present);
    const interim = leaving.length === 0 ? want : { ...want, profiles: [...want.profiles, ...leaving] };
    const configured = await this.#configure(interim);
    const changes = await this.#changeRoutes(wanted, present);
    return configured + changes + (leaving.length === 0 ? 0 : await this.#configure(want));
  }

  /** Profiles that the plan has no more, and routes of the kernel still have. */
  #profilesInUse(want: KnownPlan, present: readonly KernelRoute[]): BgpPlan['profiles'] {
    const numbers = new Set(want.profiles.map(({ number }) => number));
    const used = new Set(present.map(({ metric }) => metric));
    return (this.#wanted?.profiles ?? []).filter(({ number }) => used.has(number) && !numbers.has(number));
  }

  /** Returns whether BIRD had another configuration. It is not touched where it has this one. */
  async #configure(plan: BirdPlan): Promise<number> {
    const configuration = this.#configuration(plan);
    if (await this.#bird.hasRead(configuration)) return 0;
    await this.#bird.install(configuration);
    await this.#bird.configure();
    return 1;
  }

  #configuration(plan: BirdPlan): ReturnType<typeof renderConfiguration> {
    return renderConfiguration(plan, this.#options.settings, this.#options.paths.folder);
  }

  #routesOf(want: BgpPlan): readonly KernelRoute[] {
    if (this.#isWithdrawn) return [];
    return want.routes.map(({ prefix, profile }) => ({ prefix: prefix.text, metric: profile }));
  }

  async #changeRoutes(wanted: readonly KernelRoute[], present: readonly KernelRoute[]): Promise<number> {
    const { added, removed } = difference(wanted, present);
    await this.#routes.change(added, removed);
    return added.length + removed.length;
  }

  /** One that is halted keeps its sockets, and says nothing to its peers any more: it is ended. So is one that does not answer for long. */
  async #runningPid(): Promise<number | undefined> {
    const pid = await this.#bird.pid();
    if (pid === undefined) return undefined;
    if (await this.#bird.isHalted(pid)) return this.#replace(pid, 'is halted');
    try {
      await this.#bird.ask('show status');
      this.#unansweredSinceMs = undefined;
      return pid;
    } catch (thrown) {
      this.#unansweredSinceMs ??= performance.now();
      if (performance.now() - this.#unansweredSinceMs < HUNG_MS) throw thrown;
      return this.#replace(pid, 'does not answer');
    }
  }

  async #replace(pid: number, why: string): Promise<undefined> {
    this.#logger.warn(`BIRD ${why}, and is started anew`, { pid });
    this.#unansweredSinceMs = undefined;
    await this.#bird.kill(pid);
  }

  /** Takes the routes away, so that peers send nothing new here; sessions stay. @throws Fault `routes` */
  async withdraw(): Promise<void> {
    this.#isWithdrawn = true;
    await this.#turns.take(async () => {
      if (this.#isPrepared) await this.#changeRoutes([], await this.#routes.list());
    });
  }

  /** Ends BIRD and takes everything away, whatever table an earlier run had. Returns whether there was anything. @throws Fault */
  async uninstall(): Promise<boolean> {
    const { folder, enter } = this.#options.paths;
    const table = await recordedTable(folder);
    try {
      return await this.#end(table === undefined ? undefined : new KernelRoutes(table, enter));
    } catch (thrown) {
      throw this.#faultOf(thrown);
    }
  }

  async #removeAll(): Promise<number> {
    const hadAny = await this.#end(this.#routes);
    this.#report([]);
    return hadAny ? 1 : 0;
  }

  async #end(routes: KernelRoutes | undefined): Promise<boolean> {
    const hadRoutes = routes !== undefined && (await routes.clear());
    const pid = await this.#bird.pid();
    if (pid !== undefined) await this.#bird.stop(pid);
    // It holds passwords, maybe.
    await rm(join(this.#options.paths.folder, 'bird.conf'), { force: true });
    return pid !== undefined || hadRoutes;
  }

  #look(): void {
    this.#looking ??= setInterval(() => void this.#lookOnce().catch(crash), LOOK_INTERVAL_MS).unref();
  }

  async #lookOnce(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === undefined || !this.#isApplied || this.#isLooking || wanted.sessions.length === 0) return;
    this.#isLooking = true;
    try {
      const reason = await this.#whatIsWrong(wanted);
      // Something may have been applied meanwhile, which the look did not see.
      if (reason !== undefined && this.#isApplied && this.#wanted === wanted) this.#disturbed(reason);
    } finally {
      this.#isLooking = false;
    }
  }

  async #whatIsWrong(wanted: KnownPlan): Promise<string | undefined> {
    this.#looks += 1;
    const pid = await this.#bird.pid();
    if (pid === undefined) return 'BIRD has ended';
    if (await this.#bird.isHalted(pid)) return 'BIRD is halted';
    try {
      const protocols = await this.#bird.ask('show protocols all');
      const hasBfd = wanted.sessions.some(({ bfd }) => bfd !== undefined);
      const bfd = hasBfd ? await this.#bird.ask('show bfd sessions') : [];
      this.#report(peerStates(wanted.sessions, protocols, bfd));
      if (!(await this.#bird.hasRead(this.#configuration(wanted)))) return 'BIRD has another configuration';
      if (this.#looks % LOOKS_PER_ROUTE_LOOK > 0) return undefined;
      const { added, removed } = difference(this.#routesOf(wanted), await this.#routes.list());
      if (added.length + removed.length > 0) return 'the routes of the kernel are others';
      return (await this.#routes.hasRules()) ? undefined : 'a rule of the kernel is gone';
    } catch (thrown) {
      if (thrown instanceof Fault) return thrown.message;
      throw thrown;
    }
  }

  #report(peers: readonly BgpPeerState[]): void {
    if (JSON.stringify(peers) === JSON.stringify(this.#peers)) return;
    this.#peers = peers;
    this.#options.onPeers?.(peers);
  }

  async release(): Promise<void> {
    clearInterval(this.#looking);
    if (this.#options.keepsAnnouncing || !this.#isPrepared) return;
    await this.#removeAll();
  }
}

function difference(
  wanted: readonly KernelRoute[],
  present: readonly KernelRoute[],
): { readonly added: readonly KernelRoute[]; readonly removed: readonly KernelRoute[] } {
  const key = ({ prefix, metric }: KernelRoute): string => `${prefix} ${String(metric)}`;
  const [should, is] = [new Set(wanted.map(key)), new Set(present.map(key))];
  return {
    added: wanted.filter((route) => !is.has(key(route))),
    removed: present.filter((route) => !should.has(key(route))),
  };
}

async function recordedTable(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, TABLE_FILE), 'utf8').catch(() => '');
  return /^\d{1,10}\n$/.test(text) ? Number(text) : undefined;
}
