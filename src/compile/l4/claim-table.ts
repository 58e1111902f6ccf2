import type { Service } from '../../model/service.ts';
import { byAge } from '../../model/object.ts';
import { DependencyIndex } from '../dependency-index.ts';
import type { Claim } from './frontends.ts';

/** Who wants which address or port. Of several, the oldest has it, as routes are settled too. */
export class ClaimTable {
  readonly #claims = new DependencyIndex();

  /** Replaces what `service` claims; returns the Services to which that may make a difference. */
  set(service: string, claims: readonly Claim[]): ReadonlySet<string> {
    const before = this.#claims.inputsOf(service);
    this.#claims.set(service, claims);
    const touched = new Set<string>();
    for (const claim of [...before, ...claims])
      for (const other of this.#claims.ownersOf(claim)) if (other !== service) touched.add(other);
    return touched;
  }

  isClaimed(claim: Claim): boolean {
    return this.#claims.ownersOf(claim).size > 0;
  }

  /** The Service with an older right to `claim` than `service`; undefined where there is none. */
  holder(claim: Claim, service: Service, find: (key: string) => Service | undefined): Service | undefined {
    let oldest: Service = service;
    for (const key of this.#claims.ownersOf(claim)) {
      const other = find(key);
      if (other !== undefined && byAge(other.meta, oldest.meta) < 0) oldest = other;
    }
    return oldest === service ? undefined : oldest;
  }
}
