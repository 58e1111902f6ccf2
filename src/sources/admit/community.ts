import { bgpCommunityOf } from '../../model/bgp-community.ts';
import type { CommunityNames } from '../../model/community.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { shown, type Field } from './field.ts';

/** Admits a Community (metallb.io/v1beta1). */
export function admitCommunityNames(raw: Field, meta: ObjectMeta): Change {
  const value: CommunityNames = {
    meta,
    communities: raw.at('spec').at('communities').flatMap(admitName),
  };
  return { table: 'communities', key: keyOf(meta), value };
}

function admitName(field: Field): CommunityNames['communities'] {
  const name = field.at('name').text() ?? '';
  const text = field.at('value').text() ?? '';
  const community = bgpCommunityOf(text);
  if (name === '') field.at('name').add('BgpValueInvalid', 'is missing');
  if (community === undefined)
    field.at('value').add('BgpValueInvalid', `${shown(text)} is no community such as 65000:100 or large:65000:1:2`);
  return name === '' || community === undefined ? [] : [{ name, community }];
}
