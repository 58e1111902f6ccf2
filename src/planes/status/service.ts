import type { AddressAssignment } from '../../compile/addresses/address-plan.ts';
import type { Fault } from '../../lib/fault.ts';
import type { ObservedService } from '../../model/observed.ts';
import { sameAddresses, sortedAddresses } from '../../model/published-address.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';
import type { StatusWriter } from './status-writer.ts';

/**
 * The addresses that Services of type LoadBalancer have from pools, in their status: `loadBalancer.ingress`. What another load balancer
 * has written to a Service that is not ours stays.
 */
export class ServiceStatusPlane implements KeyedPlane<AddressAssignment, ObservedService> {
  readonly name = 'service-status';
  readonly renewAfterMs = undefined;
  /** Whether it is known which Services are ours, and there is a pool: without any, addresses are kept and not taken back. */
  mayTakeBack = false;
  readonly #writer: StatusWriter<ObservedService>;

  constructor(writer: StatusWriter<ObservedService>) {
    this.#writer = writer;
  }

  compare(
    key: string,
    want: AddressAssignment | undefined,
    seen: ObservedService | undefined,
  ): ItemWrite<ObservedService> | undefined {
    if (seen === undefined) return undefined;
    const { uid } = seen;
    if (want === undefined) {
      const isOurs = seen.managers.includes(this.#writer.fieldManager);
      return isOurs && this.mayTakeBack ? this.#write(key, uid, undefined) : undefined;
    }
    const ingress = want.addresses.map((ip) => ({ ip }));
    // Their order says nothing.
    if (sameAddresses(sortedAddresses(ingress), sortedAddresses(seen.addresses))) return undefined;
    return this.#write(key, uid, { loadBalancer: { ingress } });
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(seen: ObservedService): string | undefined {
    return seen.managers.find((manager) => manager !== this.#writer.fieldManager);
  }

  #write(key: string, uid: string, status: unknown): ItemWrite<ObservedService> {
    return (signal) => this.#writer.write({ key, uid, status }, signal);
  }
}
