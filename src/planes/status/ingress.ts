import { PersistentMap } from '../../lib/persistent-map.ts';
import type { ObservedIngress } from '../../model/observed.ts';
import { sameAddresses } from '../../model/published-address.ts';
import type { PublishedAddress } from '../../model/service.ts';
import { LoadBalancerStatusPlane } from './load-balancer.ts';
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
 * The addresses under which Ingresses are reached, in their status. Without any address to publish nothing is taken back: that no gateway
 * reports one is more often a matter of minutes than a fact.
 *
 * It may take back once all is read that decides which Ingresses are ours. What has not been read yet is pending, not absent.
 */
export function ingressStatusPlane(writer: StatusWriter<ObservedIngress>): LoadBalancerStatusPlane<IngressAddresses> {
  return new LoadBalancerStatusPlane('ingress-status', writer, (addresses) =>
    addresses.length === 0 ? undefined : addresses,
  );
}
