/**
 * Texts in which variables of nginx stand for something of the request (nginx.org, ngx_http_core_module, "Embedded Variables").
 */

/** The variables that have a counterpart, besides those with a name in them: `http_NAME`, `arg_NAME`, `cookie_NAME`. */
export const NGINX_VARIABLES = [
  'host',
  'http_host',
  'best_http_host',
  'request_uri',
  'uri',
  'args',
  'query_string',
  'request_method',
  'remote_addr',
  'the_real_ip',
  'binary_remote_addr',
  'scheme',
  'pass_access_scheme',
  'server_port',
  'request_id',
  'req_id',
  'msec',
  'server_name',
] as const;

export type NginxVariable = (typeof NGINX_VARIABLES)[number];

/** A part of a text: what stands there, a variable, or a header, parameter or cookie of the request by its name. */
export type NginxPart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: NginxVariable }
  | { readonly kind: 'http' | 'arg' | 'cookie'; readonly name: string };

/** In order; literals are printable ASCII without `'`. */
export type NginxText = readonly NginxPart[];

/** `text` with its variables, or what is wrong with it. */
export function nginxTextOf(text: string): { readonly parts: NginxText } | { readonly problem: string } {
  if (text.length > 1024 || !/^[\x20-\x26\x28-\x7e]*$/.test(text))
    return { problem: 'has a quote or a control character, or is too long' };
  const parts: NginxPart[] = [];
  for (const [part] of text.matchAll(/\$\{\w+\}|\$\w*|[^$]+/g)) {
    if (!part.startsWith('$')) {
      parts.push({ kind: 'literal', text: part });
      continue;
    }
    const name = part.replace(/^\$\{?/, '').replace(/\}$/, '');
    const known = NGINX_VARIABLES.find((variable) => variable === name);
    const [, kind, rest = ''] = /^(http|arg|cookie)_([a-z0-9_]{1,64})$/i.exec(name) ?? [];
    if (known !== undefined) parts.push({ kind: 'variable', name: known });
    else if (kind === 'http') parts.push({ kind, name: rest.toLowerCase().replaceAll('_', '-') });
    else if (kind === 'arg' || kind === 'cookie') parts.push({ kind, name: rest });
    else return { problem: `has the variable "$${name}", which is not known` };
  }
  return { parts };
}

/** Whether nothing of it depends on the request. */
export function isLiteral(text: NginxText): boolean {
  return text.every(({ kind }) => kind === 'literal');
}
