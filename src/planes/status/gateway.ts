import type { Condition } from '../../compile/gateway/condition.ts';
import type { GatewayStatus } from '../../compile/gateway/status-plan.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { ObservedStatus } from '../../model/observed.ts';
import { addressText, sameAddresses } from '../../model/published-address.ts';
import type { PublishedAddress } from '../../model/service.ts';
import { ApiStatusPlane } from './api-status.ts';
import { recordsIn, writtenConditions, type Json } from './conditions.ts';
import type { StatusWriter } from './status-writer.ts';

/** What a Gateway is to show, and the addresses under which it is reached. */
export interface GatewayWish extends Omit<GatewayStatus, 'addresses'> {
  readonly addresses: readonly PublishedAddress[];
}

/** Those of its own for every Gateway that has some, and the same for all others that are ours. */
export class GatewayWishes {
  #gateways = PersistentMap.empty<GatewayStatus>();
  #addresses: readonly PublishedAddress[] = [];
  #wishes = PersistentMap.empty<GatewayWish>();

  /** By `namespace/name`; what has not changed is the same. */
  of(gateways: PersistentMap<GatewayStatus>, addresses: readonly PublishedAddress[]): PersistentMap<GatewayWish> {
    if (!sameAddresses(this.#addresses, addresses)) {
      this.#addresses = addresses;
      this.#gateways = PersistentMap.empty();
      this.#wishes = PersistentMap.empty();
    }
    PersistentMap.diff(this.#gateways, gateways, (key, _, after) => {
      this.#wishes =
        after === undefined
          ? this.#wishes.delete(key)
          : this.#wishes.set(key, { ...after, addresses: after.addresses ?? this.#addresses });
    });
    this.#gateways = gateways;
    return this.#wishes;
  }
}

/** What Gateways that are ours show. @param now Unix time in milliseconds */
export function gatewayStatusPlane(
  writer: StatusWriter<ObservedStatus>,
  now: () => number,
): ApiStatusPlane<GatewayWish> {
  return new ApiStatusPlane('gateway-status', writer, (want, shown) =>
    want === undefined ? undefined : statusOf(want, shown, now()),
  );
}

function statusOf(want: GatewayWish, shown: Json, nowMs: number): Json {
  const { generation, conditions, listeners } = want;
  const before = new Map(recordsIn(shown['listeners']).map((item) => [item['name'], item['conditions']]));
  const addresses = addressesOf(want);
  const programmed = { type: 'Programmed', ...programmedOf(want, addresses) };
  return {
    addresses: addresses.map((address) => ({
      type: 'ip' in address ? 'IPAddress' : 'Hostname',
      value: addressText(address),
    })),
    conditions: writtenConditions([...conditions, programmed], generation, shown['conditions'], nowMs),
    listeners: listeners.map(({ name, supportedKinds, attachedRoutes, conditions: own }) => ({
      name,
      supportedKinds,
      attachedRoutes,
      conditions: writtenConditions(own, generation, before.get(name), nowMs),
    })),
  };
}

/** Those that it asks for, of those that there are; all of them, where it asks for none. */
function addressesOf({ addresses, wantedAddresses }: GatewayWish): readonly PublishedAddress[] {
  if (wantedAddresses.length === 0) return addresses;
  return addresses.filter((address) => wantedAddresses.includes(addressText(address)));
}

function programmedOf(want: GatewayWish, addresses: readonly PublishedAddress[]): Omit<Condition, 'type'> {
  if (!want.programmed.isTrue) return want.programmed;
  const had = new Set(addresses.map(addressText));
  const missing = want.wantedAddresses.filter((address) => !had.has(address));
  // One that cannot be had is one too many, even where the others can (GatewaySpec.addresses).
  if (missing.length > 0)
    return { isTrue: false, reason: 'AddressNotUsable', message: `${missing.join(', ')} cannot be had` };
  if (addresses.length > 0) return want.programmed;
  return { isTrue: false, reason: 'AddressNotAssigned', message: 'it has no address yet' };
}
