import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { rangeHas, type AddressRange } from '../../model/address-range.ts';
import type { IpAddress } from '../../model/grammar.ts';

/** The pool that an address is of; undefined where no object has it. */
export function poolOf(address: IpAddress, pools: PersistentMap<AddressPool>): AddressPool | undefined {
  return [...pools.values()].find(({ ranges }) => rangesHave(ranges, address));
}

/** Whether an address is in one of the ranges. */
export function rangesHave(ranges: readonly AddressRange[], address: IpAddress): boolean {
  return ranges.some((range) => rangeHas(range, address));
}
