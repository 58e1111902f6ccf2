import { headerNameOf, type HeaderName } from '../../../model/http/header.ts';
import { cookiePathOf, cookieWordOf } from '../../../model/http/filter/affinity.ts';
import { literalRegex, pathRegexOf, type PathRegex } from '../../../model/path-regex.ts';
import { shown, type Field } from '../field.ts';
import type { AnnotatedValues } from './row.ts';

type Values = Partial<AnnotatedValues>;

const NOTHING: Values = {};

/**
 * Origins between commas, `*` for any, and `*.` for one label. An entry that cannot be read allows nobody; ingress-nginx would allow
 * everybody for its sake.
 */
export function corsOrigins(field: Field): Values {
  const entries = listOf(field);
  if (entries.length === 0) return NOTHING;
  if (entries.includes('*')) return { corsOrigins: 'any' };
  return { corsOrigins: entries.flatMap((entry) => originOf(entry.toLowerCase(), field)) };
}

function originOf(text: string, field: Field): readonly PathRegex[] {
  if (text === 'null') return [literalRegex(text)];
  const [, scheme = '', wildcard = '', host] =
    /^([a-z][a-z0-9+.-]*:\/\/)(\*\.)?([a-z0-9._-]+(?::\d{1,5})?)$/.exec(text) ?? [];
  if (host !== undefined) {
    const label = wildcard === '' ? '' : String.raw`[a-z0-9-]+\.`;
    const found = pathRegexOf(`${literalRegex(scheme)}${label}${literalRegex(host)}`);
    if ('regex' in found) return [found.regex];
  }
  field.add('AnnotationInvalid', `${shown(text)} is not an origin such as "https://app.example.com"; it is left out`);
  return [];
}

export function corsMethods(field: Field): Values {
  const methods = listOf(field);
  if (methods.length === 0) return NOTHING;
  if (methods.every((method) => /^[A-Za-z]{1,20}$/.test(method)))
    return { corsMethods: methods.map((method) => method.toUpperCase()) };
  return invalid(field, 'is no list of methods');
}

export function corsHeaders(field: Field, name: 'corsHeaders' | 'corsExposed'): Values {
  const names = listOf(field);
  if (names.length === 0) return NOTHING;
  if (names.includes('*')) return { [name]: 'any' };
  const headers = names.map(headerNameOf);
  const isRight = headers.every((header): header is HeaderName => header !== undefined);
  return isRight ? { [name]: headers } : invalid(field, 'is no list of headers');
}

export function corsMaxAge(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  return /^\d{1,9}$/.test(text) ? { corsMaxAgeS: Number(text) } : invalid(field, 'is no number of seconds');
}

function invalid(field: Field, problem: string): Values {
  field.add('AnnotationInvalid', `${shown(field.text() ?? '')} ${problem}; the default is used`);
  return NOTHING;
}

function listOf(field: Field): readonly string[] {
  return (field.text() ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function affinity(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  if (text === 'cookie') return { hasAffinity: true };
  field.add('AnnotationInvalid', `${shown(text)} is not "cookie", the one kind of affinity there is`);
  return NOTHING;
}

export function cookieAttribute(field: Field, name: 'affinityCookie' | 'affinityPath' | 'affinityDomain'): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const word = name === 'affinityPath' ? cookiePathOf(text) : cookieWordOf(text);
  return word === undefined ? invalid(field, 'cannot stand in a cookie') : { [name]: word };
}

/** A whole number of seconds, below zero too: what was kept is forgotten then. */
export function cookieSeconds(field: Field, name: 'affinityMaxAgeS' | 'affinityExpiresS'): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  return /^-?\d{1,10}$/.test(text) ? { [name]: Number(text) } : invalid(field, 'is no number of seconds');
}

export function cookieSameSite(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const known = (['Lax', 'None', 'Strict'] as const).find((word) => word === text);
  return known === undefined ? invalid(field, 'is neither Lax, None nor Strict') : { affinitySameSite: known };
}
