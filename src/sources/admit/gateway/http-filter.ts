import type { RedirectWish, RouteFilter } from '../../../model/gateway/http-route.ts';
import { hostnameOf, isWildcard, urlPathOf, type Hostname } from '../../../model/grammar.ts';
import { hostHeaderOf } from '../../../model/http/filter/url-rewrite.ts';
import { REDIRECT_STATUSES } from '../../../model/http/filter/request-redirect.ts';
import type { RequestHeaderModifier } from '../../../model/http/filter/header-modifier.ts';
import {
  headerNameOf,
  headerValueOf,
  isEditable,
  type HeaderField,
  type HeaderName,
} from '../../../model/http/header.ts';
import type { PathRewrite } from '../../../model/http/path-rewrite.ts';
import { shown, type Field } from '../field.ts';
import { admitEach } from './each.ts';
import { admitCors } from './cors.ts';
import { admitPort } from './reference.ts';

/** What is made of the filters of a rule or of a backend. */
export interface AdmittedFilters {
  readonly filters: readonly RouteFilter[];
  /** Those that are not served, and those that cannot be read. */
  readonly unsupported: readonly string[];
}

type Admit = (field: Field) => RouteFilter | undefined;

/** Filters by their type (HTTPRouteFilter), each of which has a member of its own. */
const FILTERS: Readonly<Record<string, { readonly member: string; readonly admit: Admit }>> = {
  RequestHeaderModifier: { member: 'requestHeaderModifier', admit: (field) => headers('RequestHeaderModifier', field) },
  ResponseHeaderModifier: {
    member: 'responseHeaderModifier',
    admit: (field) => headers('ResponseHeaderModifier', field),
  },
  RequestRedirect: { member: 'requestRedirect', admit: admitRedirect },
  URLRewrite: { member: 'urlRewrite', admit: admitRewrite },
  CORS: { member: 'cors', admit: admitCors },
};

/** The filters in a list. One that cannot be read is not left out: whoever wrote it may be safe by it alone. */
export function admitFilters(field: Field): AdmittedFilters {
  const filters: RouteFilter[] = [];
  const unsupported: string[] = field.isAbsent || field.isList ? [] : [field.path];
  for (const item of field.items()) {
    const type = item.isObject ? (item.at('type').text() ?? '') : '';
    const known = Object.hasOwn(FILTERS, type) ? FILTERS[type] : undefined;
    const filter = known?.admit(item.at(known.member));
    if (filter === undefined) unsupported.push(`${item.path} (${type || 'no type'})`);
    else filters.push(filter);
  }
  return { filters, unsupported };
}

function headers(type: 'RequestHeaderModifier' | 'ResponseHeaderModifier', field: Field): RouteFilter | undefined {
  const set = admitEach(field.at('set'), admitHeaderField);
  const add = admitEach(field.at('add'), admitHeaderField);
  const remove = admitEach(field.at('remove'), (item) => admitName(item, item.text()));
  if (!field.isObject || set === undefined || add === undefined || remove === undefined) return undefined;
  return { type, set, add, remove } satisfies Omit<RequestHeaderModifier, 'type'> & { readonly type: string };
}

function admitHeaderField(field: Field): HeaderField | undefined {
  const name = admitName(field.at('name'), field.at('name').text());
  const valueField = field.at('value');
  const text = valueField.text();
  const value = text === undefined ? undefined : headerValueOf(text);
  if (value === undefined) valueField.add('ObjectMalformed', `${shown(text ?? '')} cannot stand in a header`);
  return name === undefined || value === undefined ? undefined : { name, value };
}

function admitName(field: Field, text: string | undefined): HeaderName | undefined {
  const name = text === undefined ? undefined : headerNameOf(text);
  if (name !== undefined && isEditable(name)) return name;
  field.add('ObjectMalformed', `${shown(text ?? '')} is no header that a route may change`);
  return undefined;
}

function admitRedirect(field: Field): RedirectWish | undefined {
  const schemeField = field.at('scheme');
  const scheme = schemeField.text();
  const hostname = optional(field.at('hostname'), admitPlainHost);
  const port = optional(field.at('port'), admitPort);
  const path = optional(field.at('path'), admitPathRewrite);
  const status = REDIRECT_STATUSES.find((code) => code === (field.at('statusCode').number() ?? 302));
  if (status === undefined)
    field.at('statusCode').add('ObjectMalformed', `is not one of ${REDIRECT_STATUSES.join(', ')}`);
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
    schemeField.add('ObjectMalformed', `${shown(scheme)} is not http or https`);
  const isScheme = scheme === 'http' || scheme === 'https' || (scheme === undefined && schemeField.isAbsent);
  if (!field.isObject || !isScheme || status === undefined) return undefined;
  if (hostname === 'refused' || port === 'refused' || path === 'refused') return undefined;
  return { type: 'RequestRedirect', status, scheme, hostname, port, path };
}

function admitRewrite(field: Field): RouteFilter | undefined {
  const host = optional(field.at('hostname'), (item) => {
    const name = admitPlainHost(item);
    return name === undefined ? undefined : hostHeaderOf(name);
  });
  const path = optional(field.at('path'), admitPathRewrite);
  if (!field.isObject || host === 'refused' || path === 'refused') return undefined;
  return { type: 'URLRewrite', host, path };
}

function optional<Value>(field: Field, admit: (field: Field) => Value | undefined): Value | undefined | 'refused' {
  return field.isAbsent ? undefined : (admit(field) ?? 'refused');
}

/** PreciseHostname: no wildcard. */
function admitPlainHost(field: Field): Hostname | undefined {
  const text = field.text();
  const host = text === undefined ? undefined : hostnameOf(text);
  if (host !== undefined && !isWildcard(host)) return host;
  field.add('HostInvalid', `${shown(text ?? '')} is not a host name without wildcard`);
  return undefined;
}

function admitPathRewrite(field: Field): PathRewrite | undefined {
  const type = field.at('type').text();
  if (type !== 'ReplaceFullPath' && type !== 'ReplacePrefixMatch') {
    field.at('type').add('ObjectMalformed', 'is not ReplaceFullPath or ReplacePrefixMatch');
    return undefined;
  }
  const valueField = field.at(type === 'ReplaceFullPath' ? 'replaceFullPath' : 'replacePrefixMatch');
  const text = valueField.text();
  // An empty path is that of the root (HTTPPathModifier).
  const value = text === undefined ? undefined : urlPathOf(text === '' ? '/' : text);
  if (value === undefined) valueField.add('PathInvalid', `${shown(text ?? '')} is not an absolute URL path`);
  return value === undefined ? undefined : { type, value };
}
