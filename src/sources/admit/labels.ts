import type { LabelRequirement, Labels, LabelSelector } from '../../model/label-selector.ts';
import { shown, type Field } from './field.ts';

/** The labels of an object. */
export function admitLabels(raw: Field): Labels {
  return Object.fromEntries(raw.at('metadata').at('labels').texts());
}

/** A LabelSelector (meta/v1). Undefined where it cannot be read: a selector without its conditions would select too much. */
export function admitLabelSelector(field: Field): LabelSelector | undefined {
  const equal = [...field.at('matchLabels').texts()].map(([key, value]): LabelRequirement => ({
    key,
    operator: 'In',
    values: [value],
  }));
  const expressions = field.at('matchExpressions').items().map(admitRequirement);
  const requirements = [...equal, ...expressions].filter((item) => item !== undefined);
  return requirements.length < equal.length + expressions.length ? undefined : { requirements };
}

/** A list of LabelSelectors. One that cannot be read selects nothing, so that what is meant for some is not open to all. */
export function admitSelectors(field: Field): readonly LabelSelector[] {
  return field.flatMap((item) => admitLabelSelector(item) ?? NOTHING);
}

/** Selects nothing. */
export const NOTHING: LabelSelector = { requirements: [{ key: '', operator: 'In', values: [] }] };

function admitRequirement(field: Field): LabelRequirement | undefined {
  const key = field.at('key').text();
  const operator = field.at('operator').text();
  const values = field.at('values').flatMap((item) => item.text() ?? []);
  if (key === undefined) {
    field.at('key').add('ObjectMalformed', 'there is no key');
    return undefined;
  }
  if (operator === 'In' || operator === 'NotIn') return { key, operator, values };
  if (operator === 'Exists' || operator === 'DoesNotExist') return { key, operator, values: [] };
  field.at('operator').add('ObjectMalformed', `${shown(operator ?? '')} is not In, NotIn, Exists or DoesNotExist`);
  return undefined;
}
