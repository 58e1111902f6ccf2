import { cidrOf } from '../../model/cidr.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { ServiceCidr } from '../../model/service-cidr.ts';
import type { Change } from '../change.ts';
import { shown, type Field } from './field.ts';

/** Admits a ServiceCIDR (networking.k8s.io/v1). One that is being deleted still has addresses that Services use (KEP-1880). */
export function admitServiceCidr(raw: Field, meta: ObjectMeta): Change {
  const cidrs = raw
    .at('spec')
    .at('cidrs')
    .flatMap((field) => {
      const text = field.text();
      const cidr = text === undefined ? undefined : cidrOf(text);
      if (cidr === undefined && text !== undefined) field.add('AddressInvalid', `${shown(text)} is not a CIDR`);
      return cidr === undefined ? [] : [cidr];
    });
  const value: ServiceCidr = { meta, cidrs };
  return { table: 'serviceCidrs', key: keyOf(meta), value };
}
