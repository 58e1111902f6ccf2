import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { AnnouncePlan } from './announce-plan.ts';

/** The addresses of a plan, whichever router has them: those that this machine may have for others at any time. */
export class AnnouncedAddresses {
  #plan: AnnouncePlan | undefined;
  #all = PersistentMap.empty<true>();

  /** The same map again until an address comes or goes. */
  of(plan: AnnouncePlan | undefined): PersistentMap<true> {
    if (plan === this.#plan) return this.#all;
    this.#plan = plan;
    const wanted = new Set<IpAddress>([...(plan?.routers.values() ?? [])].flatMap(({ addresses }) => addresses));
    for (const address of this.#all.keys())
      if (!(wanted as ReadonlySet<string>).has(address)) this.#all = this.#all.delete(address);
    for (const address of wanted) if (!this.#all.has(address)) this.#all = this.#all.set(address, true);
    return this.#all;
  }
}
