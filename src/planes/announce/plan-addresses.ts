import type { AnnouncePlan, VirtualRouter } from '../../compile/announce/announce-plan.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { RecordedAddress } from './record.ts';

/** Every address of a plan, with its interface and router. */
export function addressesOf({ routers }: AnnouncePlan): readonly RecordedAddress[] {
  return [...routers.values()].flatMap(({ name, interface: device, addresses }) =>
    addresses.map((address) => ({ address, interface: device, router: name })),
  );
}

/** The plan without some addresses; a router that would be left without any goes. */
export function withoutAddresses(plan: AnnouncePlan, addresses: ReadonlySet<IpAddress>): AnnouncePlan {
  if (addresses.size === 0) return plan;
  const kept = [...plan.routers.entries()].flatMap(([name, router]): readonly (readonly [string, VirtualRouter])[] => {
    const rest = router.addresses.filter((address) => !addresses.has(address));
    return rest.length === 0 ? [] : [[name, { ...router, addresses: rest }]];
  });
  return { ...plan, routers: PersistentMap.from(kept) };
}
