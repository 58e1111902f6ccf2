import { headerPairs, type Request } from './case.ts';

/** Ports that say nothing: those of the listeners, and those that a scheme implies. */
export function withoutPort(text: string): string {
  return text.replaceAll(/:(?:\{HTTPS?_PORT\}|80|443)(?=\/|$|\?)/g, '');
}

/** A Location in the one form in which two are compared: absolute, without port, without one slash at the end of path and query. */
export function locationForm(value: string | readonly string[] | undefined, request: Request): string {
  const scheme = request.tls === true ? 'https' : 'http';
  const text = (typeof value === 'string' ? value : value?.[0]) ?? '';
  const absolute = text.startsWith('//')
    ? `${scheme}:${text}`
    : text.startsWith('/')
      ? `${scheme}://${withoutPort(request.host ?? '')}${text}`
      : text;
  const found = /^(\w+:\/\/)([^/?]*)(.*)$/s.exec(withoutPort(absolute));
  if (found === null) return withoutPort(absolute);
  const [, prefix = '', host = '', tail = ''] = found;
  const [path = '', ...query] = (tail.startsWith('/') ? tail : `/${tail}`).split('?');
  const search = query.length === 0 ? '' : `?${query.join('?').replace(/\/$/, '')}`;
  return `${prefix.toLowerCase()}${host}${path === '/' ? path : path.replace(/\/$/, '')}${search}`;
}

/** A path in the one form in which two are compared: escaping that means the same is the same. */
export function pathForm(path: string): string {
  const unescaped = path.replaceAll(/%([0-9a-fA-F]{2})/g, (escape, code: string) => {
    const character = String.fromCharCode(Number.parseInt(code, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase();
  });
  const escaped = unescaped.replaceAll(/[^\x21-\x7e]|["<>\\^`{|}]/g, (character) =>
    [...Buffer.from(character, 'utf8')].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  return escaped === '' ? '/' : escaped;
}

type Values = string | readonly string[] | undefined;

/** The value of a header in the one form in which two are compared; undefined: as good as absent. */
export function headerForm(name: string, value: Values, hasRealm = false): string | undefined {
  const values = value === undefined ? [] : [value].flat();
  switch (name) {
    case 'set-cookie':
      return values.length === 0 ? undefined : [...new Set(values.map(cookieForm))].toSorted().join('\n');
    case 'www-authenticate':
      return (
        values
          .map((text) => challengeForm(text, hasRealm))
          .toSorted()
          .join('\n') || undefined
      );
    default:
      return plainForm(name, values);
  }
}

const LISTS = /^access-control-(?:allow|expose)-(?:methods|headers)$/;

function plainForm(name: string, values: readonly string[]): string | undefined {
  const text = values
    .map((item) => item.replaceAll(/\bt=\d{9,}(?:\.\d+)?/g, 't=<time>'))
    .join(',')
    .replaceAll(/\s*,\s*/g, ',')
    .trim();
  if (LISTS.test(name))
    return [
      ...new Set(
        text
          .toLowerCase()
          .split(',')
          .filter((item) => item !== ''),
      ),
    ]
      .toSorted()
      .join(',');
  if (name === 'x-forwarded-port')
    return text.replaceAll('{HTTP_PORT}', '80').replaceAll('{HTTPS_PORT}', '443') || undefined;
  if (name === 'connection') return text.toLowerCase() === 'keep-alive' ? undefined : text.toLowerCase() || undefined;
  return withoutPort(text) || undefined;
}

/** Without its value and the date on which it expires. */
export function cookieForm(cookie: string): string {
  const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim());
  const known = attributes
    .filter((attribute) => attribute !== '')
    .map((attribute) => {
      const [name = '', ...value] = attribute.split('=');
      const isDated = value.length === 0 || attribute.toLowerCase().startsWith('expires');
      return `${name.toLowerCase()}${isDated ? '' : `=${value.join('=')}`}`;
    });
  return `${pair.split('=')[0] ?? ''}=…;${known.toSorted().join(';')}`;
}

/** The scheme, and the realm where the case sets one. */
function challengeForm(text: string, hasRealm: boolean): string {
  const realms = [...text.matchAll(/realm="?([^",]*)/gi)].map(([, realm = '']) => realm);
  return `${(text.split(' ')[0] ?? '').toLowerCase()}${hasRealm ? ` ${realms.join('')}` : ''}`;
}

/** What a browser makes of the headers of an answer to a request from another origin. */
export function corsForm(
  headers: Readonly<Record<string, Values>>,
  request: Request,
): Readonly<Record<string, unknown>> {
  const sent = new Map(headerPairs(request).map(([name, value]) => [name.toLowerCase(), value]));
  const origin = sent.get('origin');
  if (origin === undefined || origin === '') return {};
  const allowed = headers['access-control-allow-origin'];
  const isAllowed = allowed === '*' || allowed === origin;
  const isPreflight = request.method === 'OPTIONS' && sent.has('access-control-request-method');
  const names = isPreflight ? ['allow-methods', 'allow-headers', 'max-age'] : ['expose-headers'];
  const details = names.map((name) => [
    name,
    isAllowed ? headerForm(`access-control-${name}`, headers[`access-control-${name}`]) : undefined,
  ]);
  const isWithCredentials = allowed === origin && headers['access-control-allow-credentials'] === 'true';
  return { isAllowed, isWithCredentials, ...(Object.fromEntries(details) as Record<string, unknown>) };
}

/** Whether it is an OPTIONS of a CORS case that no browser would send as a preflight: the record says nothing that matters of it. */
export function isNoPreflight(request: Request): boolean {
  return (
    request.method === 'OPTIONS' &&
    !headerPairs(request).some(([name]) => name.toLowerCase() === 'access-control-request-method')
  );
}
