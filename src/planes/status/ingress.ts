import type { Fault } from '../../lib/fault.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { ObservedIngress } from '../../model/observed.ts';
import { sameAddresses, sortedAddresses } from '../../model/published-address.ts';
import type { PublishedAddress } from '../../model/service.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';
import type { StatusWriter } from './status-writer.ts';

/** The addresses for `status.loadBalancer.ingress` of one Ingress that is ours; none: its status is left as it is. */
export type IngressAddresses = readonly PublishedAddress[];

/** The same addresses for every Ingress that is ours. */
export class IngressWishes {
  #ingresses = PersistentMap.empty<true>();
  #addresses: IngressAddresses = [];
  #wishes = PersistentMap.empty<IngressAddresses>();

  /** By `namespace/name`; what has not changed is the same. */
  of(ingresses: PersistentMap<true>, addresses: IngressAddresses): PersistentMap<IngressAddresses> {
    if (!sameAddresses(this.#addresses, addresses)) {
      this.#addresses = addresses;
      this.#ingresses = PersistentMap.empty();
      this.#wishes = PersistentMap.empty();
    }
    PersistentMap.diff(this.#ingresses, ingresses, (key, _, after) => {
      this.#wishes = after === undefined ? this.#wishes.delete(key) : this.#wishes.set(key, this.#addresses);
    });
    this.#ingresses = ingresses;
    return this.#wishes;
  }
}

/**
 * The addresses under which Ingresses are reached, in their status: `loadBalancer.ingress`, a list that one writer owns as a whole.
 *
 * Of an Ingress that is not ours, only what we wrote ourselves is taken back. Without any address to publish nothing is taken back
 * either: that no gateway reports one is more often a matter of minutes than a fact.
 */
export class IngressStatusPlane implements KeyedPlane<IngressAddresses, ObservedIngress> {
  readonly name = 'ingress-status';
  readonly renewAfterMs = undefined;
  /** Whether all is read that decides which Ingresses are ours. What has not been read yet is pending, not absent. */
  mayTakeBack = false;
  readonly #writer: StatusWriter<ObservedIngress>;

  constructor(writer: StatusWriter<ObservedIngress>) {
    this.#writer = writer;
  }

  compare(
    key: string,
    want: IngressAddresses | undefined,
    seen: ObservedIngress | undefined,
  ): ItemWrite<ObservedIngress> | undefined {
    if (seen === undefined) return undefined;
    const { uid } = seen;
    if (want === undefined) {
      const isOurs = seen.managers.includes(this.#writer.fieldManager);
      return isOurs && this.mayTakeBack ? this.#write(key, uid, undefined) : undefined;
    }
    // An order of its own, as other controllers have, is as good as ours.
    if (want.length === 0 || sameAddresses(want, sortedAddresses(seen.addresses))) return undefined;
    return this.#write(key, uid, { loadBalancer: { ingress: want } });
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(seen: ObservedIngress): string | undefined {
    return seen.managers.find((manager) => manager !== this.#writer.fieldManager);
  }

  #write(key: string, uid: string, status: unknown): ItemWrite<ObservedIngress> {
    return (signal) => this.#writer.write({ key, uid, status }, signal);
  }
}
