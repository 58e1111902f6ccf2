import { headerPairs, reachedBackends, type Case, type Request } from './case.ts';

/** What a case is about: which headers and details of its answers are compared. Names are in lower case; a `*` at an end stands for any. */
export interface Subject {
  readonly answerHeaders: ReadonlySet<string>;
  readonly backendHeaders: ReadonlySet<string>;
  /** Whether it sets the status of a redirect, so that this is compared exactly. */
  readonly hasRedirectCode: boolean;
  readonly hasRealm: boolean;
  readonly hasLimit: boolean;
  /** Names of the cookies that were set in the record; undefined: none, so that any is compared. */
  readonly cookies: ReadonlySet<string> | undefined;
}

const FORWARDED = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-real-ip',
  'x-original-forwarded-for',
  'x-original-forwarded-host',
];

/** What belongs to annotations and keys of the ConfigMap: headers of the answer, and headers for the backend. */
const BELONGING: readonly (readonly [key: RegExp, answer: readonly string[], backend: readonly string[]])[] = [
  [/^(?:enable-cors$|cors-)/, ['access-control-*'], []],
  [/^(?:affinity|session-cookie)/, ['set-cookie'], []],
  [/^auth-(?:type|realm|secret)/, ['www-authenticate'], []],
  [/^hsts/, ['strict-transport-security'], []],
  [/^x-forwarded-prefix/, [], ['x-forwarded-prefix']],
  [/^connection-proxy-header/, [], ['connection']],
  [/^auth-tls-/, [], ['ssl-client-*']],
  [/^(?:server-tokens|allow-backend-server-header)/, ['server'], []],
  [/gzip|brotli/, ['content-encoding'], []],
  [/proxy-cookie/, ['set-cookie'], []],
  [/forwarded-headers|forwarded-for|use-proxy-protocol|real-ip/, [], FORWARDED],
  [/^generate-request-id/, [], ['x-request-id']],
  [/^proxy-add-original-uri/, [], ['x-original-uri']],
];

/** Cases whose title does not say what they are about. */
const SPECIAL: Readonly<Record<string, readonly [answer: readonly string[], backend: readonly string[]]>> = {
  'auth-external-03': [
    [],
    ['x-original-url', 'x-original-method', 'x-sent-from', 'x-auth-request-redirect', ...FORWARDED],
  ],
  'headers-01': [['strict-transport-security'], [...FORWARDED, 'x-scheme', 'x-forwarded-scheme']],
  'protocol-01': [[], ['connection', 'te', 'upgrade']],
};

const NEVER = new Set([
  'content-type',
  'content-length',
  'transfer-encoding',
  'x-pod',
  'date',
  'etag',
  'accept-encoding',
  'user-agent',
  'keep-alive',
  'host',
  'location',
]);

/** Whether a header is compared. */
export function isWanted(name: string, wanted: ReadonlySet<string>): boolean {
  if (NEVER.has(name)) return false;
  return wanted.has(name) || [...wanted].some((item) => item.endsWith('*') && name.startsWith(item.slice(0, -1)));
}

/** By the words in the case: its title, its annotations, what it asks of the backends. */
export function subjectOf(item: Case): Subject {
  const { keys, texts } = wordsOf(item);
  const words = namesIn(texts);
  const [answerHeaders, backendHeaders] = [new Set(words), new Set(words)];
  const add = (answer: readonly string[], backend: readonly string[]): void => {
    for (const name of answer) answerHeaders.add(name);
    for (const name of backend) backendHeaders.add(name);
  };
  for (const [key, answer, backend] of BELONGING) if (keys.some((name) => key.test(name))) add(answer, backend);
  if (['forwarded', 'headers', 'auth-tls'].includes(item.topic)) add([], item.requests.flatMap(sentHeaders));
  if (item.topic === 'forwarded') add([], [...FORWARDED, 'forwarded']);
  add(...(SPECIAL[item.id] ?? [[], []]));
  return {
    answerHeaders,
    backendHeaders,
    hasRedirectCode: keys.some((key) => key.includes('redirect-code')),
    hasRealm: keys.includes('auth-realm'),
    hasLimit: keys.some((key) => /^limit-(?:rps|rpm|conn)/.test(key)),
    cookies: cookieNames(item),
  };
}

interface Words {
  /** Names of annotations, without prefix, and of keys of the ConfigMap. */
  readonly keys: string[];
  readonly texts: string[];
}

function wordsOf({ configmap = {}, title = '', objects, requests }: Case): Words {
  const words: Words = { keys: Object.keys(configmap), texts: [title, ...Object.values(configmap).map(String)] };
  collect(objects, words);
  for (const { before, path = '' } of requests) {
    collect(before?.apply ?? [], words);
    words.keys.push(...Object.keys(before?.configmap ?? {}));
    words.texts.push(...Object.values(before?.configmap ?? {}).map(String));
    words.texts.push(...[...path.matchAll(/[?&]h=([^:&]+):/g)].map(([, name = '']) => name));
  }
  words.texts.push(...[...words.texts.join(' ').matchAll(/[?&]h=([\w-]+):/g)].map(([, name = '']) => name));
  return words;
}

/** Annotations wherever they are in an object, and the data of ConfigMaps. */
function collect(value: unknown, words: Words): void {
  if (Array.isArray(value)) for (const item of value as readonly unknown[]) collect(item, words);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const entries = typeof item === 'object' && item !== null ? Object.entries(item as object) : [];
    if (key === 'annotations') {
      words.keys.push(...entries.map(([name]) => name.slice(name.indexOf('/') + 1)));
      words.texts.push(...entries.map(([, text]) => String(text)));
    } else if (key === 'data' && 'kind' in value && value.kind === 'ConfigMap')
      words.texts.push(...entries.flatMap(([name, text]) => [name, String(text)]));
    else if (key !== 'metadata' || entries.some(([name]) => name === 'annotations')) collect(item, words);
  }
}

function namesIn(texts: readonly string[]): readonly string[] {
  const dashed = /[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)+/g;
  const single = /\b(?:Server|Via|Vary|Trailer|Foo|Forwarded|Authorization|Cookie|Origin)\b/g;
  return texts
    .flatMap((text) => [...(text.match(dashed) ?? []), ...(text.match(single) ?? [])])
    .map((name) => name.toLowerCase());
}

function sentHeaders(request: Request): readonly string[] {
  return headerPairs(request).map(([name]) => name.toLowerCase());
}

function cookieNames({ requests }: Case): ReadonlySet<string> | undefined {
  const cookies = requests.flatMap(({ observed }) => observed.headers?.['set-cookie'] ?? []);
  return cookies.length === 0 ? undefined : new Set(cookies.map((cookie) => cookie.split('=')[0]?.trim() ?? ''));
}

/** Whether an application's pod was reached, rather than one that answers for errors, authentication or copies. */
export function reachesApplication(observed: Request['observed']): boolean {
  const pods = [...reachedBackends(observed).map(({ pod }) => pod), ...Object.keys(observed.pods ?? {})];
  return pods.some((pod) => /^(?:p\d+|tls)$/.test(pod));
}
