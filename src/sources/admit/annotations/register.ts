import { nearestOf } from '../../../lib/nearest.ts';
import type { FindingReason } from '../../../model/codes.ts';
import { shown, type Field } from '../field.ts';
import { INGRESS_NGINX } from './ingress-nginx.ts';
import { KUBERNETES } from './kubernetes.ts';
import { OTHER_CONTROLLERS } from './other-controllers.ts';
import type { AnnotatedValues, AnnotationFamily, AnnotationRow, Lack } from './row.ts';

/** Every annotation of an Ingress that the house knows, by controller. The reference page is made from it, too. */
export const ANNOTATION_FAMILIES: readonly AnnotationFamily[] = [KUBERNETES, INGRESS_NGINX, ...OTHER_CONTROLLERS];

/**
 * What the annotations of an Ingress set. One that is not implemented is reported, all alike in one Finding; and where it would keep
 * somebody out, the Ingress is closed, as it is for one in `strays`: fields elsewhere in the object that are annotations by their names.
 */
export function admitAnnotations(annotations: Field, strays: readonly Field[]): Partial<AnnotatedValues> {
  const values: { -readonly [Name in keyof AnnotatedValues]?: AnnotatedValues[Name] } = {};
  const lacks: Record<Lack, Lacking[]> = { restriction: [], protection: [], feature: [] };
  for (const name of annotations.names()) {
    const known = lookUp(name);
    const value = annotations.at(name);
    if (known?.row?.support.kind === 'supported') Object.assign(values, known.row.support.read(value));
    else if (known !== undefined) collect(known, name, value, lacks);
  }
  for (const stray of strays) {
    const found: Record<Lack, Lacking[]> = { restriction: [], protection: [], feature: [] };
    for (const name of stray.names()) {
      const known = lookUp(name);
      if (known !== undefined) collect(known, name, stray.at(name), found);
    }
    lacks.restriction.push(...found.restriction);
  }
  for (const [lack, found] of Object.entries(lacks)) report(LACKS[lack as Lack], found, annotations);
  return lacks.restriction.length > 0 ? { ...values, isClosed: true } : values;
}

/** An annotation of which something is lost. */
interface Lacking {
  readonly value: Field;
  readonly text: string;
}

const LACKS: Readonly<Record<Lack, { readonly reason: FindingReason; readonly text: string }>> = {
  restriction: {
    reason: 'AccessRestrictionUnsupported',
    text: 'a restriction of access is not implemented, so that every path answers 503',
  },
  protection: {
    reason: 'AccessRestrictionIgnored',
    text: 'a protection is not implemented, so that nothing is held back',
  },
  feature: { reason: 'AnnotationUnsupported', text: 'not implemented, without effect' },
};

function report({ reason, text }: (typeof LACKS)[Lack], found: readonly Lacking[], annotations: Field): void {
  const [first] = found;
  if (first === undefined) return;
  const field = found.length === 1 ? first.value : annotations;
  field.add(
    reason,
    `${text}: ${found
      .map((item) => item.text)
      .toSorted()
      .join(', ')}`,
  );
}

/** An annotation under the prefix of a family; `row` undefined: the family has no such one, though all of its annotations are known. */
interface Known {
  readonly family: AnnotationFamily;
  readonly prefix: string;
  readonly row: AnnotationRow | undefined;
}

function lookUp(name: string): Known | undefined {
  for (const family of ANNOTATION_FAMILIES) {
    const prefix = family.prefixes.find((item) => name.startsWith(item));
    if (prefix === undefined) continue;
    const row = family.rows.find((item) => isNamed(item, name.slice(prefix.length)));
    if (row !== undefined || family.isComplete) return { family, prefix, row };
  }
  return undefined;
}

/** What is known of one annotation with a value; undefined for one of nobody whose annotations are looked at. */
export interface AnnotationFacts {
  readonly family: AnnotationFamily;
  /** Undefined: its family has no such one. */
  readonly row: AnnotationRow | undefined;
  /** What is lost of this value; undefined: nothing. */
  readonly lack: Lack | undefined;
}

/** For those who report about objects instead of serving them. */
export function aboutAnnotation(name: string, value: string): AnnotationFacts | undefined {
  const known = lookUp(name);
  if (known === undefined) return undefined;
  const { family, row } = known;
  if (row === undefined) return { family, row, lack: 'feature' };
  return { family, row, lack: row.support.kind === 'unsupported' ? row.support.lackOf(value) : undefined };
}

function isNamed({ name }: AnnotationRow, text: string): boolean {
  return name.endsWith('*') ? text.startsWith(name.slice(0, -1)) : name === text;
}

function collect({ family, prefix, row }: Known, name: string, value: Field, lacks: Record<Lack, Lacking[]>): void {
  if (row !== undefined) {
    const lack = lackOf(row, value);
    if (lack !== undefined) lacks[lack].push({ value, text: shown(name) });
    return;
  }
  // A typing mistake in the name of a restriction must not open what it was meant to close.
  const meant = nearestOf(
    name.slice(prefix.length),
    family.rows.map((item) => item.name),
  );
  const meantRow = family.rows.find((item) => item.name === meant);
  const lack = meantRow === undefined ? undefined : lackOf(meantRow, value);
  const hint = meant === undefined ? 'there is no such annotation' : `did you mean "${prefix}${meant}"?`;
  lacks[lack ?? 'feature'].push({ value, text: `${shown(name)} (${hint})` });
}

function lackOf({ support }: AnnotationRow, value: Field): Lack | undefined {
  if (support.kind === 'needless') return undefined;
  const text = value.text();
  if (text === undefined) return support.kind === 'unsupported' ? support.lack : support.lackOf('');
  return support.lackOf(text);
}
