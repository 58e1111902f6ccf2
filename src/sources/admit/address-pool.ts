import type { AddressPool, PoolReservation } from '../../model/address-pool.ts';
import { nearestOf } from '../../lib/nearest.ts';
import { addressRangeOf, type AddressRange } from '../../model/address-range.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { shown, type Field } from './field.ts';
import { admitLabels, admitSelectors, NOTHING } from './labels.ts';

/** Admits an IPAddressPool (metallb.io/v1beta1). */
export function admitAddressPool(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const ranges = spec.at('addresses').flatMap(admitRange);
  if (spec.at('addresses').isEmpty) spec.at('addresses').add('ObjectMalformed', 'a pool needs at least one range');
  const value: AddressPool = {
    meta,
    labels: admitLabels(raw),
    ranges,
    isAutomatic: spec.at('autoAssign').boolean() ?? true,
    avoidsBuggyAddresses: spec.at('avoidBuggyIPs').boolean() ?? false,
    reserved: admitReservation(spec),
  };
  return { table: 'addressPools', key: keyOf(meta), value };
}

/** A selector without a value selects nothing. */
const NOBODY: PoolReservation = {
  priority: 0,
  namespaces: [],
  namespaceSelectors: [NOTHING],
  serviceSelectors: [NOTHING],
};

function admitRange(field: Field): readonly AddressRange[] {
  const text = field.text();
  if (text === undefined) return [];
  const range = addressRangeOf(text);
  if (range !== undefined) return [range];
  const message = `${shown(text)} is not a range`;
  field.add(
    'AddressInvalid',
    message,
    'Write it as FIRST-LAST, such as 192.0.2.10-192.0.2.50, or as a CIDR such as 192.0.2.0/28.',
  );
  return [];
}

/**
 * An empty `serviceAllocation` keeps the pool for nobody in particular, and only gives it a priority. Where something in it, or its own name,
 * is misspelt, the pool is given to no Service: for whom it is kept is not known.
 */
function admitReservation(spec: Field): PoolReservation | undefined {
  const field = spec.at('serviceAllocation');
  const unknown = field.isAbsent
    ? spec.unknownNames.filter((name) => nearestOf(name, ['serviceAllocation']))
    : field.unknownNames;
  const [misspelt] = unknown;
  if (misspelt !== undefined) {
    const message = `${shown(misspelt)} is unknown, so that nobody knows for whom the pool is kept: no Service has addresses of it`;
    field.add('AddressInvalid', message, 'Write the field in its right spelling, or remove it.');
    return NOBODY;
  }
  if (field.isAbsent) return undefined;
  const priority = field.at('priority').number() ?? 0;
  if (priority < 0) field.at('priority').add('ObjectMalformed', `${String(priority)} is less than 0`);
  return {
    priority: Math.max(0, priority),
    namespaces: field.at('namespaces').flatMap((item) => item.text() ?? []),
    namespaceSelectors: admitSelectors(field.at('namespaceSelectors')),
    serviceSelectors: admitSelectors(field.at('serviceSelectors')),
  };
}
