import { nearestOf } from '../../lib/nearest.ts';
import { isDnsLabel, isDnsSubdomain, isPort, urlPathOf } from '../../model/grammar.ts';
import { EVERY_PATH, type PathMatch } from '../../model/http/match.ts';
import type { IngressBackend, IngressPath, IngressPolicy, ServicePortRef, WrittenPath } from '../../model/ingress.ts';
import { coverOf, pathRegexOf } from '../../model/path-regex.ts';
import { shown, type Field } from './field.ts';
import { oddCharacterIn } from './odd-characters.ts';

/**
 * One path of a rule, or none where it is not known which requests it is for. Of an Ingress that keeps somebody out it then is closed for all that begin as
 * it is written: left out, it would let in by another path whom the Ingress keeps out.
 */
export function admitPath(path: Field, policy: Partial<IngressPolicy>): readonly IngressPath[] {
  const given = path.at('path').text();
  const read = admitMatch(path, given, isExpression(given, policy));
  const match = read ?? (isRestricted(policy) ? matchToClose(given) : undefined);
  if (match === undefined) return [];
  const backend = path.at('backend');
  if (backend.isAbsent) backend.add('BackendMissing', 'there is no backend');
  const written = { path: given ?? '/', type: writtenType(path.at('pathType').text()) };
  const admitted = backend.isAbsent ? undefined : admitBackend(backend);
  // What is closed for want of knowing which requests it is for answers 503 to all of them.
  if (read === undefined) return [{ match, backend: undefined, field: path.path }];
  return [{ match, written, backend: admitted, field: path.path }];
}

/** Whether the Ingress keeps anybody out. */
function isRestricted({
  isClosed = false,
  isDropped = false,
  allowedSources,
  deniedSources,
}: Partial<IngressPolicy>): boolean {
  return isClosed || isDropped || allowedSources !== undefined || deniedSources !== undefined;
}

/** What is rewritten is an expression, since its groups are what the target refers to. */
function isExpression(
  given: string | undefined,
  { usesRegex = false, rewriteTarget }: Partial<IngressPolicy>,
): boolean {
  return usesRegex || (rewriteTarget !== undefined && rewriteTarget !== given);
}

function writtenType(text: string | undefined): WrittenPath['type'] {
  return text === 'Exact' || text === 'Prefix' ? text : 'ImplementationSpecific';
}

/** Undefined where nothing says where the path begins: closing all paths of the host would harm others. */
function matchToClose(given: string | undefined): PathMatch | undefined {
  return given === undefined ? undefined : { type: 'RegularExpression', value: coverOf(given) };
}

function admitMatch(path: Field, given: string | undefined, isRegex: boolean): PathMatch | undefined {
  const [pathField, typeField] = [path.at('path'), path.at('pathType')];
  const givenType = typeField.text();
  // Of the wrong type, and reported as such: "every path" is not what was meant.
  if (given === undefined && !pathField.isAbsent) return undefined;
  if (givenType === undefined && !typeField.isAbsent) return undefined;
  if (given === undefined && path.unknownNames.length > 0) {
    const message = `there is no path, but ${path.unknownNames.map(shown).join(', ')}: the item is left out, rather than served for every path`;
    pathField.add('PathInvalid', message, 'Write path, in this spelling.');
    return undefined;
  }
  const text = given === undefined || given === '' ? '/' : given;
  const type = givenType ?? 'ImplementationSpecific';
  if (type === 'ImplementationSpecific' && isRegex) return admitRegex(pathField, text);
  const value = urlPathOf(text);
  if (value === undefined) {
    reportPath(pathField, text, isRegex);
    return undefined;
  }
  reportWildcard(pathField, text);
  switch (type) {
    case 'Exact':
      return { type: 'Exact', value };
    // What ImplementationSpecific means is ours to choose: path elements, the safest reading.
    case 'ImplementationSpecific':
    case 'Prefix': {
      const prefix = urlPathOf(value.replace(/\/+$/, ''));
      return prefix === undefined ? EVERY_PATH : { type: 'PathPrefix', value: prefix };
    }
    default: {
      const near = nearestOf(type, PATH_TYPES);
      const remedy = near === undefined ? undefined : `Write ${near}.`;
      typeField.add('PathTypeUnknown', `${shown(type)} is not a path type`, remedy);
      return undefined;
    }
  }
}

