import type { Field } from '../field.ts';

/** All items of a list, none where it is absent; undefined where one of them cannot be read, or where it is no list. */
export function admitEach<Item>(field: Field, admit: (item: Field) => Item | undefined): readonly Item[] | undefined {
  const items = field.items().map(admit);
  const admitted = items.filter((item) => item !== undefined);
  return admitted.length === items.length && (field.isAbsent || field.isList) ? admitted : undefined;
}
