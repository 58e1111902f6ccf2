import { hostnameOf } from '../../../model/grammar.ts';
import { REDIRECT_STATUSES } from '../../../model/http/filter/request-redirect.ts';
import { hostHeaderOf } from '../../../model/http/filter/url-rewrite.ts';
import { headerValueOf } from '../../../model/http/header.ts';
import { replacementOf, type Replacement } from '../../../model/http/path-rewrite.ts';
import { shown, type Field } from '../field.ts';
import type { AnnotatedValues } from './row.ts';

type Values = Partial<AnnotatedValues>;

/** As if it were not there, as controllers take an empty value. */
const NOTHING: Values = {};

/**
 * The paths of an Ingress that cannot be rewritten are closed: forwarded as they are, they would reach what the target was to keep apart.
 */
export function rewriteTarget(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  if (!/^[-._~/:$A-Za-z0-9 ]+$/.test(text)) {
    field.add(
      'AnnotationInvalid',
      `${shown(text)} has characters that ingress-nginx does not take; nothing is rewritten`,
    );
    return NOTHING;
  }
  const target = replacementOf(text);
  if (target !== undefined && /^(?:\/|https?:\/\/)/.test(text)) return { rewriteTarget: target };
  const remedy = text.includes('$')
    ? 'Refer to groups of the path by $1 to $9; other variables of nginx are not known.'
    : 'Write a path that begins with "/", or a URL.';
  field.add('AnnotationInvalid', `${shown(text)} cannot be rewritten to, so that the paths answer 503`, remedy);
  return { isClosed: true };
}

/** A path of the same host. */
export function appRoot(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const path = withoutGroups(text);
  if (path !== undefined && /^\/(?!\/)/.test(text)) return { appRoot: path };
  field.add(
    'AnnotationInvalid',
    `${shown(text)} is not a path to send clients to`,
    'Write a path that begins with "/".',
  );
  return NOTHING;
}

/** A URL, or a path of the same host. */
export function redirectUrl(field: Field, name: 'permanentRedirect' | 'temporalRedirect'): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const url = /^[-._~:/?&=,A-Za-z0-9%+@!]+$/.test(text) ? withoutGroups(text) : undefined;
  if (url !== undefined) return { [name]: url };
  field.add(
    'AnnotationInvalid',
    `${shown(text)} is not a URL to send clients to, so that nothing of the Ingress is served`,
  );
  return { isDropped: true };
}

/** As ingress-nginx reads it: an empty status redirects nobody, and a number that is none of a redirect is the usual one. */
export function redirectStatus(field: Field, name: 'permanentRedirectStatus' | 'temporalRedirectStatus'): Values {
  const text = field.text();
  if (text === undefined) return NOTHING;
  if (text === '') return { [name]: 'off' };
  const isTemporal = name === 'temporalRedirectStatus';
  const status = REDIRECT_STATUSES.find((known) => String(known) === text);
  if (status !== undefined && !(isTemporal && status === 308)) return { [name]: status };
  if (!/^[+-]?\d+$/.test(text)) {
    field.add('AnnotationInvalid', `${shown(text)} is not a number, so that nothing of the Ingress is served`);
    return { isDropped: true };
  }
  const usual = isTemporal ? 302 : 301;
  field.add('AnnotationInvalid', `${shown(text)} is not the status of a redirect; ${String(usual)} is used`);
  return { [name]: usual };
}

/** Hosts between commas. Expressions are for ingress-nginx alone. */
export function aliases(field: Field): Values {
  const text = field.text() ?? '';
  if (/[^-A-Za-z0-9.*,~^$()[\]{}|+?\\_ ]/.test(text)) {
    field.add('AnnotationInvalid', `${shown(text)} is no list of host names, so that nothing of the Ingress is served`);
    return { isDropped: true };
  }
  const names = text.split(',').map((name) => name.trim());
  const found = names.flatMap((name) => {
    if (name === '') return [];
    const host = hostnameOf(name);
    if (host === undefined) field.add('AnnotationInvalid', `${shown(name)} is not a host name`);
    return host === undefined ? [] : [host];
  });
  return { aliases: found };
}

export function upstreamHost(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const host = hostHeaderOf(text);
  if (host !== undefined) return { upstreamHost: host };
  field.add(
    'AnnotationInvalid',
    `${shown(text)} is not a host name with perhaps a port, so that nothing of the Ingress is served`,
  );
  return { isDropped: true };
}

export function forwardedPrefix(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  const value = headerValueOf(text);
  if (value !== undefined) return { forwardedPrefix: value };
  field.add('AnnotationInvalid', `${shown(text)} cannot be the value of a header`);
  return NOTHING;
}

/** `namespace/name`. Without what it leads to, the paths are closed, as in ingress-nginx. */
export function customHeaders(field: Field): Values {
  const text = field.text();
  if (text === undefined || text === '') return NOTHING;
  if (/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/.test(text)) return { customHeaders: text };
  field.add(
    'AnnotationInvalid',
    `${shown(text)} is not the namespace and name of a ConfigMap, so that the paths answer 503`,
  );
  return { isClosed: true };
}

/** What is no pattern has no groups to refer to. */
function withoutGroups(text: string): Replacement | undefined {
  return text.includes('$') ? undefined : replacementOf(text);
}
