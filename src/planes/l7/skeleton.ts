import { invariant } from '../../lib/invariant.ts';
import { FILTER_FLAG } from './filters.ts';
import { FLAG, REFUSAL_BACKEND } from './encode.ts';
import type { EngineSettings } from './engine-settings.ts';

/** Names of files inside a checkpoint; on the runtime CLI they name the same maps and lists. */
export const FILES = {
  /** What {@link renderSkeleton} gives. */
  skeleton: 'haproxy.cfg',
  backends: 'backends.cfg',
  routes: 'routes.map',
  regexes: 'regexes.map',
  certificates: 'crt-list.txt',
  selfSigned: 'certs/self-signed.pem',
} as const;

/** Name of the `defaults` that every backend comes from. */
export const BACKEND_CLASS = 'sluice-backend';

/**
 * The fixed part of haproxy.cfg: it depends on flags alone, never on objects. Hosts, paths, backends,
 * servers and certificates are data behind it (see README.md beside this file).
 *
 * `sockets.admin` is the absolute path of the runtime CLI; `sockets.accessLog` names the abstract Unix
 * socket for access log lines, abstract because HAProxy connects from inside its chroot.
 */
export function renderSkeleton(
  settings: EngineSettings,
  sockets: { readonly admin: string; readonly accessLog: string },
): string {
  return [
    globalSection(settings, sockets.admin),
    ...(settings.hasAccessLog ? [accessLogRing(sockets.accessLog)] : []),
    frontDefaults(settings),
    backendDefaults(),
    frontend('http', settings, false),
    frontend('https', settings, true),
    refusal(REFUSAL_BACKEND[404], 404, 'no route for this host and path'),
    refusal(REFUSAL_BACKEND[503], 503, 'the backend of this route is not usable'),
  ].join('\n');
}

function word(text: string): string {
  invariant(/^[A-Za-z0-9._:@/-]+$/.test(text), `${JSON.stringify(text)} is a configuration word`);
  return text;
}

function globalSection(settings: EngineSettings, adminSocket: string): string {
  const { user } = settings;
  return `# Written by Sluice. Changes made here are lost.
global
    default-path config
    # Otherwise the kernel would let another HAProxy have the same port, and give it every other connection.
    noreuseport
    maxconn ${String(settings.maxConnections)}
${settings.threads === undefined ? '' : `    nbthread ${String(settings.threads)}\n`}${
    user === undefined ? '' : `    uid ${String(user.uid)}\n    gid ${String(user.gid)}\n    chroot auto\n`
  }    stats socket ${word(adminSocket)} mode 600 level admin expose-fd listeners
    stats timeout 1d
    hard-stop-after ${String(settings.hardStopAfterS)}s
    # Buffers of some dozen busy connections stay with their thread instead of going back to the allocator after each request.
    tune.memory.hot-size 4194304
    # What a retry keeps of a request, unless the request is larger.
    tune.bufsize.small 4096
    # Certificate chains and bulk map updates travel as payloads of the runtime CLI.
    tune.cli.max-payload-size 4m
    tune.h2.fe.glitches-threshold 1000
    tune.h2.fe.max-concurrent-streams 100
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-load-extra-files none
`;
}

/** A line that is cut is lost. HAProxy keeps 1023 bytes of a path, of which each may take three in the line, and 255 of a host. */
const MAX_LOG_LINE_BYTES = 8192;

function accessLogRing(socket: string): string {
  return `# Keeps the latest lines while Sluice is away and hands them over when it is back.
ring access
    format raw
    maxlen ${String(MAX_LOG_LINE_BYTES)}
    size 4194304
    server sluice abnsz@${word(socket)} log-proto legacy
`;
}

/** What both frontends have in common besides their rules. */
function frontDefaults(settings: EngineSettings): string {
  return `defaults sluice-front
    mode http
    timeout client 60s
    timeout client-hs 10s
    timeout client-fin 10s
    timeout http-request 10s
    timeout http-keep-alive 75s
    option http-restrict-req-hdr-names delete
    # Probes of balancers and connections that browsers open ahead of need are no requests.
    option dontlognull
    option http-ignore-probes
    # When another process takes over, an idle connection may get a request at that very moment: it is answered, then closed.
    option idle-close-on-response
    unique-id-format %[uuid]
${settings.hasAccessLog ? accessLog(settings) : ''}`;
}

/**
 * Finds the route of a request. One that is written as usual and needs nothing more ends at `allow`, after one look-up:
 * `base` is Host and path together, and the sign for no flags stands between two bars. Every rule after that is for the
 * others. Only when the look-up misses is the host folded to lower case without its port, then the wildcard above it tried,
 * then the entry for any host. A regular expression belongs to the host that was found, so that it is matched with the key that
 * found it.
 */
