import type { BgpCommunity } from './bgp-community.ts';
import type { LabelSelector } from './label-selector.ts';
import type { ObjectMeta } from './object.ts';

/** A community by itself, or by a name that a Community object gives it. */
export type CommunityReference =
  { readonly kind: 'value'; readonly community: BgpCommunity } | { readonly kind: 'name'; readonly name: string };

/**
 * Which addresses are announced by BGP, by which nodes, to which peers and with which attributes (metallb.io/v1beta1 BGPAdvertisement).
 * An address that none is for is not announced by BGP; what several say of one adds up.
 */
export interface BgpAdvertisement {
  readonly meta: ObjectMeta;
  /** By name or by their labels; all pools where both lists are empty. */
  readonly pools: readonly string[];
  readonly poolSelectors: readonly LabelSelector[];
  /** One of them must select the node; every node where there is none. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** One of them must select the Service; every Service where there is none. */
  readonly serviceSelectors: readonly LabelSelector[];
  /** Names of BGPPeers; all of them where there is none. */
  readonly peers: readonly string[];
  /** How many bits of an address are announced: 32 is the address itself. */
  readonly aggregationLength: number;
  /** The same for IPv6: 128 is the address itself. */
  readonly aggregationLengthV6: number;
  /** LOCAL_PREF, which only peers of the same AS are given (RFC 4271); undefined: what the peer takes for it. */
  readonly localPref: number | undefined;
  readonly communities: readonly CommunityReference[];
}
