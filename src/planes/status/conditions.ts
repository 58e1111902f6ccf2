import type { Condition } from '../../compile/gateway/condition.ts';
import { isRecord } from '../../lib/is-record.ts';

/** A JSON object, as an API server shows it. */
export type Json = Readonly<Record<string, unknown>>;

/**
 * Conditions as they are written (meta/v1 Condition). `lastTransitionTime` is when the status of a condition became what it is: it stays
 * as it is shown where only the reason or the message is another one.
 */
export function writtenConditions(
  conditions: readonly Condition[],
  generation: number,
  shown: unknown,
  nowMs: number,
): readonly Json[] {
  const before = new Map(recordsIn(shown).map((item) => [item['type'], item]));
  return conditions.map(({ type, isTrue, reason, message }) => {
    const status = isTrue ? 'True' : 'False';
    const known = before.get(type);
    const isSame = known?.['status'] === status && typeof known['lastTransitionTime'] === 'string';
    const lastTransitionTime = isSame ? known['lastTransitionTime'] : rfc3339(nowMs);
    return { type, status, reason, message, observedGeneration: generation, lastTransitionTime };
  });
}

/** To the second, as meta/v1 Time is written. */
function rfc3339(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The objects in a list; none in anything else. */
export function recordsIn(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** Lists that the API takes for maps, by the member that is their key. */
const KEYS: Readonly<Record<string, string>> = { conditions: 'type', listeners: 'name', supportedFeatures: 'name' };

/**
 * Whether what is shown is what is wanted. Members of objects and conditions that are not wanted are other people's; any other list has
 * what is wanted and nothing else.
 */
export function shows(wanted: unknown, shown: unknown, name = ''): boolean {
  if (Array.isArray(wanted)) {
    const list: readonly unknown[] = Array.isArray(shown) ? shown : [];
    const key = KEYS[name];
    if (name !== 'conditions' && wanted.length !== list.length) return false;
    if (key === undefined) return wanted.every((item, index) => shows(item, list[index]));
    const byKey = new Map(recordsIn(list).map((item) => [item[key], item]));
    return recordsIn(wanted).every((item) => shows(item, byKey.get(item[key])));
  }
  if (!isRecord(wanted)) return wanted === shown;
  return (
    isRecord(shown) &&
    Object.entries(wanted).every(([key, value]) => value === undefined || shows(value, shown[key], key))
  );
}
