import { durationMsOf } from '../../lib/go-duration.ts';
import { shown, type Field } from './field.ts';

/** A whole number in a range; anything else is a Finding, and undefined as an absent one is. */
export function admitInteger(field: Field, least: number, most: number): number | undefined {
  const number = field.number();
  if (number === undefined || (number >= least && number <= most)) return number;
  field.add('BgpValueInvalid', `${String(number)} is not from ${String(least)} to ${String(most)}`);
  return undefined;
}

/** A duration as metav1.Duration has it, in seconds of which there is no part. Of one that `isAllowed` refuses, `rule` says why. */
export function admitSeconds(field: Field, isAllowed: (seconds: number) => boolean, rule: string): number | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const ms = durationMsOf(text);
  if (ms !== undefined && Number.isInteger(ms / 1_000) && isAllowed(ms / 1_000)) return ms / 1_000;
  field.add('BgpValueInvalid', `${shown(text)} is not ${rule}`);
  return undefined;
}
