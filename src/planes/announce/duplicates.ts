import type { AnnouncePlan } from '../../compile/announce/announce-plan.ts';
import { messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { ForeignOwners, type ForeignOwner, type PlacedAddress } from './foreign-owners.ts';
import { ownHardwareAddresses } from './own-hardware-addresses.ts';
import { addressesOf, withoutAddresses } from './plan-addresses.ts';

export interface ProbeTimes {
  /** How long is waited for answers before an address is taken that this node has not had, in milliseconds. */
  readonly waitMs: number;
  /** For how long who was heard once counts, in seconds: several times what is between two questions. */
  readonly rememberedS: number;
}

export interface DuplicatesOptions {
  readonly enter: readonly string[];
  readonly logger: Logger;
  readonly probe: ProbeTimes;
  /** The Ethernet addresses of nodes of ours that have had addresses lately. @throws what a failing nft throws */
  readonly peers: () => Promise<ReadonlySet<string>>;
  /** Called with those who answer for addresses that are to be ours, whenever they are others. */
  readonly onForeignOwners?: ((owners: readonly ForeignOwner[]) => void) | undefined;
}

/** So many addresses are asked for at one look: of a thousand, each within a minute. */
const ASKED_PER_LOOK = 100;

/**
 * Addresses of the plan that somebody else on the network has. One that was there first is left alone; who comes after us is reported, and
 * we keep what we have. Nothing flaps: whoever is heard counts for a while, and of an address that we have only when heard twice.
 */
export class Duplicates {
  readonly #options: DuplicatesOptions;
  readonly #owners: ForeignOwners;
  #all: readonly PlacedAddress[] = [];
  #withheld: ReadonlySet<IpAddress> = new Set();
  /** Those that this node had when it was looked at last. */
  #held: ReadonlySet<IpAddress> = new Set();
  #next = 0;
  /** Heard at the look before, of addresses that we have. */
  #suspected: ReadonlySet<string> = new Set();
  #reported = '';
  #failure: string | undefined;

  constructor(options: DuplicatesOptions) {
    this.#options = options;
    this.#owners = new ForeignOwners(options.enter, options.probe.rememberedS);
  }

  /** The plan without addresses that somebody else has. Those that are `known` have been ours. */
  async without(want: AnnouncePlan, known: ReadonlySet<IpAddress>, signal: AbortSignal): Promise<AnnouncePlan> {
    this.#all = addressesOf(want);
    const fresh = this.#all.filter(({ address }) => !known.has(address));
    try {
      await this.#owners.watch(this.#all);
      if (fresh.length > 0) {
        await this.#owners.ask(fresh);
        await sleep(this.#options.probe.waitMs, signal);
      }
      const [heard, ours] = [await this.#owners.heard(), await this.#ours()];
      this.#withheld = this.#ownedByOthers(fresh, heard, ours);
      this.#report(heard, ours);
      this.#failure = undefined;
    } catch (thrown) {
      this.#warn(messageOf(thrown));
    }
    return withoutAddresses(want, this.#withheld);
  }

  /** Asks again, for what we have and what somebody else has; reports who answers. Returns whether others have other addresses than before. */
  async hasChanged(held: ReadonlySet<IpAddress>): Promise<boolean> {
    this.#held = held;
    const asked = this.#all.filter(({ address }) => held.has(address) || this.#withheld.has(address));
    const start = this.#next >= asked.length ? 0 : this.#next;
    this.#next = start + ASKED_PER_LOOK;
    try {
      await this.#owners.watch(this.#all);
      await this.#owners.ask(asked.slice(start, this.#next));
      const heard = await this.#owners.heard();
      const ours = heard.length === 0 ? new Set<string>() : await this.#ours();
      this.#report(heard, ours);
      const withheld = this.#all.filter(({ address }) => this.#withheld.has(address));
      return this.#ownedByOthers(withheld, heard, ours).size !== this.#withheld.size;
    } catch (thrown) {
      this.#warn(messageOf(thrown));
      return false;
    }
  }

  /** Listens no more. */
  async end(): Promise<void> {
    await this.#owners.remove();
    this.#all = [];
    this.#withheld = new Set();
  }

  /** Those of the addresses that others answer for, and none of ours: where one of ours does, it is for it to defend them. */
  #ownedByOthers(
    addresses: readonly PlacedAddress[],
    heard: readonly ForeignOwner[],
    ours: ReadonlySet<string>,
  ): ReadonlySet<IpAddress> {
    const owned = addresses.filter((place) => {
      const answers = heard.filter((owner) => areOne(owner, place));
      return answers.length > 0 && !answers.some(({ hardwareAddress }) => ours.has(hardwareAddress));
    });
    return new Set(owned.map(({ address }) => address));
  }

  /** A machine may answer by each of its interfaces. */
  async #ours(): Promise<ReadonlySet<string>> {
    return new Set([...(await this.#options.peers()), ...(await ownHardwareAddresses(this.#options.enter))]);
  }

  #report(heard: readonly ForeignOwner[], ours: ReadonlySet<string>): void {
    const foreign = heard.filter(({ hardwareAddress }) => !ours.has(hardwareAddress));
    const suspected = new Set(foreign.map((owner) => JSON.stringify(owner)));
    const sure = foreign.filter(
      (owner) =>
        this.#withheld.has(owner.address) ||
        (this.#held.has(owner.address) && this.#suspected.has(JSON.stringify(owner))),
    );
    this.#suspected = suspected;
    const text = sure
      .map((owner) => JSON.stringify(owner))
      .sort()
      .join();
    if (text === this.#reported) return;
    this.#reported = text;
    this.#options.onForeignOwners?.(sure);
  }

  #warn(error: string): void {
    if (error !== this.#failure) this.#options.logger.warn('cannot hear who else answers for addresses', { error });
    this.#failure = error;
  }
}

function areOne(owner: ForeignOwner, place: PlacedAddress): boolean {
  return owner.address === place.address && owner.interface === place.interface;
}
