import { cidrHas } from '../../model/cidr.ts';
import { familyOf } from '../../model/address-range.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { InterfaceFacts } from './announce-settings.ts';
import type { Profile } from './profile.ts';

/** Those that are named, if they are here; else the one whose network the address is of, or that of this node's own address. */
export function devicesFor(
  address: IpAddress,
  { interfaces: named }: Profile,
  interfaces: readonly InterfaceFacts[],
): readonly string[] {
  if (named.length > 0) return interfaces.filter(({ name }) => named.includes(name)).map(({ name }) => name);
  const containing = interfaces.find(({ networks }) => networks.some(({ network }) => cidrHas(network, address)));
  const family = familyOf(address);
  const fallback = interfaces.find(({ networks }) => networks.some((item) => familyOf(item.address) === family));
  const device = containing ?? fallback ?? interfaces[0];
  return device === undefined ? [] : [device.name];
}
