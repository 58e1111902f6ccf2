import type { GrantedFrom, GrantedTo } from '../../../model/gateway/reference-grant.ts';
import { isDnsLabel, isDnsSubdomain } from '../../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../../model/object.ts';
import type { Change } from '../../change.ts';
import type { Field } from '../field.ts';
import { textWithin } from './reference.ts';

/** Admits a ReferenceGrant (gateway.networking.k8s.io/v1). What cannot be read of it grants nothing. */
export function admitReferenceGrant(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const value = { meta, from: spec.at('from').flatMap(admitFrom), to: spec.at('to').flatMap(admitTo) };
  return { table: 'referenceGrants', key: keyOf(meta), value };
}

function admitFrom(field: Field): readonly GrantedFrom[] {
  const { group, kind } = groupKindOf(field);
  const namespace = textWithin(field.at('namespace'), undefined, isDnsLabel);
  return group === undefined || kind === undefined || namespace === undefined ? [] : [{ group, kind, namespace }];
}

function admitTo(field: Field): readonly GrantedTo[] {
  const { group, kind } = groupKindOf(field);
  const nameField = field.at('name');
  const name = nameField.isAbsent ? undefined : textWithin(nameField, undefined, isDnsSubdomain);
  // A name that cannot be read must not become the permission to refer to every object.
  if (group === undefined || kind === undefined || (name === undefined && !nameField.isAbsent)) return [];
  if (nameField.isAbsent && field.unknownNames.length > 0) return [];
  return [{ group, kind, name }];
}

function groupKindOf(field: Field): { readonly group: string | undefined; readonly kind: string | undefined } {
  return {
    group: textWithin(field.at('group'), '', (text) => text === '' || isDnsSubdomain(text)),
    kind: textWithin(field.at('kind'), undefined, (text) => /^[A-Za-z][-A-Za-z0-9]{0,62}$/.test(text)),
  };
}
