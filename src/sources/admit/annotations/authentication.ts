import { hostnameOf, ipAddressOf, isDnsSubdomain, isWildcard } from '../../../model/grammar.ts';
import { realmOf } from '../../../model/http/filter/basic-auth.ts';
import { AUTH_METHODS, TEMPLATE_VARIABLES, urlTemplateOf } from '../../../model/http/filter/external-auth.ts';
import { hostHeaderOf } from '../../../model/http/filter/url-rewrite.ts';
import { headerNameOf, isEditable, type HeaderName } from '../../../model/http/header.ts';
import type { AuthUrl } from '../../../model/ingress-auth.ts';
import { shown, type Field } from '../field.ts';
import type { AnnotatedValues } from './row.ts';

type Values = Partial<AnnotatedValues>;

const NOTHING: Values = {};

/** `basic`; what is no type at all, ingress-nginx serves nothing for. */
export function authType(field: Field): Values {
  const text = field.text() ?? '';
  if (text === '') return field.isAbsent || field.text() === '' ? NOTHING : closed(field, 'is no text');
  if (text === 'basic') return { authType: 'basic' };
  if (text === 'digest') {
    field.add(
      'AccessRestrictionUnsupported',
      'digest authentication is not implemented: what stands in its Secret is as good as the password; every path answers 503: "nginx.ingress.kubernetes.io/auth-type"',
      'Use auth-type: basic over HTTPS, with passwords hashed by "htpasswd -B".',
    );
    return { isClosed: true };
  }
  field.add('AnnotationInvalid', `${shown(text)} is not "basic", so that nothing of the Ingress is served`);
  return { isDropped: true };
}

/** The name of a Secret, perhaps with its namespace. */
export function authSecret(field: Field): Values {
  const text = field.text() ?? '';
  if (text === '') return NOTHING;
  const [, namespace, name = ''] = /^(?:([^/]*)\/)?([^/]*)$/.exec(text) ?? [];
  if (!isDnsSubdomain(name) || (namespace !== undefined && !isDnsSubdomain(namespace)))
    return closed(field, 'is not the name of a Secret');
  return { authSecret: { namespace, name } };
}

export function authSecretType(field: Field): Values {
  const text = field.text() ?? '';
  if (text === '') return NOTHING;
  if (text === 'auth-file' || text === 'auth-map') return { authSecretForm: text };
  field.add(
    'AnnotationInvalid',
    `${shown(text)} is neither "auth-file" nor "auth-map", so that nothing of the Ingress is served`,
  );
  return { isDropped: true };
}

/** `off`, by which ingress-nginx lets everybody in, is a realm as any other. One that is none matters where somebody is asked with it. */
export function authRealm(field: Field): Values {
  const text = field.text() ?? '';
  const realm = realmOf(text);
  if (realm !== undefined && (text !== '' || field.text() === '')) return { authRealm: { realm } };
  field.add('AnnotationInvalid', `${shown(text)} has something else than letters, digits, blanks and -_.~:/`);
  return { authRealm: 'unreadable' };
}

/** Where another server is asked: a URL whose host is a name or an address. */
export function authUrl(field: Field): Values {
  const text = field.text() ?? '';
  if (text === '') return field.isAbsent || field.text() === '' ? NOTHING : closed(field, 'is no text');
  const url = authUrlOf(text);
  return url === undefined
    ? closed(field, 'is not a URL with http or https, a host without variables, and perhaps a port')
    : { authUrl: url };
}

function authUrlOf(text: string): AuthUrl | undefined {
  const [, scheme, authority = '', rest = ''] = /^(https?):\/\/([^/?#@]+)(.*)$/.exec(text) ?? [];
  const [, bracketed, plain = '', digits] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?$/.exec(authority) ?? [];
  const name = bracketed === undefined ? hostnameOf(plain.toLowerCase()) : undefined;
  const host = ipAddressOf(bracketed ?? plain) ?? (name === undefined || isWildcard(name) ? undefined : name);
  const isTls = scheme === 'https';
  const port = digits === undefined ? (isTls ? 443 : 80) : Number(digits);
  const header = hostHeaderOf(authority);
  const path = rest.includes('#') ? undefined : urlTemplateOf(rest.startsWith('/') ? rest : `/${rest}`);
  if (scheme === undefined || host === undefined || header === undefined || path === undefined) return undefined;
  return port < 1 || port > 65_535 ? undefined : { isTls, host, port, header, path };
}

export function authMethod(field: Field): Values {
  const text = field.text() ?? '';
  if (text === '') return NOTHING;
  const method = AUTH_METHODS.find((known) => known === text);
  return method === undefined ? closed(field, `is none of ${AUTH_METHODS.join(', ')}`) : { authMethod: method };
}

/** Names of headers between commas. */
export function authResponseHeaders(field: Field): Values {
  const names = (field.text() ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const headers = names.map(headerNameOf);
  const isRight = headers.every((name): name is HeaderName => name !== undefined && isEditable(name));
  return isRight ? { authResponseHeaders: headers } : closed(field, 'is no list of headers that may be set');
}

/** A URL, or its parts, with variables. Without it clients are refused with 401. */
export function authTemplate(field: Field, name: 'authSignIn' | 'authRequestRedirect'): Values {
  const text = field.text() ?? '';
  if (text === '') return NOTHING;
  const template = urlTemplateOf(text);
  if (template !== undefined && (name === 'authRequestRedirect' || /^https?:\/\/[^/]/.test(text)))
    return { [name]: template };
  field.add(
    'AnnotationInvalid',
    `${shown(text)} is not a URL${name === 'authSignIn' ? '' : ' or a part of one'} with no variables but ${TEMPLATE_VARIABLES.map((known) => `$${known}`).join(', ')}; it has no effect`,
  );
  return NOTHING;
}

export function authSignInParameter(field: Field): Values {
  const text = field.text() ?? '';
  if (text === '') return NOTHING;
  if (/^[A-Za-z0-9._~-]{1,64}$/.test(text)) return { authSignInParameter: text };
  field.add('AnnotationInvalid', `${shown(text)} is not the name of a parameter; "rd" is used`);
  return NOTHING;
}

function closed(field: Field, problem: string): Values {
  field.add('AnnotationInvalid', `${shown(field.text() ?? '')} ${problem}, so that the paths answer 503`);
  return { isClosed: true };
}
