import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnnouncePlan } from '../../compile/announce/announce-plan.ts';
import { crash } from '../../lib/crash.ts';
import { replaceFile } from '../../lib/durable.ts';
import { Fault, messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Applied, Plane } from '../plane.ts';
import { boundAddresses, unbindAll } from './bound-addresses.ts';
import {
  eligibilityFile,
  eligibilityText,
  FILES,
  renderConfiguration,
  type AnnounceSettings,
} from './configuration.ts';
import type { ProbeTimes } from './duplicates.ts';
import type { ForeignOwner } from './foreign-owners.ts';
import type { ForeignRouter } from './foreign-routers.ts';
import type { KeepalivedPaths } from './keepalived-process.ts';
import { Keepalived } from './keepalived.ts';
import { addressesOf, withoutAddresses } from './plan-addresses.ts';
import { Precedence } from './precedence.ts';
import { AddressRecord, type RecordedAddress } from './record.ts';

export interface AnnouncePlaneOptions {
  readonly paths: KeepalivedPaths;
  readonly settings: Omit<AnnounceSettings, 'folder'>;
  readonly logger: Logger;
  /** Called with the addresses that this node has when it has been looked at for the first time, and whenever they are others. */
  readonly onHeld?: (held: ReadonlySet<IpAddress>) => void;
  /** Called with those on the network who use virtual routers that are to be ours, whenever they are others. */
  readonly onForeign?: (foreign: readonly ForeignRouter[]) => void;
  /** How long is listened for them before the first virtual router is used, in milliseconds. */
  readonly listenMs: number;
  /** Called with those who answer for addresses that are to be ours, whenever they are others. */
  readonly onForeignOwners?: (owners: readonly ForeignOwner[]) => void;
  readonly probe: ProbeTimes;
  /** Whether keepalived goes on when the program ends, as it does when the program is killed. */
  readonly keepsAnnouncing: boolean;
}

/**
 * Between two reloads, in milliseconds. Each starts the clock anew by which a silent node is missed, so that a storm of them would keep
 * everybody from taking over.
 */
const RELOAD_INTERVAL_MS = 1_000;

/** Between the reload without an address that moves to another router and the one with it, in milliseconds. */
const MOVE_PAUSE_MS = 50;

/** Between two looks at the process and the addresses, in milliseconds. */
const LOOK_INTERVAL_MS = 500;

/** At every so many of them it is looked who else speaks VRRP. */
const HEAR_EVERY_LOOKS = 10;

/** Answers for addresses on the local network, through keepalived: one node of several at a time, elected by VRRP. */
export class AnnouncePlane implements Plane<AnnouncePlan> {
  readonly name = 'announce';
  readonly #options: AnnouncePlaneOptions;
  readonly #settings: AnnounceSettings;
  readonly #logger: Logger;
  readonly #keepalived: Keepalived;
  readonly #record: AddressRecord;
  readonly #precedence: Precedence;
  readonly #eligibility = new Map<string, string>();
  #wanted: AnnouncePlan | undefined;
  #isPrepared = false;
  /** False while an apply is under way, and after one that failed: the runner tries again anyway. */
  #isApplied = false;
  #reloadedMs = -Infinity;
  #looking: NodeJS.Timeout | undefined;
  #looks = 0;
  /** Undefined until it has been looked at. */
  #held: ReadonlySet<IpAddress> | undefined;
  #disturbed: (reason: string) => void = () => {};

  constructor(options: AnnouncePlaneOptions) {
    this.#options = options;
    this.#settings = { ...options.settings, folder: options.paths.folder };
    this.#logger = options.logger.with({ plane: this.name });
    this.#keepalived = new Keepalived(options.paths);
    this.#record = new AddressRecord(options.paths.folder);
    this.#precedence = new Precedence({ ...options, enter: options.paths.enter, logger: this.#logger });
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  /** The addresses of the plan that this node has, when it was looked at last. */
  get held(): ReadonlySet<IpAddress> {
    return this.#held ?? new Set();
  }

  async apply(want: AnnouncePlan, signal: AbortSignal): Promise<Applied> {
    this.#isApplied = false;
    try {
      await this.#prepare();
      const isChanged = await this.#writeEligibility(want);
      const changes = await this.#bringAbout(want, signal);
      this.#wanted = want;
      this.#isApplied = true;
      this.#look();
      return { changes: changes + isChanged };
    } catch (thrown) {
      throw this.#faultOf(thrown);
    }
  }

  /** What the file system and programs say no to has a code; anything else is a bug, and stays what it is. */
  #faultOf(thrown: unknown): unknown {
    if (thrown instanceof Fault || !(thrown instanceof Error) || !('code' in thrown)) return thrown;
    return new Fault('announce', `cannot write to ${this.#settings.folder}: ${messageOf(thrown)}`, { cause: thrown });
  }

  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    await mkdir(this.#settings.folder, { recursive: true, mode: 0o700 });
    await this.#record.read();
    this.#isPrepared = true;
  }

