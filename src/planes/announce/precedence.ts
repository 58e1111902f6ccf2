import type { AnnouncePlan, VirtualRouter } from '../../compile/announce/announce-plan.ts';
import { messageOf } from '../../lib/fault.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { sleep } from '../../lib/sleep.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { Duplicates, type DuplicatesOptions } from './duplicates.ts';
import { ForeignRouters, type ForeignRouter } from './foreign-routers.ts';
import type { RecordedAddress } from './record.ts';

export interface PrecedenceOptions extends Omit<DuplicatesOptions, 'peers'> {
  /** How long is listened before the first virtual router is used, in milliseconds. */
  readonly listenMs: number;
  /** Called with those who use virtual routers that are to be ours, whenever they are others. */
  readonly onForeign?: ((foreign: readonly ForeignRouter[]) => void) | undefined;
}

/**
 * Who was first to use a virtual router or an address of the network has it: others are not disturbed, and who comes after us has to give
 * way.
 */
export class Precedence {
  readonly #options: PrecedenceOptions;
  readonly #routers: ForeignRouters;
  readonly #duplicates: Duplicates;
  /** The interfaces on which others are listened for. */
  #listening: ReadonlySet<string> = new Set();
  /** Who was heard when it was looked at last. */
  #heard: readonly ForeignRouter[] = [];
  /** Why it could not be listened, as it was reported last; undefined while it can. */
  #deafness: string | undefined;
  /** Those that it is to be listened on. */
  #wanted: ReadonlySet<string> = new Set();
  #reported: readonly ForeignRouter[] = [];

  constructor(options: PrecedenceOptions) {
    this.#options = options;
    this.#routers = new ForeignRouters(options.enter);
    this.#duplicates = new Duplicates({ ...options, peers: () => this.#routers.peers() });
  }

  /** The plan without virtual routers and addresses that somebody else has. `ours` is what we have already. */
  async without(want: AnnouncePlan, ours: readonly RecordedAddress[], signal: AbortSignal): Promise<AnnouncePlan> {
    if (want.routers.size === 0) return want;
    const kept = await this.#withoutRouters(want, new Set(ours.map(({ router }) => router)), signal);
    return this.#duplicates.without(kept, new Set(ours.map(({ address }) => address)), signal);
  }

  async #withoutRouters(want: AnnouncePlan, ours: ReadonlySet<string>, signal: AbortSignal): Promise<AnnouncePlan> {
    await this.#listen(want, ours.size > 0, signal);
    this.#heard = await this.#hear();
    const routers = [...want.routers.values()];
    const foreign = this.#heard.filter((other) => routers.some((router) => areOne(router, other)));
    this.#report(foreign);
    const kept = routers.filter((router) => ours.has(router.name) || !foreign.some((other) => areOne(router, other)));
    if (kept.length === routers.length) return want;
    return { ...want, routers: PersistentMap.from(kept.map((router) => [router.name, router])) };
  }

  /** Whether others are heard than when it was looked at last. `held` are the addresses that this node has. */
  async hasChanged(held: ReadonlySet<IpAddress>): Promise<boolean> {
    if (this.#deafness !== undefined) await this.#tryToListen();
    const haveOthers = await this.#duplicates.hasChanged(held);
    return textOf(await this.#hear()) !== textOf(this.#heard) || haveOthers;
  }

  /** Listens no more. */
  async end(): Promise<void> {
    await this.#routers.remove();
    await this.#duplicates.end();
    this.#listening = new Set();
  }

  /** Where we have routers already, they were listened for before. */
  async #listen({ routers }: AnnouncePlan, hasRouters: boolean, signal: AbortSignal): Promise<void> {
    const interfaces = new Set([...routers.values()].map(({ interface: device }) => device));
    this.#wanted = interfaces;
    if (interfaces.size === this.#listening.size && [...interfaces].every((device) => this.#listening.has(device)))
      return;
    const isNew = ![...interfaces].every((device) => this.#listening.has(device));
    if ((await this.#tryToListen()) && isNew && !hasRouters) await sleep(this.#options.listenMs, signal);
  }

  /** Where that fails it is tried again with every look: who cannot hear would take what is somebody else's. */
  async #tryToListen(): Promise<boolean> {
    try {
      await this.#routers.listen(this.#wanted);
      this.#listening = this.#wanted;
      if (this.#deafness !== undefined) this.#options.logger.info('others that speak VRRP are listened for again');
      this.#deafness = undefined;
      return true;
    } catch (thrown) {
      const error = messageOf(thrown);
      if (error !== this.#deafness) this.#options.logger.warn('cannot listen for others that speak VRRP', { error });
      this.#deafness = error;
      return false;
    }
  }

  /** Where that fails, those that were heard last are there still: a virtual router that is theirs must not be taken for free. */
  async #hear(): Promise<readonly ForeignRouter[]> {
    return this.#routers.heard().catch(() => this.#heard);
  }

  #report(foreign: readonly ForeignRouter[]): void {
    if (textOf(foreign) === textOf(this.#reported)) return;
    this.#reported = foreign;
    this.#options.onForeign?.(foreign);
  }
}

function areOne(router: VirtualRouter, { id, interface: device }: ForeignRouter): boolean {
  return router.id === id && router.interface === device;
}

function textOf(foreign: readonly ForeignRouter[]): string {
  return foreign
    .map((router) => JSON.stringify(router))
    .sort()
    .join();
}
