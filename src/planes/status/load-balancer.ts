import type { Fault } from '../../lib/fault.ts';
import type { ObservedBalancing } from '../../model/observed.ts';
import { sameAddresses, sortedAddresses } from '../../model/published-address.ts';
import type { PublishedAddress } from '../../model/service.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';
import type { StatusWriter } from './status-writer.ts';

/**
 * Addresses in the status of objects: `loadBalancer.ingress`, a list that one writer owns as a whole.
 *
 * Of an object that is not ours, only what we wrote ourselves is taken back.
 */
export class LoadBalancerStatusPlane<Want> implements KeyedPlane<Want, ObservedBalancing> {
  readonly name: string;
  readonly renewAfterMs = undefined;
  /** Whether it is known which objects are ours. */
  mayTakeBack = false;
  readonly #writer: StatusWriter<ObservedBalancing>;
  readonly #addressesOf: (want: Want) => readonly PublishedAddress[] | undefined;
  readonly #annotationsOf: (want: Want) => Readonly<Record<string, string>> | undefined;

  /**
   * @param addressesOf gives the addresses to publish; undefined: the status is left as it is
   * @param annotationsOf what is written beside them; undefined: nothing
   */
  constructor(
    name: string,
    writer: StatusWriter<ObservedBalancing>,
    addressesOf: (want: Want) => readonly PublishedAddress[] | undefined,
    annotationsOf: (want: Want) => Readonly<Record<string, string>> | undefined = () => undefined,
  ) {
    this.name = name;
    this.#writer = writer;
    this.#addressesOf = addressesOf;
    this.#annotationsOf = annotationsOf;
  }

  compare(
    key: string,
    want: Want | undefined,
    seen: ObservedBalancing | undefined,
  ): ItemWrite<ObservedBalancing> | undefined {
    if (seen === undefined) return undefined;
    const { uid } = seen;
    if (want === undefined) {
      const isOurs = seen.managers.includes(this.#writer.fieldManager);
      return isOurs && this.mayTakeBack ? this.#write(key, uid, undefined) : undefined;
    }
    const ingress = this.#addressesOf(want);
    // An order of its own, as other controllers have, is as good as ours.
    if (ingress === undefined) return undefined;
    const annotations = this.#annotationsOf(want);
    const areSame = sameAddresses(sortedAddresses(ingress), sortedAddresses(seen.addresses));
    const isNoted = Object.entries(annotations ?? {}).every(([name, value]) => seen.annotations[name] === value);
    if (areSame && isNoted) return undefined;
    return this.#write(key, uid, { loadBalancer: { ingress } }, annotations);
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(seen: ObservedBalancing): string | undefined {
    return seen.managers.find((manager) => manager !== this.#writer.fieldManager);
  }

  #write(
    key: string,
    uid: string,
    status: unknown,
    annotations?: Readonly<Record<string, string>>,
  ): ItemWrite<ObservedBalancing> {
    return (signal) => this.#writer.write({ key, uid, status, ...(annotations && { annotations }) }, signal);
  }
}
