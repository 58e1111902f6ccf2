import { invariant } from '../../lib/invariant.ts';
import { TLS_VERSIONS, type EngineConfig, type HeaderPattern } from '../../model/http/engine-config.ts';
import type { HeaderField } from '../../model/http/header.ts';
import type { NginxPart, NginxText } from '../../model/nginx-text.ts';
import type { EngineSettings } from './engine-settings.ts';

/**
 * What an object says of the engine as a whole, as directives of the skeleton. Every text of a user that gets into one goes through
 * {@link quoted} or {@link checkedWord}.
 */

/** Flags, in place of which it is said. */
export function withConfig(flags: EngineSettings, config: EngineConfig): EngineSettings {
  return {
    ...flags,
    trustedProxies: config.trustedProxies ?? flags.trustedProxies,
    proxyProtocolSources: config.proxyProtocolSources ?? flags.proxyProtocolSources,
    maxConnections: config.maxConnections ?? flags.maxConnections,
    hardStopAfterS: config.hardStopAfterS ?? flags.hardStopAfterS,
    ...(config.httpsRedirectStatus === undefined ? {} : { httpsRedirectStatus: config.httpsRedirectStatus }),
    ...(config.isForwardedForReplaced === undefined ? {} : { isForwardedForReplaced: config.isForwardedForReplaced }),
  };
}

