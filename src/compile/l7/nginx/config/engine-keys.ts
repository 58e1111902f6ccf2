import { pathRegexOf } from '../../../../model/path-regex.ts';
import { headerValueOf } from '../../../../model/http/header.ts';
import {
  TLS_VERSIONS,
  type EngineConfig,
  type HeaderPattern,
  type TlsVersion,
} from '../../../../model/http/engine-config.ts';
import {
  count,
  duration,
  flag,
  honoured,
  rangesOf,
  refused,
  size,
  wordsOf,
  type ConfigChange,
  type ConfigKeyRow,
  type ConfigValue,
} from './row.ts';

/** What the engine does with every request. A change of one of these has a fresh HAProxy take over, without a cut. */
export const ENGINE_KEYS: readonly ConfigKeyRow[] = [
  // Who is believed. Which of them count is decided in `read.ts`, since they depend on one another.
  honoured(
    'use-forwarded-headers',
    'Believes X-Forwarded-* headers of those in `proxy-real-ip-cidr`.',
    flag(() => ({})),
  ),
  honoured(
    'enable-real-ip',
    'The same, of the address alone.',
    flag(() => ({})),
  ),
  honoured(
    'use-proxy-protocol',
    'Every connection begins with a PROXY protocol header.',
    flag(() => ({})),
  ),
  honoured('proxy-real-ip-cidr', 'Who is believed; everybody unless it is said.', (value) => trusted(value)),
  honoured(
    'compute-full-forwarded-for',
    'Whether backends are told of every proxy on the way.',
    flag(() => ({})),
  ),
  refused(
    'forwarded-for-header',
    'X-Forwarded-For is the header that says who the client is.',
    /^(?:|x-forwarded-for)$/i,
  ),
  refused(
    'forwarded-for-proxy-protocol-header',
    'The address of the PROXY protocol stands in X-Forwarded-For.',
    /^(?:|x-forwarded-for)$/i,
  ),
  // Who is kept out, whatever is asked for.
  honoured('block-cidrs', 'Addresses and ranges, between commas, that are answered 403.', blockedAddresses),
  honoured(
    'block-user-agents',
    'Values of User-Agent, or expressions behind `~` or `~*`, that are answered 403.',
    (value) => engine({ blockedUserAgents: patternsOf(value) }),
  ),
  honoured('block-referers', 'The same for Referer.', (value) => engine({ blockedReferers: patternsOf(value) })),
  // TLS.
  honoured('ssl-protocols', 'The versions of TLS that clients may use.', tlsVersions),
  honoured('ssl-ciphers', 'The ciphers of TLS 1.2, as OpenSSL names them.', (value) => tlsWord(value, 'tlsCiphers')),
  honoured('ssl-ecdh-curve', 'The groups of the key exchange.', (value) =>
    value.text === 'auto' ? {} : tlsWord(value, 'tlsCurves'),
  ),
  honoured(
    'ssl-session-tickets',
    'Whether clients resume sessions by tickets.',
    flag((isOn) => engine({ hasSessionTickets: isOn })),
  ),
  honoured(
    'hsts',
    'Whether answers over TLS say Strict-Transport-Security.',
    flag(() => ({})),
  ),
  honoured('hsts-max-age', 'For how many seconds.', () => ({})),
  honoured(
    'hsts-include-subdomains',
    'Whether for subdomains, too.',
    flag(() => ({})),
  ),
  honoured(
    'hsts-preload',
    'Whether browsers may know it beforehand.',
    flag(() => ({})),
  ),
  // Connections of clients.
  honoured(
    'use-http2',
    'Whether clients may speak HTTP/2.',
    flag((isOn) => engine({ isHttp2Off: !isOn })),
  ),
  honoured(
    'http2-max-concurrent-streams',
    'How many requests a connection of HTTP/2 may have at once.',
    count(1, 100_000, (http2Streams) => engine({ http2Streams })),
  ),
  honoured(
    'keep-alive',
    'How long a connection of a client may be idle; 0 closes it after an answer.',
    duration((keepAliveMs) => engine({ keepAliveMs })),
  ),
  honoured(
    'client-header-timeout',
    'How long a client may take for the headers of a request.',
    duration((requestHeadersMs) => engine({ requestHeadersMs })),
  ),
  honoured(
    'client-body-timeout',
    'How long a client may send nothing of a body.',
    duration((clientMs) => engine({ clientMs })),
  ),
  honoured(
    'worker-shutdown-timeout',
    'How long connections may last after HAProxy was replaced.',
    duration((ms) => engine({ hardStopAfterS: Math.ceil(ms / 1000) })),
  ),
  honoured('max-worker-connections', 'Connections at once; 0 is as the program has it.', (value) =>
    value.text === '0' ? {} : count(1, 1_000_000, (maxConnections) => engine({ maxConnections }))(value),
  ),
  // Answers.
  honoured(
    'use-gzip',
    'Whether answers are compressed.',
    flag(() => ({})),
  ),
  honoured('gzip-types', 'Which types of content, beside text/html.', () => ({})),
  honoured(
    'gzip-min-length',
    'From how many bytes on.',
    size(() => ({})),
  ),
  refused('enable-brotli', 'HAProxy has no brotli; clients that take gzip get that, with `use-gzip`.'),
  honoured('hide-headers', 'Headers of endpoints, between commas, that clients do not get.', () => ({})),
  honoured(
    'allow-backend-server-header',
    'Whether clients get the Server header of endpoints.',
    flag(() => ({})),
  ),
  // Requests to backends.
  honoured(
    'ignore-invalid-headers',
    'Whether headers of requests are left out whose names have more than letters, digits and dashes.',
    flag(() => ({})),
  ),
  honoured(
    'enable-underscores-in-headers',
    'Whether underscores are all right, too.',
    flag(() => ({})),
  ),
  honoured(
    'generate-request-id',
    'Whether requests have an X-Request-ID.',
    flag((isOn) => engine({ sendsNoRequestId: !isOn })),
  ),
  honoured(
    'proxy-add-original-uri-header',
    'X-Original-URI for backends: what the client asked for.',
    flag((isOn) => engine({ sendsOriginalUri: isOn })),
  ),
];

