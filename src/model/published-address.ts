import type { PublishedAddress } from './service.ts';

/** As people and status write it. */
export function addressText(address: PublishedAddress): string {
  return 'ip' in address ? address.ip : address.hostname;
}

/** Each address once, in one order, so that the same addresses from others in another order are no change. */
export function sortedAddresses(addresses: readonly PublishedAddress[]): readonly PublishedAddress[] {
  const byText = new Map(addresses.map((address) => [addressText(address), address]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
}

/** Whether two lists of addresses are equal, in order. */
export function sameAddresses(a: readonly PublishedAddress[], b: readonly PublishedAddress[]): boolean {
  if (a === b) return true;
  const others = b.map(addressText);
  return a.length === b.length && a.every((address, index) => addressText(address) === others[index]);
}
