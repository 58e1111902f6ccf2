import type { BgpCommunity } from './bgp-community.ts';
import type { ObjectMeta } from './object.ts';

/** Names for communities, by which BGPAdvertisements may refer to them (metallb.io/v1beta1 Community). */
export interface CommunityNames {
  readonly meta: ObjectMeta;
  readonly communities: readonly { readonly name: string; readonly community: BgpCommunity }[];
}