function engine(change: EngineConfig): ConfigChange {
  return { engine: change };
}

function trusted(value: ConfigValue): ConfigChange {
  const { others } = rangesOf(value.text);
  if (others.length > 0) value.report('has something else than addresses and ranges, which is left out');
  return {};
}

function blockedAddresses(value: ConfigValue): ConfigChange {
  const { ranges, others } = rangesOf(value.text);
  if (others.length > 0)
    value.report('has something else than addresses and ranges, which is left out; the rest is blocked');
  return engine({ blockedAddresses: ranges.map(({ text }) => text) });
}

/** Between commas. `~` begins an expression, `~*` one for which case does not count; anything else is a whole value, whatever its case. */
function patternsOf(value: ConfigValue): readonly HeaderPattern[] {
  const patterns = value.text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return patterns.flatMap((item): readonly HeaderPattern[] => {
    const [, tilde = '', text = ''] = /^(~\*|~)?(.*)$/.exec(item) ?? [];
    const isExpression = tilde !== '';
    // A brace alone ends a condition of HAProxy, in quotes too.
    const isWord = text.length <= 512 && /^[\x20-\x26\x28-\x7e]+$/.test(text) && text !== '}';
    if (!isWord || (isExpression && !compiles(text))) {
      value.report(`has "${item}", which cannot be compared with and is left out; the rest is blocked`);
      return [];
    }
    return [{ kind: isExpression ? 'expression' : 'whole', text, ignoresCase: tilde !== '~' }];
  });
}

/** HAProxy does not start with an expression that PCRE refuses, so that only such are taken as both read alike. */
function compiles(text: string): boolean {
  return 'regex' in pathRegexOf(text.replaceAll(' ', String.raw`\x20`));
}