const PATH_TYPES = ['Exact', 'Prefix', 'ImplementationSpecific'];

function reportPath(field: Field, text: string, isRegex: boolean): void {
  const isRightAsRegex = text.startsWith('/') && 'regex' in pathRegexOf(text);
  const odd = oddCharacterIn(text);
  const why = odd === undefined ? '' : `: it has ${odd}`;
  const remedy = isRightAsRegex
    ? `A regular expression needs pathType ImplementationSpecific${isRegex ? '' : ' and the annotation nginx.ingress.kubernetes.io/use-regex: "true"'}.`
    : odd === undefined
      ? undefined
      : 'Type the path anew instead of copying it.';
  field.add('PathInvalid', `${shown(text)} is not an absolute URL path${why}`, remedy);
}

/** Other controllers have `/*` for all that is below. */
function reportWildcard(field: Field, text: string): void {
  const [, parent] = /^(.*\/)\*{1,2}$/.exec(text) ?? [];
  if (parent === undefined) return;
  const path = parent === '/' ? parent : parent.slice(0, -1);
  const message = `${shown(text)} matches a literal asterisk, and nothing else`;
  field.add('PathWildcard', message, `Write path: ${path} with pathType: Prefix for all that is below.`);
}

function admitRegex(field: Field, text: string): PathMatch | undefined {
  const found = pathRegexOf(text);
  if ('regex' in found) return { type: 'RegularExpression', value: found.regex };
  field.add('RegexInvalid', `${shown(text)} ${found.problem}`);
  return undefined;
}

/** Undefined for a backend that cannot be used: its path then answers 503. */
export function admitBackend(backend: Field): IngressBackend | undefined {
  if (!backend.at('resource').isAbsent) {
    backend.at('resource').add('BackendResourceUnsupported', 'the backend names a resource, not a Service');
    return undefined;
  }
  const legacyName = backend.at('serviceName');
  const service = backend.at('service');
  if (legacyName.isAbsent && !service.isAbsent && !service.isObject) {
    const text = service.text();
    const name = text !== undefined && isDnsSubdomain(text) ? text : 'NAME';
    const message =
      text === undefined
        ? 'it is not an object with name and port'
        : `${shown(text)} is not an object with name and port`;
    service.add(
      'BackendMissing',
      message,
      `Write service: { name: ${name}, port: { number: 80 } }, with the port of the Service.`,
    );
    return undefined;
  }
  const nameField = legacyName.isAbsent ? service.at('name') : legacyName;
  const name = nameField.text();
  if (name === undefined || !isDnsSubdomain(name)) {
    nameField.add(
      'BackendMissing',
      name === undefined ? 'there is no Service name' : `${shown(name)} is not the name of a Service`,
    );
    return undefined;
  }
  const port = legacyName.isAbsent ? admitPort(service.at('port')) : admitLegacyPort(backend.at('servicePort'));
  return port === undefined ? undefined : { service: name, port };
}

function admitPort(port: Field): ServicePortRef | undefined {
  if (!port.isAbsent && !port.isObject) {
    const value = port.numberOrText();
    const isName = typeof value === 'string' && !/^\d+$/.test(value);
    const message = `${value === undefined ? 'it' : shownPort(value)} is not an object with number or name`;
    port.add('PortInvalid', message, `Write port: { ${isName ? 'name' : 'number'}: ${String(value ?? 80)} }.`);
    return undefined;
  }
  const name = port.at('name').text();
  if (name !== undefined && name !== '') return namedPort(port.at('name'), name);
  return numberedPort(port.at('number'), port.at('number').number());
}

function shownPort(value: number | string): string {
  return typeof value === 'number' ? String(value) : shown(value);
}

function admitLegacyPort(port: Field): ServicePortRef | undefined {
  const value = port.numberOrText();
  if (typeof value === 'string' && !/^\d+$/.test(value)) return namedPort(port, value);
  return numberedPort(port, value === undefined ? undefined : Number(value));
}

function namedPort(field: Field, name: string): ServicePortRef | undefined {
  if (isDnsLabel(name)) return { name };
  field.add('PortInvalid', `${shown(name)} is not the name of a port`);
  return undefined;
}

function numberedPort(field: Field, number: number | undefined): ServicePortRef | undefined {
  if (isPort(number)) return { number };
  field.add('PortInvalid', number === undefined ? 'there is no port' : `${String(number)} is not a port`);
  return undefined;
}
