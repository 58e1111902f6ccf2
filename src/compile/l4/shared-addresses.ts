import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { DependencyIndex } from '../dependency-index.ts';

/** Addresses that Services bring into the plan, of which several may bring the same one. */
export class SharedAddresses {
  readonly #ofService = new DependencyIndex();
  /** All of them; the same map until one comes or goes. */
  all = PersistentMap.empty<true>();

  /** Replaces what `service` brings. */
  set(service: string, addresses: readonly IpAddress[]): void {
    const before = this.#ofService.inputsOf(service);
    this.#ofService.set(service, addresses);
    for (const address of before) if (this.#ofService.ownersOf(address).size === 0) this.all = this.all.delete(address);
    for (const address of addresses) if (!this.all.has(address)) this.all = this.all.set(address, true);
  }
}
