import { shown, type Field } from '../field.ts';

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** A Duration (GEP-2257) in milliseconds. Undefined, with a Finding, where it is none. */
export function admitDuration(field: Field): number | undefined {
  const text = field.text();
  if (text !== undefined && /^(?:\d{1,5}(?:h|m|s|ms)){1,4}$/.test(text)) {
    const parts = [...text.matchAll(/(\d+)(ms|[hms])/g)];
    return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS[unit] ?? 0), 0);
  }
  field.add('ObjectMalformed', `${shown(text ?? '')} is not a duration such as 500ms or 1m30s`);
  return undefined;
}