/** Between strong quotes nothing is special but the quote itself, which stands between weak ones (configuration manual §2.2). */
function quoted(text: string): string {
  invariant(/^[\x20-\x7e\t]*$/.test(text), `${JSON.stringify(text)} is printable`);
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

function checkedWord(text: string): string {
  invariant(/^[A-Za-z0-9.:+!@=_*/-]+$/.test(text), `${JSON.stringify(text)} is a configuration word`);
  return text;
}

/** Seconds where that is what it is, as everywhere in the skeleton. */
export function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${String(ms / 1000)}s` : `${String(ms)}ms`;
}

/** Of the section `global`. */
export function tlsDirectives({ tlsVersions, tlsCiphers, tlsCurves, hasSessionTickets }: EngineConfig): string {
  const known = TLS_VERSIONS.filter((version) => tlsVersions?.includes(version) ?? version >= 'TLSv1.2');
  const [oldest = 'TLSv1.2', newest = oldest] = [known[0], known.at(-1)];
  const most = newest === 'TLSv1.3' ? '' : ` ssl-max-ver ${newest}`;
  return [
    `    ssl-default-bind-options ssl-min-ver ${oldest}${most}${hasSessionTickets === true ? '' : ' no-tls-tickets'}\n`,
    ...(tlsCiphers === undefined ? [] : [`    ssl-default-bind-ciphers ${checkedWord(tlsCiphers)}\n`]),
    ...(tlsCurves === undefined ? [] : [`    ssl-default-bind-curves ${checkedWord(tlsCurves)}\n`]),
  ].join('');
}

/** Of the `defaults` of frontends. */
export function connectionDirectives({ keepAliveMs, compression }: EngineConfig): string {
  return [
    ...(keepAliveMs === 0 ? ['    option httpclose\n'] : []),
    ...(compression === undefined
      ? []
      : [
          '    compression direction response\n    compression algo-res gzip\n',
          ...linesOf(compression.types).map((types) => `    compression type-res ${types}\n`),
          `    compression minsize-res ${String(compression.leastBytes)}\n`,
        ]),
  ].join('');
}

/** HAProxy does not start with a line of more than 64 words. */
const PER_LINE = 50;

function linesOf(words: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (let start = 0; start < words.length; start += PER_LINE)
    lines.push(
      words
        .slice(start, start + PER_LINE)
        .map(checkedWord)
        .join(' '),
    );
  return lines;
}

/** What is done with every request, once it is known who asks, and before it is known what for. */
export function requestRules(config: EngineConfig, isTls: boolean): string {
  const rules: string[] = [];
  const { blockedAddresses = [], blockedUserAgents = [], blockedReferers = [] } = config;
  rules.push(...linesOf(blockedAddresses).map((some) => `deny status 403 if { src ${some} }`));
  rules.push(...blockedUserAgents.map((pattern) => `deny status 403 if ${matching('user-agent', pattern)}`));
  rules.push(...blockedReferers.map((pattern) => `deny status 403 if ${matching('referer', pattern)}`));
  if (config.headerNames !== undefined)
    rules.push(`del-header '[^A-Za-z0-9${config.headerNames === 'with-underscores' ? '_' : ''}-]' -m reg`);
  if (config.sendsNoRequestId === true) rules.push('del-header x-request-id');
  if (config.sendsOriginalUri === true) rules.push('set-header x-original-uri %[pathq]');
  for (const { name, value } of config.requestHeaders ?? []) rules.push(headerRule(name, formatted(value, isTls)));
  return rules.map((rule) => `    http-request ${rule}\n`).join('');
}

function matching(header: 'user-agent' | 'referer', { kind, text, ignoresCase }: HeaderPattern): string {
  const how = kind === 'whole' ? 'str' : 'reg';
  return `{ req.fhdr(${header}) -m ${how}${ignoresCase ? ' -i' : ''} -- ${quoted(text)} }`;
}

function checkedHeader(name: string): string {
  invariant(/^[a-z0-9._-]+$/.test(name), `${name} is a plain name of a header`);
  return name;
}

/** An empty value removes the header, as it does in nginx; HAProxy does not start with one. */
function headerRule(name: string, value: string): string {
  return value === `''` ? `del-header ${checkedHeader(name)}` : `set-header ${checkedHeader(name)} ${value}`;
}

/** What is done with every answer. Those of endpoints lose what clients are not to see before it is known what is added. */
export function responseRules(
  { hsts, responseHeaders = [], hiddenHeaders = [] }: EngineConfig,
  isTls: boolean,
): string {
  const set = ({ name, value }: HeaderField): string =>
    `    http-after-response ${headerRule(name, quoted(value.replaceAll('%', '%%')))}\n`;
  return [
    ...hiddenHeaders.map((name) => `    http-response del-header ${checkedHeader(name)}\n`),
    ...responseHeaders.map(set),
    ...(hsts !== undefined && isTls
      ? [`    http-after-response set-header strict-transport-security ${quoted(hsts.replaceAll('%', '%%'))}\n`]
      : []),
  ].join('');
}

/** A text with variables as a log format of HAProxy, one word. */
function formatted(text: NginxText, isTls: boolean): string {
  return quoted(text.map((part) => formattedPart(part, isTls)).join(''));
}

function formattedPart(part: NginxPart, isTls: boolean): string {
  switch (part.kind) {
    case 'literal':
      return part.text.replaceAll('%', '%%');
    case 'http':
      return `%[req.fhdr(${checkedHeader(part.name)})]`;
    case 'arg':
      return `%[url_param(${checkedWord(part.name)})]`;
    case 'cookie':
      return `%[req.cook(${checkedWord(part.name)})]`;
    case 'variable':
      return VARIABLES[part.name].replace('SCHEME', isTls ? 'https' : 'http');
  }
}

const HOST = '%[req.hdr(host),host_only,lower]';
const REQUEST_ID = '%[unique-id]';

/** What stands for each variable. */
const VARIABLES: Readonly<Record<(NginxPart & { readonly kind: 'variable' })['name'], string>> = {
  host: HOST,
  http_host: '%[req.hdr(host)]',
  best_http_host: '%[req.hdr(host)]',
  server_name: HOST,
  request_uri: '%[pathq]',
  uri: '%[path]',
  args: '%[query]',
  query_string: '%[query]',
  request_method: '%[method]',
  remote_addr: '%[src]',
  the_real_ip: '%[src]',
  binary_remote_addr: '%[src]',
  scheme: 'SCHEME',
  pass_access_scheme: '%[req.hdr(x-forwarded-proto)]',
  server_port: '%[dst_port]',
  request_id: REQUEST_ID,
  req_id: REQUEST_ID,
  msec: '%[date].%[date(0,ms),mod(1000)]',
};
