import type { L2Advertisement, NodePreference } from '../../model/l2-advertisement.ts';
import { isInterfaceName } from '../../model/interface-name.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { shown, type Field } from './field.ts';
import { admitLabelSelector, admitSelectors } from './labels.ts';

/** Admits an L2Advertisement (metallb.io/v1beta1). */
export function admitL2Advertisement(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const value: L2Advertisement = {
    meta,
    pools: spec.at('ipAddressPools').flatMap((item) => item.text() ?? []),
    poolSelectors: admitSelectors(spec.at('ipAddressPoolSelectors')),
    nodeSelectors: admitSelectors(spec.at('nodeSelectors')),
    serviceSelectors: admitSelectors(spec.at('serviceSelectors')),
    interfaces: spec.at('interfaces').flatMap(admitInterface),
    preferredNodes: spec.at('preferredNodeSelectors').flatMap(admitPreference),
  };
  return { table: 'l2Advertisements', key: keyOf(meta), value };
}

function admitInterface(field: Field): readonly string[] {
  const name = field.text();
  if (name === undefined) return [];
  if (isInterfaceName(name)) return [name];
  field.add('ObjectMalformed', `${shown(name)} is not the name of a network interface`);
  return [];
}

function admitPreference(field: Field): readonly NodePreference[] {
  const weight = field.at('weight').number() ?? 0;
  const selector = admitLabelSelector(field.at('preference'));
  if (weight < 1 || weight > 100) {
    field.at('weight').add('ObjectMalformed', `${String(weight)} is not from 1 to 100`);
    return [];
  }
  return selector === undefined ? [] : [{ weight, selector }];
}
