import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import type { Field } from './field.ts';
import { admitLabels } from './labels.ts';

/** Admits a Namespace (core/v1). Every one has its name as a label (KEP-2161), which an API server writes and a manifest need not. */
export function admitNamespace(raw: Field, meta: ObjectMeta): Change {
  const labels = { ...admitLabels(raw), 'kubernetes.io/metadata.name': meta.name };
  return { table: 'namespaces', key: keyOf(meta), value: { meta, labels } };
}