function routing(isTls: boolean, settings: EngineSettings): string {
  const lookUp = `map_beg(${FILES.routes})`;
  const missed = 'if !{ var(txn.route) -m found }';
  return `    http-request set-var(txn.route) "base,concat('/#'),${lookUp}"
    http-request allow if { var(txn.route) -m sub |${FLAG.none}| }
    http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.) ${missed}
    http-request deny deny_status 400 ${missed} !{ var(txn.host) -m len gt 0 }
    http-request set-var-fmt(txn.key) "%[var(txn.host)]%[path]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${lookUp} ${missed}
    http-request set-var-fmt(txn.key) "*%[var(txn.host),regsub('^[^.]*','')]%[path]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${lookUp} ${missed}
    http-request set-var-fmt(txn.key) "*%[path]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${lookUp} ${missed}
    http-request set-var(txn.route) str(${REFUSAL_BACKEND[404]}|${FLAG.none}||no-route) ${missed}
    http-request set-var-fmt(txn.key) "%[req.hdr(host),host_only,lower]%[path]/#" if !{ var(txn.key) -m found } { var(txn.route),field(2,|) -m sub ${FLAG.hostHasRegex} }
    http-request set-var(txn.regex) "var(txn.key),regsub('/#',),map_reg(${FILES.regexes})" if { var(txn.route),field(2,|) -m sub ${FLAG.hostHasRegex} }
    http-request set-var(txn.route) var(txn.regex) if { var(txn.regex) -m found }
${isTls ? '' : redirect(settings)}`;
}

/**
 * One line of JSON per request, which observe/access-log relays as it is: written by hand, because HAProxy's own encoder
 * (`%{+json}o`) takes twice the time. What clients choose is `host`, which is encoded, and `path`, in which HAProxy writes
 * what is not printable, `"` and `#` as `#` and two digits; a backslash in it is left to the relay.
 */
function accessLog(settings: EngineSettings): string {
  const id = settings.trustedProxies.length === 0 ? 'ID' : '[capture.req.hdr(1),json(utf8s)]';
  const text = (name: string, value: string): string => String.raw`\"${name}\":\"${value}\"`;
  // With the flag Q, HAProxy writes the quotes, and also where there is no value, in place of which it writes a dash without.
  const maybe = (name: string, value: string): string => String.raw`\"${name}\":%{+Q}${value}`;
  const number = (name: string, value: string): string => String.raw`\"${name}\":${value}`;
  const fields = [
    // These five come first, because every line is searched for them.
    text('time', '%tr'),
    text('log', 'access'),
    text('ends', '%tsc'),
    number('status', '%ST'),
    number('totalMs', '%Ta'),
    maybe('route', '[var(txn.route),field(3,|)]'),
    text('client', '%ci'),
    text('method', '%HM'),
    maybe('host', '[capture.req.hdr(0),json(utf8s)]'),
    text('path', '%HPO'),
    text('version', '%HV'),
    number('bytes', '%B'),
    number('waitMs', '%Tw'),
    number('connectMs', '%Tc'),
    number('responseMs', '%Tr'),
    number('retries', '%rc'),
    maybe('requestId', id),
    // These two come last, because they are what has to be changed in a line.
    text('endpoint', '%s'),
    maybe('reason', '[var(txn.route),field(4,|)]'),
  ];
  return `    log ring@access len ${String(MAX_LOG_LINE_BYTES)} format raw local0
    log-format "{${fields.join(',')}}"
`;
}

/** What every backend inherits by reference, those added at run time too. */
function backendDefaults(): string {
  return `defaults ${BACKEND_CLASS}
    mode http
    timeout connect 5s
    timeout server 60s
    timeout queue 5s
    timeout tunnel 1h
    balance leastconn
    http-reuse safe
    # An endpoint that is gone before its EndpointSlice says so costs a retry on another one, not an error; and so does one that
    # closes an idle connection while a request is on its way to it.
    # Requests that may have had an effect are not sent twice (RFC 9110 §9.2.2).
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    option use-small-buffers l7-retries
    http-request disable-l7-retry if { method POST PATCH }
`;
}

