import { cidrOf } from '../../model/cidr.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Node } from '../../model/node.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { admitIpAddress } from './address.ts';
import { shown, type Field } from './field.ts';
import { admitLabels } from './labels.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
const LEAVING_TAINT = 'ToBeDeletedByClusterAutoscaler';

/** Admits a Node (core/v1). */
export function admitNode(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const listed = spec.at('podCIDRs').items();
  const cidrs = listed.length > 0 || spec.at('podCIDR').isAbsent ? listed : [spec.at('podCIDR')];
  const isTainted = spec
    .at('taints')
    .items()
    .some((taint) => taint.at('key').text() === LEAVING_TAINT);
  const addresses = raw.at('status').at('addresses').items();
  const conditions = new Map(
    raw
      .at('status')
      .at('conditions')
      .items()
      .map((item) => [item.at('type').text(), item.at('status').text()]),
  );
  const value: Node = {
    meta,
    internalIps: addressesOf(addresses, 'InternalIP'),
    externalIps: addressesOf(addresses, 'ExternalIP'),
    podCidrs: cidrs.flatMap((field) => {
      const text = field.text();
      const cidr = text === undefined ? undefined : cidrOf(text);
      if (cidr === undefined && text !== undefined) field.add('AddressInvalid', `${shown(text)} is not a CIDR`);
      return cidr === undefined ? [] : [cidr];
    }),
    zone: raw.at('metadata').at('labels').at(ZONE_LABEL).text(),
    labels: admitLabels(raw),
    isReady: (conditions.get('Ready') ?? 'True') === 'True',
    isNetworkUnavailable: conditions.get('NetworkUnavailable') === 'True',
    isLeaving: isTainted || !raw.at('metadata').at('deletionTimestamp').isAbsent,
  };
  return { table: 'nodes', key: keyOf(meta), value };
}

function addressesOf(addresses: readonly Field[], type: string): readonly IpAddress[] {
  return addresses
    .filter((item) => item.at('type').text() === type)
    .flatMap((item) => admitIpAddress(item.at('address')));
}
