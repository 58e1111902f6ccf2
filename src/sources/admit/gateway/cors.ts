import type { Cors } from '../../../model/http/filter/cors.ts';
import { headerNameOf, type HeaderName } from '../../../model/http/header.ts';
import { pathRegexOf, type PathRegex } from '../../../model/path-regex.ts';
import { shown, type Field } from '../field.ts';

/** How long a browser may keep the answer to a preflight that does not say, in seconds (HTTPCORSFilter.maxAge). */
const DEFAULT_MAX_AGE_S = 5;

/** An origin: a scheme, a host that may begin with `*`, and perhaps a port. */
const ORIGIN = /^https?:\/\/(?:\*|(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::\d{1,5})?$/;

/** HTTPCORSFilter. Undefined, with a Finding, where it cannot be read. */
export function admitCors(field: Field): Cors | undefined {
  const origins = admitOrAny(field.at('allowOrigins'), admitOrigin);
  const methods = admitOrAny(field.at('allowMethods'), (item) => (/^[A-Z]{1,20}$/.test(item) ? item : undefined));
  const headers = admitOrAny(field.at('allowHeaders'), headerNameOf);
  const exposed = admitOrAny<HeaderName>(field.at('exposeHeaders'), headerNameOf);
  const maxAgeS = field.at('maxAge').number() ?? DEFAULT_MAX_AGE_S;
  if (!field.isObject || origins === undefined || methods === undefined) return undefined;
  if (headers === undefined || exposed === undefined || maxAgeS < 1) return undefined;
  const allowsCredentials = field.at('allowCredentials').boolean() ?? false;
  return { type: 'CORS', origins, methods, headers, exposed, allowsCredentials, maxAgeS };
}

function admitOrAny<Item>(
  field: Field,
  admit: (text: string) => Item | undefined,
): 'any' | readonly Item[] | undefined {
  const texts = field.items().map((item) => item.text() ?? '');
  if (texts.includes('*') && texts.length === 1) return 'any';
  const items = texts.map(admit);
  const admitted = items.filter((item) => item !== undefined);
  if (admitted.length === items.length) return admitted;
  const wrong = texts.find((_, index) => items[index] === undefined) ?? '';
  field.add('ObjectMalformed', `${shown(wrong)} cannot stand here`);
  return undefined;
}

/** `*` stands for any number of labels (AbsoluteURI of an origin). */
function admitOrigin(text: string): PathRegex | undefined {
  if (!ORIGIN.test(text)) return undefined;
  const pattern = text
    .toLowerCase()
    .replaceAll('.', String.raw`\.`)
    .replace('*', '[a-z0-9.-]+');
  const found = pathRegexOf(`^${pattern}$`);
  return 'regex' in found ? found.regex : undefined;
}
