import { keyOf, type ObjectMeta } from '../../../model/object.ts';
import type { Change } from '../../change.ts';
import type { Field } from '../field.ts';
import { admitFullReference, generationOf } from './reference.ts';

/** Admits a GatewayClass (gateway.networking.k8s.io/v1). */
export function admitGatewayClass(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const parameters = spec.at('parametersRef');
  const value = {
    meta,
    generation: generationOf(raw),
    controller: spec.at('controllerName').text() ?? '',
    parameters: parameters.isAbsent ? undefined : admitFullReference(parameters),
  };
  return { table: 'gatewayClasses', key: keyOf(meta), value };
}
