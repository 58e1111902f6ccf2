import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { admitAuthorities, AUTHORITIES_KEY } from './authorities.ts';
import type { Field } from './field.ts';

/** Admits a ConfigMap (core/v1). Values that are no text, as YAML has `true` and numbers, are Findings: an API server takes none. */
export function admitConfigMap(raw: Field, meta: ObjectMeta): Change {
  const data = raw.at('data').texts();
  const value = { meta, data, authorities: admitAuthorities(data.get(AUTHORITIES_KEY)) };
  return { table: 'configMaps', key: keyOf(meta), value };
}
