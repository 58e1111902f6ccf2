import { isDnsSubdomain } from '../../../model/grammar.ts';
import { realmOf } from '../../../model/http/filter/basic-auth.ts';
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

function closed(field: Field, problem: string): Values {
  field.add('AnnotationInvalid', `${shown(field.text() ?? '')} ${problem}, so that the paths answer 503`);
  return { isClosed: true };
}
