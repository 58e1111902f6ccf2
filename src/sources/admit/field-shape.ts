/** The fields that an object may have: `any` is not looked into, a list has one shape for all of its items. */
export type FieldShape = 'any' | readonly [FieldShape] | ObjectShape;

/** The members of an object by name. */
export interface ObjectShape {
  readonly [name: string]: FieldShape;
}

/** LabelSelector (meta/v1). */
export const LABEL_SELECTOR: ObjectShape = {
  matchLabels: 'any',
  matchExpressions: [{ key: 'any', operator: 'any', values: 'any' }],
};
