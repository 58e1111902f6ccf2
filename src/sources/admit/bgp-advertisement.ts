import { bgpCommunityOf } from '../../model/bgp-community.ts';
import type { BgpAdvertisement, CommunityReference } from '../../model/bgp-advertisement.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { admitInteger } from './bgp-field.ts';
import { shown, type Field } from './field.ts';
import { admitSelectors } from './labels.ts';

/** Names of communities as MetalLB's Community objects give them: anything that is not a community itself. */
const COMMUNITY_NAME = /^[A-Za-z0-9][A-Za-z0-9._ -]{0,62}$/;

/**
 * Admits a BGPAdvertisement (metallb.io/v1beta1). One whose length or community cannot be understood is not admitted at all: it would
 * announce more than it should, or without the mark that keeps a route from the world.
 */
export function admitBgpAdvertisement(raw: Field, meta: ObjectMeta): Change | undefined {
  const spec = raw.at('spec');
  const aggregationLength = admitLength(spec.at('aggregationLength'), 32);
  const aggregationLengthV6 = admitLength(spec.at('aggregationLengthV6'), 128);
  const communities = spec.at('communities').items().map(admitCommunity);
  const known = communities.filter((item) => item !== undefined);
  if (aggregationLength === undefined || aggregationLengthV6 === undefined) return undefined;
  if (known.length < communities.length) return undefined;
  const serviceSelectors = admitSelectors(spec.at('serviceSelectors'));
  const isWhole = aggregationLength === 32 && aggregationLengthV6 === 128;
  if (serviceSelectors.length > 0 && !isWhole) {
    const message = 'cannot be beside an aggregationLength: what is announced would be of other Services as well';
    spec.at('serviceSelectors').add('BgpValueInvalid', message);
    return undefined;
  }
  const value: BgpAdvertisement = {
    meta,
    pools: spec.at('ipAddressPools').flatMap((item) => item.text() ?? []),
    poolSelectors: admitSelectors(spec.at('ipAddressPoolSelectors')),
    nodeSelectors: admitSelectors(spec.at('nodeSelectors')),
    serviceSelectors,
    peers: spec.at('peers').flatMap((item) => item.text() ?? []),
    aggregationLength,
    aggregationLengthV6,
    localPref: admitLocalPref(spec.at('localPref')),
    communities: known,
  };
  return { table: 'bgpAdvertisements', key: keyOf(meta), value };
}

function admitLength(field: Field, whole: number): number | undefined {
  return field.isAbsent ? whole : admitInteger(field, 1, whole);
}

/** MetalLB writes 0 where nothing is given. */
function admitLocalPref(field: Field): number | undefined {
  const number = admitInteger(field, 0, 0xffff_ffff);
  return number === 0 ? undefined : number;
}

function admitCommunity(field: Field): CommunityReference | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const community = bgpCommunityOf(text);
  if (community !== undefined) return { kind: 'value', community };
  if (COMMUNITY_NAME.test(text)) return { kind: 'name', name: text };
  const message = `${shown(text)} is neither a community such as 65000:100 or large:65000:1:2, nor the name of one`;
  field.add('BgpValueInvalid', message);
  return undefined;
}
