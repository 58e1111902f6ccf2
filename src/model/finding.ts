import { FINDING_CODES, type FindingReason } from './codes.ts';
import { keyOf, type ObjectRef } from './object.ts';

/** How much harm a Finding says there is: with `error` a part of the object is not served as written. */
export type Severity = 'error' | 'warning';

/**
 * Something is wrong with an object that a user wrote. A value, never thrown: it is shown as an
 * Event, by `sluice check`, in the API and on the page, while everything else is served.
 */
export interface Finding {
  readonly reason: FindingReason;
  /** The stable code that documentation and people refer to, such as `SLU201`. */
  readonly code: string;
  readonly severity: Severity;
  readonly object: ObjectRef;
  /** JSON path of the field, such as `spec.rules[0].host`; empty for the object as a whole. */
  readonly field: string;
  /** What is wrong, with the values that are. */
  readonly message: string;
  /** What the user can do about it. */
  readonly remedy: string;
}

/** Makes a Finding; severity and, unless one is given, remedy come from the registry of codes. */
export function finding(
  reason: FindingReason,
  object: ObjectRef,
  field: string,
  message: string,
  remedy: string = FINDING_CODES[reason].remedy,
): Finding {
  const { code, severity } = FINDING_CODES[reason];
  // The names of unknown fields and of annotations are the user's too.
  const texts = { field: printable(field, MAX_FIELD), message: printable(message), remedy: printable(remedy) };
  return { reason, code, severity, object, ...texts };
}

/** The API server takes no longer messages of Events than 1024 bytes; field and remedy go into the same one. */
const MAX_MESSAGE = 500;

/** Longer ones hold a name that somebody chose to be long. */
const MAX_FIELD = 200;

/** Messages quote what users wrote, and are read in terminals and logs: what cannot be seen is shown, not sent; much is cut. */
function printable(text: string, most = MAX_MESSAGE): string {
  const shown = cut(text, most).replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return `\\u{${point.toString(16)}}`;
  });
  return cut(shown, most);
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  // Not in the middle of a character.
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** One order for Findings wherever they are shown: by object, then field, then code. */
export function byObject(a: Finding, b: Finding): number {
  return compare(orderKey(a), orderKey(b));
}

function orderKey(item: Finding): string {
  return [item.object.kind, keyOf(item.object), item.field, item.code, item.message].join('\u0000');
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
