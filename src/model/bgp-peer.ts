import type { IpAddress } from './grammar.ts';
import type { LabelSelector } from './label-selector.ts';
import type { ObjectMeta } from './object.ts';
import type { SecretText } from './secret-text.ts';

/** Who the peer is: at an address, or whoever answers on a link (unnumbered). */
export type BgpNeighbor =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'interface'; readonly interface: string };

/** The AS of the peer: one that is named, any but ours, or ours. */
export type PeerAs = number | 'external' | 'internal';

/** What proves to each other that both are who they should be (TCP MD5, RFC 2385). */
export type BgpPassword =
  | { readonly kind: 'text'; readonly text: SecretText }
  /** A Secret of the same namespace, of type kubernetes.io/basic-auth. */
  | { readonly kind: 'secret'; readonly name: string };

/** A router that addresses are announced to (metallb.io/v1beta2 BGPPeer). */
export interface BgpPeer {
  readonly meta: ObjectMeta;
  readonly neighbor: BgpNeighbor;
  /** The AS that the peer is to see this node in: `localASN`, or else `myASN`. */
  readonly localAs: number;
  readonly peerAs: PeerAs;
  /** Undefined: the one that the way to the peer leads over. */
  readonly sourceAddress: IpAddress | undefined;
  /** Seconds; 0: the session never ends because of silence. Undefined: our default. */
  readonly holdTimeS: number | undefined;
  /** Seconds. Undefined: a third of the hold time. */
  readonly keepaliveTimeS: number | undefined;
  /** Between two attempts to connect, in seconds. Undefined: our default. */
  readonly connectTimeS: number | undefined;
  /** An IPv4 address; undefined: that of the node. */
  readonly routerId: IpAddress | undefined;
  /** One of them must select the node; every node where there is none. */
  readonly nodeSelectors: readonly LabelSelector[];
  readonly password: BgpPassword | undefined;
  /** The name of a BFDProfile in the same namespace. */
  readonly bfdProfile: string | undefined;
  readonly hasGracefulRestart: boolean;
  /** Whether a peer of another AS may be more than one hop away. */
  readonly isMultihop: boolean;
  /** The VRF device that the session belongs to. */
  readonly vrf: string | undefined;
  /** Whether addresses of both families are announced over the one session. */
  readonly isDualStack: boolean;
}
