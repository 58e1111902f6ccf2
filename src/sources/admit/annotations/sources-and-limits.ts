import { cidrOf, hostCidr, type Cidr } from '../../../model/cidr.ts';
import { ipAddressOf } from '../../../model/grammar.ts';
import { shown, type Field } from '../field.ts';
import type { AnnotatedValues } from './row.ts';

type Values = Partial<AnnotatedValues>;

const NOTHING: Values = {};

/** Ranges and addresses between commas; undefined where one is neither. */
function rangesOf(text: string): readonly Cidr[] | undefined {
  const ranges: Cidr[] = [];
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    const address = ipAddressOf(item);
    const range = address === undefined ? cidrOf(item) : hostCidr(address);
    if (range === undefined) return undefined;
    ranges.push(range);
  }
  return ranges;
}

/** A list that cannot be read, or has nobody in it, lets nobody in: all paths answer 503. */
export function allowedSources(field: Field): Values {
  const ranges = rangesOf(field.text() ?? '');
  if (ranges !== undefined && ranges.length > 0) return { allowedSources: ranges };
  return closed(field, 'has no addresses and ranges between commas');
}

export function deniedSources(field: Field): Values {
  const text = field.text() ?? '';
  if (text === '') return field.isAbsent || field.text() === '' ? NOTHING : closed(field, 'is no text');
  const ranges = rangesOf(text);
  return ranges === undefined
    ? closed(field, 'has something else than addresses and ranges')
    : { deniedSources: ranges };
}

function closed(field: Field, problem: string): Values {
  field.add('AnnotationInvalid', `${shown(field.text() ?? '')} ${problem}, so that the paths answer 503`);
  return { isClosed: true };
}

/** Clients whom limits do not count. */
export function unlimitedSources(field: Field): Values {
  const ranges = rangesOf(field.text() ?? '');
  return ranges === undefined
    ? dropped(field, 'has something else than addresses and ranges')
    : { unlimitedSources: ranges };
}

function dropped(field: Field, problem: string): Values {
  field.add('AnnotationInvalid', `${shown(field.text() ?? '')} ${problem}, so that nothing of the Ingress is served`);
  return { isDropped: true };
}

/** A whole number; zero and less: no limit. What is no number, ingress-nginx serves nothing for. */
export function limit(field: Field, name: 'requestsPerSecond' | 'requestsPerMinute' | 'connections'): Values {
  const text = field.text();
  if (text === '') return NOTHING;
  if (text === undefined || !/^[+-]?\d{1,9}$/.test(text)) return dropped(field, 'is no whole number');
  return Number(text) > 0 ? { [name]: Number(text) } : NOTHING;
}

export function burstMultiplier(field: Field): Values {
  const count = positive(field);
  return count === undefined ? NOTHING : { burstMultiplier: count };
}

/** Undefined, with a Finding, where the default counts. */
function positive(field: Field): number | undefined {
  const text = field.text();
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  field.add('AnnotationInvalid', `${shown(text)} is no whole number above zero; the default is used`);
  return undefined;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Bytes, or with k, m or g so many of these; zero: as large as it may be. */
export function bodySize(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const [, digits, unit = ''] = /^(\d{1,12})([bkmg]?)$/i.exec(text) ?? [];
  if (digits !== undefined) {
    const bytes = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
    return { bodySizeBytes: bytes === 0 ? 'unlimited' : bytes };
  }
  field.add('AnnotationInvalid', `${shown(text)} is not a size such as "8m"; the default is used`);
  return NOTHING;
}

/** Whole seconds. */
export function timeout(field: Field, name: 'connectTimeoutMs' | 'readTimeoutMs' | 'sendTimeoutMs'): Values {
  const seconds = positive(field);
  return seconds === undefined ? NOTHING : { [name]: seconds * 1000 };
}
