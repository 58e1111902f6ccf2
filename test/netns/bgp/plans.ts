import type { BgpPlan, BgpSession, RouteExport, RouteProfile, SessionId } from '../../../src/compile/bgp/bgp-plan.ts';
import { cidrOf } from '../../../src/model/cidr.ts';
import { ip } from '../../l4/snapshot-steps.ts';

/** A session with a router of another AS, at this address. */
export function session(address: string, rest: Partial<BgpSession> = {}): BgpSession {
  return {
    id: 'rack-00000000' as SessionId,
    peer: 'm/rack',
    neighbor: { kind: 'address', address: ip(address), port: 179 },
    localAs: 64512,
    peerAs: 64513,
    sourceAddress: undefined,
    holdTimeS: undefined,
    keepaliveTimeS: undefined,
    connectTimeS: 1,
    routerId: undefined,
    password: undefined,
    bfd: undefined,
    hasGracefulRestart: false,
    isMultihop: false,
    vrf: undefined,
    families: [4, 6],
    ...rest,
  };
}

/** A profile by which this session is given the routes. */
export function profile(number: number, rest: Partial<RouteExport> = {}): RouteProfile {
  return {
    number,
    exports: [{ session: 'rack-00000000' as SessionId, localPref: undefined, communities: [], ...rest }],
  };
}

/** Prefixes by profile. */
export function planOf(
  sessions: readonly BgpSession[],
  profiles: readonly RouteProfile[],
  routes: Readonly<Record<number, readonly string[]>>,
): BgpPlan {
  const all = Object.entries(routes).flatMap(([number, prefixes]) =>
    prefixes.map((text) => {
      const prefix = cidrOf(text);
      if (prefix === undefined) throw new Error(text);
      return { prefix, profile: Number(number) };
    }),
  );
  return { routerId: ip('10.90.0.11'), sessions, profiles, routes: all, services: [] };
}
