import { domainToASCII } from 'node:url';
import { hostnameOf, isDnsLabel, isDnsSubdomain, isPort, urlPathOf, type Hostname } from '../../model/grammar.ts';
import type { PathMatch } from '../../model/http/match.ts';
import type { IngressBackend, IngressPath, IngressRule, IngressTls, ServicePortRef } from '../../model/ingress.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import { pathRegexOf } from '../../model/path-regex.ts';
import type { Change } from '../change.ts';
import { shown, type Field } from './field.ts';
import { admitAnnotations } from './annotations/register.ts';
import { booleanAnnotation } from './annotations/row.ts';

const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class';

/**
 * Admits an Ingress of `networking.k8s.io/v1`, or of the older versions whose backends have
 * `serviceName` and `servicePort`, whose empty path means all paths, and which have no pathType.
 */
export function admitIngress(raw: Field, meta: ObjectMeta): Change {
  const { className: annotatedClass, ...policy } = admitAnnotations(raw.at('metadata').at('annotations'), []);
  const spec = raw.at('spec');
  const defaultBackend = admitDefaultBackend(spec);
  const specClass = spec.at('ingressClassName').text();
  const value = {
    meta,
    className: specClass ?? annotatedClass,
    isClassAnnotated: specClass === undefined && annotatedClass !== undefined,
    defaultBackend,
    rules: spec.at('rules').flatMap((rule) => admitRule(rule, policy.hasRegexPaths)),
    tls: spec.at('tls').flatMap(admitTls),
    policy,
  };
  return { table: 'ingresses', key: keyOf(meta), value };
}

/** Admits an IngressClass. */
export function admitIngressClass(raw: Field, meta: ObjectMeta): Change {
  const isDefault = booleanAnnotation(raw.at('metadata').at('annotations').at(DEFAULT_CLASS)) ?? false;
  const controller = raw.at('spec').at('controller').text() ?? '';
  return { table: 'ingressClasses', key: keyOf(meta), value: { meta, controller, isDefault } };
}

function admitDefaultBackend(spec: Field): IngressBackend | undefined {
  const modern = spec.at('defaultBackend');
  const field = modern.isAbsent ? spec.at('backend') : modern;
  return field.isAbsent ? undefined : admitBackend(field);
}

function admitRule(rule: Field, isRegex: boolean): readonly IngressRule[] {
  const text = rule.at('host').text();
  const host = text === undefined || text === '' ? undefined : admitHost(rule.at('host'), text);
  if (text !== undefined && text !== '' && host === undefined) return [];
  const paths = rule
    .at('http')
    .at('paths')
    .flatMap((path) => admitPath(path, isRegex));
  return [{ host, paths }];
}

function admitHost(field: Field, text: string): Hostname | undefined {
  const host = hostnameOf(text);
  if (host === undefined) field.add('HostInvalid', `${shown(text)} is not a host name`, asciiRemedy(text));
  return host;
}

/** Browsers ask for a name with letters beyond ASCII by its ASCII form (RFC 5891), which is what Ingresses and DNS have. */
function asciiRemedy(text: string): string | undefined {
  const ascii = text.length > 254 ? '' : domainToASCII(text);
  return /[^\x00-\x7f]/.test(text) && hostnameOf(ascii) !== undefined ? `Write it in ASCII: ${ascii}` : undefined;
}

function admitPath(path: Field, isRegex: boolean): readonly IngressPath[] {
  const match = admitMatch(path, isRegex);
  if (match === undefined) return [];
  const backend = path.at('backend');
  if (backend.isAbsent) backend.add('BackendMissing', 'there is no backend');
  return [{ match, backend: backend.isAbsent ? undefined : admitBackend(backend), field: path.path }];
}

function admitMatch(path: Field, isRegex: boolean): PathMatch | undefined {
  const given = path.at('path').text();
  const text = given === undefined || given === '' ? '/' : given;
  const type = path.at('pathType').text() ?? 'ImplementationSpecific';
  if (type === 'ImplementationSpecific' && isRegex) return admitRegex(path.at('path'), text);
  const value = urlPathOf(text);
  if (value === undefined) {
    const isExpression = isRegex && text.startsWith('/') && 'regex' in pathRegexOf(text);
    const remedy = isExpression ? 'A regular expression needs pathType ImplementationSpecific.' : undefined;
    path.at('path').add('PathInvalid', `${shown(text)} is not an absolute URL path`, remedy);
    return undefined;
  }
  switch (type) {
    case 'Exact':
      return { type: 'Exact', value };
    // What ImplementationSpecific means is ours to choose: path elements, the safest reading.
    case 'ImplementationSpecific':
    case 'Prefix':
      return { type: 'PathPrefix', value: urlPathOf(value.replace(/\/+$/, '')) ?? ROOT };
    default:
      path.at('pathType').add('PathTypeUnknown', `${shown(type)} is not a path type`);
      return undefined;
  }
}

const ROOT = rootPath();

function rootPath(): NonNullable<ReturnType<typeof urlPathOf>> {
  const root = urlPathOf('/');
  if (root === undefined) throw new Error('"/" is a path');
  return root;
}

function admitRegex(field: Field, text: string): PathMatch | undefined {
  const found = pathRegexOf(text);
  if ('regex' in found) return { type: 'RegularExpression', value: found.regex };
  field.add('RegexInvalid', `${shown(text)} ${found.problem}`);
  return undefined;
}

/** Undefined for a backend that cannot be used: its path then answers 503. */
function admitBackend(backend: Field): IngressBackend | undefined {
  if (!backend.at('resource').isAbsent) {
    backend.at('resource').add('BackendResourceUnsupported', 'the backend names a resource, not a Service');
    return undefined;
  }
  const legacyName = backend.at('serviceName');
  const nameField = legacyName.isAbsent ? backend.at('service').at('name') : legacyName;
  const name = nameField.text();
  if (name === undefined || !isDnsSubdomain(name)) {
    nameField.add(
      'BackendMissing',
      name === undefined ? 'there is no Service name' : `${shown(name)} is not the name of a Service`,
    );
    return undefined;
  }
  const port = legacyName.isAbsent
    ? admitPort(backend.at('service').at('port'))
    : admitLegacyPort(backend.at('servicePort'));
  return port === undefined ? undefined : { service: name, port };
}

function admitPort(port: Field): ServicePortRef | undefined {
  const name = port.at('name').text();
  if (name !== undefined && name !== '') return namedPort(port.at('name'), name);
  return numberedPort(port.at('number'), port.at('number').number());
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

function admitTls(entry: Field): readonly IngressTls[] {
  const secretName = entry.at('secretName').text();
  if (secretName !== undefined && secretName !== '' && !isDnsSubdomain(secretName)) {
    entry.at('secretName').add('NameInvalid', `${shown(secretName)} is not the name of a Secret`);
    return [];
  }
  const listed = entry.at('hosts');
  const hosts = listed.flatMap((field) => {
    const text = field.text();
    const host = text === undefined ? undefined : admitHost(field, text);
    return host === undefined ? [] : [host];
  });
  // Hosts that were given but are all wrong must not turn into "all hosts of the rules".
  if (listed.items().length > 0 && hosts.length === 0) return [];
  return [{ hosts, secretName: secretName === '' ? undefined : secretName, field: entry.path }];
}