function tlsVersions(value: ConfigValue): ConfigChange {
  const words = wordsOf(value).map((word) => (word === 'TLSv1' ? 'TLSv1.0' : word));
  const versions = TLS_VERSIONS.filter((version): version is TlsVersion => words.includes(version));
  const others = words.filter((word) => !versions.some((version) => version === word));
  if (others.length > 0) value.report(`has ${others.join(', ')}, which is left out`);
  return versions.length === 0 ? {} : engine({ tlsVersions: versions });
}

function tlsWord(value: ConfigValue, name: 'tlsCiphers' | 'tlsCurves'): ConfigChange {
  if (/^[A-Za-z0-9:+!@=._-]{1,2048}$/.test(value.text)) return engine({ [name]: value.text });
  value.report('is no list of names between colons; the default is used');
  return {};
}

/** `Strict-Transport-Security` as the keys say, and by default: `hsts-max-age` is not looked at, as ingress-nginx does not. */
export function hstsOf(get: (key: string) => string | undefined): EngineConfig {
  const isOn = (key: string, usual: boolean): boolean => booleanOf(get(key)) ?? usual;
  if (!isOn('hsts', true)) return {};
  const age = get('hsts-max-age') ?? '31536000';
  const parts = [
    `max-age=${age}`,
    ...(isOn('hsts-include-subdomains', true) ? ['includeSubDomains'] : []),
    ...(isOn('hsts-preload', false) ? ['preload'] : []),
  ];
  const hsts = headerValueOf(parts.join('; '));
  return hsts === undefined ? {} : { hsts };
}

const GZIP_TYPES =
  'application/atom+xml application/javascript application/x-javascript application/json application/rss+xml application/vnd.ms-fontobject application/x-font-ttf application/x-web-app-manifest+json application/xhtml+xml application/xml font/opentype image/svg+xml image/x-icon text/css text/javascript text/plain text/x-component';

/** What is compressed. */
export function compressionOf(get: (key: string) => string | undefined): EngineConfig {
  if (booleanOf(get('use-gzip')) !== true) return {};
  const words = (get('gzip-types') ?? GZIP_TYPES).split(/\s+/);
  const types = words.filter((word) => /^[A-Za-z0-9.+*/-]{1,128}$/.test(word));
  const leastBytes = Number(/^\d{1,9}$/.exec(get('gzip-min-length') ?? '256')?.[0] ?? 256);
  return { compression: { types: [...new Set(['text/html', ...types])], leastBytes } };
}

/** Which headers of requests backends are given, as far as their names decide. */
export function headerNamesOf(get: (key: string) => string | undefined, isStrict: boolean): EngineConfig {
  const ignores = booleanOf(get('ignore-invalid-headers')) ?? isStrict;
  if (!ignores) return {};
  const takesUnderscores = booleanOf(get('enable-underscores-in-headers')) === true;
  return { headerNames: takesUnderscores ? 'with-underscores' : 'letters-digits-dashes' };
}

/** Whom the program believes: everybody, where nobody is named, as ingress-nginx does. */
export function trustOf(get: (key: string) => string | undefined): EngineConfig {
  const { ranges } = rangesOf(get('proxy-real-ip-cidr') ?? '0.0.0.0/0,::/0');
  const some = ranges.map(({ text }) => text);
  const isForwarded = booleanOf(get('use-forwarded-headers')) === true || booleanOf(get('enable-real-ip')) === true;
  return {
    ...(isForwarded
      ? { trustedProxies: some, isForwardedForReplaced: booleanOf(get('compute-full-forwarded-for')) !== true }
      : {}),
    // Whoever the connection comes from: without the header it is not known who the client is.
    ...(booleanOf(get('use-proxy-protocol')) === true ? { proxyProtocolSources: ['0.0.0.0/0', '::/0'] } : {}),
  };
}

function booleanOf(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  return /^(?:1|t|T|TRUE|true|True)$/.test(text)
    ? true
    : /^(?:0|f|F|FALSE|false|False)$/.test(text)
      ? false
      : undefined;
}