  /** Before the configuration that names the files. Returns how many were written. */
  async #writeEligibility({ routers, isNodeEligible }: AnnouncePlan): Promise<number> {
    const wanted = new Map([[FILES.node as string, eligibilityText(isNodeEligible)]]);
    for (const router of routers.values()) wanted.set(eligibilityFile(router), eligibilityText(router.isEligible));
    let written = 0;
    for (const [file, text] of wanted) {
      if (this.#eligibility.get(file) === text) continue;
      await replaceFile(join(this.#settings.folder, file), text);
      this.#eligibility.set(file, text);
      written += 1;
    }
    return written;
  }

  async #bringAbout(wanted: AnnouncePlan, signal: AbortSignal): Promise<number> {
    const isRunning = await this.#isRunning();
    const want = await this.#precedence.without(wanted, isRunning ? this.#record.entries : [], signal);
    if (want.routers.size === 0) return this.#withdrawAll();
    const text = renderConfiguration(want, this.#settings);
    if (isRunning && (await this.#keepalived.hasRead(text))) return 0;
    const moving = this.#moving(want);
    await this.#remember(want);
    if (!isRunning) {
      await this.#keepalived.install(text);
      await this.#sweep(want);
      await this.#keepalived.process.start(signal);
      this.#reloadedMs = performance.now();
      this.#logger.info('keepalived announces', { routers: want.routers.size });
    } else {
      if (moving.size > 0) {
        await this.#reload(renderConfiguration(withoutAddresses(want, moving), this.#settings), signal);
        this.#reloadedMs = -Infinity;
        await sleep(MOVE_PAUSE_MS, signal);
      }
      await this.#reload(text, signal);
    }
    await this.#forgetOthers(want);
    return 1;
  }

  /** Ends keepalived and takes all addresses away. Returns whether there was anything. @throws Fault */
  async withdraw(): Promise<boolean> {
    try {
      await this.#record.read();
      return (await this.#withdrawAll()) > 0;
    } catch (thrown) {
      throw this.#faultOf(thrown);
    }
  }

  /** One that is halted has its addresses bound, and others take them as well: it is ended. */
  async #isRunning(): Promise<boolean> {
    const state = await this.#keepalived.process.state();
    if (state !== 'halted') return state === 'running';
    this.#logger.warn('keepalived is halted, and is started anew');
    await this.#keepalived.process.kill();
    return false;
  }

  async #withdrawAll(): Promise<number> {
    const isThere = (await this.#keepalived.process.state()) !== 'absent';
    await this.#keepalived.remove();
    const recorded = this.#record.entries;
    await unbindAll(recorded, this.#options.paths.enter);
    if (recorded.length > 0) await this.#record.write([]);
    if (!this.#options.keepsAnnouncing) await this.#precedence.end();
    return isThere || recorded.length > 0 ? 1 : 0;
  }

  /** Addresses that another router has had. In one reload, an address that moves to a router further up in the file is lost for good. */
  #moving({ routers }: AnnouncePlan): ReadonlySet<IpAddress> {
    const routerOf = new Map(this.#record.entries.map((entry) => [entry.address, entry.router]));
    const moving = new Set<IpAddress>();
    for (const { name, addresses } of routers.values())
      for (const address of addresses) if ((routerOf.get(address) ?? name) !== name) moving.add(address);
    return moving;
  }

  async #reload(text: string, signal: AbortSignal): Promise<void> {
    await sleep(Math.max(0, this.#reloadedMs + RELOAD_INTERVAL_MS - performance.now()), signal);
    await this.#keepalived.install(text);
    this.#reloadedMs = performance.now();
    await this.#keepalived.reload(signal);
  }

  async #remember(want: AnnouncePlan): Promise<void> {
    const wanted = addressesOf(want);
    const known = new Set(wanted.map(keyOf));
    await this.#record.write([...wanted, ...this.#record.entries.filter((entry) => !known.has(keyOf(entry)))]);
  }

  /** What is not in the configuration any more has been taken away by keepalived, if it ran. */
  async #forgetOthers(want: AnnouncePlan): Promise<void> {
    const wanted = addressesOf(want);
    if (wanted.length < this.#record.entries.length) await this.#record.write(wanted);
  }

  /** Takes away what no process looks after any more, before a new one starts. Those of its configuration it takes away itself. */
  async #sweep(want: AnnouncePlan): Promise<void> {
    const wanted = new Set(addressesOf(want).map(keyOf));
    const unwanted = this.#record.entries.filter((entry) => !wanted.has(keyOf(entry)));
    await unbindAll(unwanted, this.#options.paths.enter);
  }

  #look(): void {
    this.#looking ??= setInterval(() => void this.#lookOnce().catch(crash), LOOK_INTERVAL_MS).unref();
  }

  async #lookOnce(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === undefined || !this.#isApplied) return;
    if (wanted.routers.size === 0) {
      this.#hold(new Set());
      return;
    }
    const state = await this.#keepalived.process.state();
    if (state === 'absent') this.#disturbed('keepalived has ended');
    else if (state === 'halted') this.#disturbed('keepalived is halted');
    await this.#listenOnce();
    const bound = await boundAddresses(this.#options.paths.enter).catch(() => undefined);
    if (bound === undefined) return;
    const ours = new Set(addressesOf(wanted).map(({ address }) => address));
    this.#hold(new Set(bound.flatMap(({ address }) => (ours.has(address) ? [address] : []))));
  }

  /** Less often: it costs a process each time. */
  async #listenOnce(): Promise<void> {
    this.#looks += 1;
    if (this.#looks % HEAR_EVERY_LOOKS !== 0) return;
    if (await this.#precedence.hasChanged(this.held))
      this.#disturbed('others speak VRRP or have addresses, or do not any more');
  }

  #hold(held: ReadonlySet<IpAddress>): void {
    const before = this.#held;
    if (before?.size === held.size && [...held].every((address) => before.has(address))) return;
    this.#held = held;
    this.#options.onHeld?.(held);
  }

  async release(): Promise<void> {
    clearInterval(this.#looking);
    if (this.#options.keepsAnnouncing || !this.#isPrepared) return;
    await this.#withdrawAll();
  }
}

function keyOf({ address, interface: device }: RecordedAddress): string {
  return `${address} ${device}`;
}
