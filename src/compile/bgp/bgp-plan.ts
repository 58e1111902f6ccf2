import type { IpFamily } from '../../lib/ip-number.ts';
import type { BgpCommunity } from '../../model/bgp-community.ts';
import type { BgpNeighbor, PeerAs } from '../../model/bgp-peer.ts';
import type { Cidr } from '../../model/cidr.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { SecretText } from '../../model/secret-text.ts';

declare const brand: unique symbol;

/** Names a session in every sink: letters, digits, `.` and `-`, at most 63. */
export type SessionId = string & { readonly [brand]: 'SessionId' };

/** What this node announces by BGP: to whom, and which routes with which attributes. */
export interface BgpPlan {
  /** By which the node is known to all peers that are not given another: an IPv4 address. */
  readonly routerId: IpAddress;
  /** Sorted by id. */
  readonly sessions: readonly BgpSession[];
  /** Sorted by number. Those that a Service may need are there before it is, so that it changes routes alone. */
  readonly profiles: readonly RouteProfile[];
  /** Sorted by prefix; each of a profile. Empty where this node is not to receive anything. */
  readonly routes: readonly BgpRoute[];
  /** The Services of which an address is announced here, with the names of the peers; sorted. */
  readonly services: readonly AnnouncedService[];
}

/** One BGP session of this node. */
export interface BgpSession {
  readonly id: SessionId;
  /** The BGPPeer, `namespace/name`. */
  readonly peer: string;
  readonly neighbor: BgpNeighbor;
  readonly localAs: number;
  readonly peerAs: PeerAs;
  readonly sourceAddress: IpAddress | undefined;
  readonly holdTimeS: number | undefined;
  readonly keepaliveTimeS: number | undefined;
  readonly connectTimeS: number | undefined;
  readonly routerId: IpAddress | undefined;
  /** `kept`: it cannot be read now, and is the one that the session was given last. */
  readonly password: SecretText | 'kept' | undefined;
  readonly bfd: BfdTimes | undefined;
  readonly hasGracefulRestart: boolean;
  readonly isMultihop: boolean;
  readonly vrf: string | undefined;
  /** Of which routes are announced over it. */
  readonly families: readonly IpFamily[];
}

/** How BFD watches a session. */
export interface BfdTimes {
  readonly receiveIntervalMs: number;
  readonly transmitIntervalMs: number;
  readonly detectMultiplier: number;
  readonly isPassive: boolean;
}

/** What routes that are advertised by the same BGPAdvertisements have in common: who is given them, and with what. */
export interface RouteProfile {
  /** 1 to 4294967295; stands for the profile in the kernel's routes. */
  readonly number: number;
  /** Sorted by session; whoever is not there is not given the routes. */
  readonly exports: readonly RouteExport[];
}

/** The attributes with which one peer is given routes. */
export interface RouteExport {
  readonly session: SessionId;
  /** Undefined: none is set. */
  readonly localPref: number | undefined;
  /** Sorted by text. */
  readonly communities: readonly BgpCommunity[];
}

/** A prefix that is announced. */
export interface BgpRoute {
  readonly prefix: Cidr;
  /** The number of its {@link RouteProfile}. */
  readonly profile: number;
}

/** A Service, and the BGPPeers that its addresses are announced to by this node. */
export interface AnnouncedService {
  /** `namespace/name`. */
  readonly service: string;
  /** Names of BGPPeers, sorted. */
  readonly peers: readonly string[];
  /** Sorted. */
  readonly addresses: readonly IpAddress[];
}