function frontend(name: string, settings: EngineSettings, isTls: boolean): string {
  const port = isTls ? settings.httpsPort : settings.httpPort;
  const tls = isTls ? ` ssl crt ${FILES.selfSigned} crt-list ${FILES.certificates} alpn h2,http/1.1` : '';
  const binds = settings.bindAddresses.map((address) => `    bind ${bindAddress(address, port)} name ${name}${tls}`);
  if (isTls && settings.isHttp3) {
    for (const address of settings.bindAddresses) {
      const family = address.includes(':') ? 'quic6' : 'quic4';
      const quic = `ssl crt ${FILES.selfSigned} crt-list ${FILES.certificates} alpn h3`;
      binds.push(`    bind ${family}@${bindAddress(address, port)} name http3 ${quic}`);
    }
  }
  const captures = settings.hasAccessLog
    ? `    capture request header host len 255\n${
        settings.trustedProxies.length === 0 ? '' : '    http-request capture req.hdr(x-request-id) len 64\n'
      }`
    : '';
  return `frontend ${name} from sluice-front
${binds.join('\n')}
${forwardedHeaders(settings, isTls)}${captures}${isTls ? altSvc(settings) : ''}${routing(isTls, settings)}    use_backend %[var(txn.route),field(1,|)]
    # A backend that went away between look-up and use.
    default_backend ${REFUSAL_BACKEND[503]}
`;
}

function bindAddress(address: string, port: number): string {
  // IPv6 alone: otherwise "::" would take the IPv4 port as well, which "0.0.0.0" has.
  return address.includes(':') ? `[${word(address)}]:${String(port)} v6only` : `${word(address)}:${String(port)}`;
}

function altSvc(settings: EngineSettings): string {
  if (!settings.isHttp3) return '';
  const value = `h3=\\":${String(settings.publicHttpsPort)}\\"; ma=86400`;
  return `    http-after-response set-header alt-svc "${value}"\n`;
}

/** Hosts with TLS redirect plain HTTP, but never what a trusted balancer already took over HTTPS. */
function redirect(settings: EngineSettings): string {
  const port = settings.publicHttpsPort === 443 ? '' : `:${String(settings.publicHttpsPort)}`;
  const wanted = `{ var(txn.route),field(2,|) -m sub ${FILTER_FLAG.HttpsRedirect} }`;
  // What an untrusted client says in this header has been replaced by now.
  const condition =
    settings.trustedProxies.length === 0 ? wanted : `${wanted} !{ req.hdr(x-forwarded-proto) -m str -i https }`;
  return `    http-request redirect code 308 location "https://%[req.hdr(host),host_only]${port}%[pathq]" if ${condition}\n`;
}

/**
 * X-Forwarded-* and friends: what a client says of itself is removed, in one search through the headers; what a trusted
 * proxy says is kept and, for X-Forwarded-For, appended to.
 */
function forwardedHeaders(settings: EngineSettings, isTls: boolean): string {
  const values: readonly (readonly [string, string])[] = [
    ['x-forwarded-proto', isTls ? 'https' : 'http'],
    ['x-forwarded-host', '%[req.hdr(host)]'],
    ['x-forwarded-port', String(isTls ? settings.publicHttpsPort : settings.httpPort)],
  ];
  if (settings.trustedProxies.length === 0) {
    return `    http-request del-header x-forwarded- -m beg
    http-request add-header x-forwarded-for %[src]
${values.map(([name, value]) => `    http-request add-header ${name} ${value}`).join('\n')}
    http-request set-header x-real-ip %[src]
    http-request set-header x-request-id %[unique-id]
`;
  }
  const isTrusted = '{ var(txn.trusted) -m bool }';
  const keep = [...values, ['x-real-ip', '%[src]'] as const, ['x-request-id', '%[unique-id]'] as const].map(
    ([name, value]) =>
      `    http-request set-header ${name} ${value} if !${isTrusted} || !{ req.hdr(${name}) -m found }\n`,
  );
  return `${trust(settings.trustedProxies)}    http-request del-header x-forwarded- -m beg if !${isTrusted}
    http-request set-header x-real-ip %[req.hdr(x-forwarded-for,-1)] if ${isTrusted} { req.hdr(x-forwarded-for) -m found }
    http-request add-header x-forwarded-for %[src]
${keep.join('')}`;
}

/** HAProxy does not start with a line of more than 64 words. */
const PROXIES_PER_LINE = 50;

function trust(proxies: readonly string[]): string {
  const lines: string[] = [];
  for (let start = 0; start < proxies.length; start += PROXIES_PER_LINE) {
    const some = proxies.slice(start, start + PROXIES_PER_LINE).map(word);
    lines.push(`    http-request set-var(txn.trusted) bool(true) if { src ${some.join(' ')} }\n`);
  }
  return lines.join('');
}

function refusal(name: string, status: 404 | 503, text: string): string {
  return `backend ${name} from ${BACKEND_CLASS}
    http-request return status ${String(status)} content-type text/plain string "${String(status)}: ${text}\\n"
`;
}
