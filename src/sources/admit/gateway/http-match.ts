import { headerNameOf, headerValueOf } from '../../../model/http/header.ts';
import { NO_CONDITIONS, type Conditions, type ValueMatch } from '../../../model/http/match.ts';
import { pathRegexOf } from '../../../model/path-regex.ts';
import { shown, type Field } from '../field.ts';
import { admitEach } from './each.ts';

/** What CRDs take for a method. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** What an HTTPRouteMatch asks for besides the path. Undefined, with a Finding, where it cannot be read: it would match too much. */
export function admitConditions(match: Field): Conditions | undefined {
  const methodField = match.at('method');
  const method = admitMethod(methodField);
  const headers = admitHeaders(match.at('headers'));
  const query = admitEach(match.at('queryParams'), admitParameter);
  if ((method === undefined && !methodField.isAbsent) || headers === undefined || query === undefined) return undefined;
  return method === undefined && headers.length === 0 && query.length === 0
    ? NO_CONDITIONS
    : { method, headers, query: firstOfEach(query) };
}

/** The header conditions of a match, be it of an HTTPRoute or of a GRPCRoute. Undefined where one of them cannot be read. */
export function admitHeaders(field: Field): Conditions['headers'] | undefined {
  const headers = admitEach(field, admitHeader);
  return headers === undefined ? undefined : firstOfEach(headers);
}

function admitMethod(field: Field): string | undefined {
  const method = field.text();
  if (method === undefined || METHODS.has(method)) return method;
  field.add('ObjectMalformed', `${shown(method)} is not a method in capitals`);
  return undefined;
}

function admitHeader(field: Field): Conditions['headers'][number] | undefined {
  const nameField = field.at('name');
  const name = headerNameOf(nameField.text() ?? '');
  if (name === undefined) nameField.add('ObjectMalformed', 'is not the name of a header');
  const value = admitValue(field, (text) => headerValueOf(text) !== undefined);
  return name === undefined || value === undefined ? undefined : { name, ...value };
}

function admitParameter(field: Field): Conditions['query'][number] | undefined {
  const nameField = field.at('name');
  const name = nameField.text() ?? '';
  const isName = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/.test(name);
  if (!isName) nameField.add('ObjectMalformed', 'is not the name of a query parameter');
  const value = admitValue(field, (text) => /^[\x20-\x7e]{1,1024}$/.test(text));
  return !isName || value === undefined ? undefined : { name, ...value };
}

function admitValue(item: Field, isExact: (text: string) => boolean): ValueMatch | undefined {
  const field = item.at('value');
  const type = item.at('type').text() ?? 'Exact';
  const value = field.text();
  if (value === undefined) {
    if (field.isAbsent) field.add('ObjectMalformed', 'is missing');
    return undefined;
  }
  if (type === 'Exact') {
    if (isExact(value)) return { type, value };
    field.add('ObjectMalformed', `${shown(value)} has characters that cannot be compared`);
    return undefined;
  }
  if (type === 'RegularExpression') {
    const found = pathRegexOf(value);
    if ('regex' in found) return { type, value: found.regex };
    field.add('RegexInvalid', `${shown(value)} ${found.problem}`);
    return undefined;
  }
  item.at('type').add('ObjectMalformed', `${shown(type)} is not Exact or RegularExpression`);
  return undefined;
}

/** Of several conditions for one name the first counts (HTTPHeaderMatch.name). */
function firstOfEach<Item extends { readonly name: string }>(items: readonly Item[]): readonly Item[] {
  return items.filter(({ name }, index) => items.findIndex((other) => other.name === name) === index);
}
