import { cookieWordOf } from '../../../model/http/filter/affinity.ts';
import { headerNameOf, headerValueOf } from '../../../model/http/header.ts';
import { pathRegexOf } from '../../../model/path-regex.ts';
import { shown, type Field } from '../field.ts';
import type { AnnotatedValues } from './row.ts';

type Values = Partial<AnnotatedValues>;

const NOTHING: Values = {};

/** nginx keeps headers under names with `_` for `-`, so that it cannot tell the two apart. */
export function canaryHeader(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const name = headerNameOf(text.replaceAll('_', '-'));
  return name === undefined ? invalid(field, 'is no name of a header') : { canaryHeader: name };
}

export function canaryHeaderValue(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const value = headerValueOf(text);
  return value === undefined ? invalid(field, 'cannot be the value of a header') : { canaryHeaderValue: value };
}

/** With one that cannot be read, whoever sends the header stays with the main Ingress, as in ingress-nginx. */
export function canaryHeaderPattern(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const found = pathRegexOf(text);
  if ('regex' in found) return { canaryHeaderPattern: found.regex };
  field.add('AnnotationInvalid', `${shown(text)} ${found.problem}; requests with the header do not go to the canary`);
  return { canaryHeaderPattern: 'invalid' };
}

export function canaryCookie(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const name = cookieWordOf(text);
  return name === undefined ? invalid(field, 'is no name of a cookie') : { canaryCookie: name };
}

export function canaryWeight(field: Field, name: 'canaryWeight' | 'canaryWeightTotal'): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  return /^\d{1,6}$/.test(text) ? { [name]: Number(text) } : invalid(field, 'is no whole number up to 999999');
}

function invalid(field: Field, problem: string): Values {
  field.add('AnnotationInvalid', `${shown(field.text() ?? '')} ${problem}; it has no effect`);
  return NOTHING;
}
