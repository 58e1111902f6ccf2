import { invariant } from '../../lib/invariant.ts';
import { FLAG, REFUSAL_BACKEND } from './encode.ts';
import type { EngineSettings } from './engine-settings.ts';

/** Names of files inside a checkpoint; on the runtime CLI they name the same maps and lists. */
export const FILES = {
  config: 'haproxy.cfg',
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
    # Certificate chains and bulk map updates travel as payloads of the runtime CLI.
    tune.cli.max-payload-size 4m
    tune.h2.fe.glitches-threshold 1000
    tune.h2.fe.max-concurrent-streams 100
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-load-extra-files none
`;
}

function accessLogRing(socket: string): string {
  return `# Keeps the latest lines while Sluice is away and hands them over when it is back.
ring access
    format raw
    maxlen 4096
    size 4194304
    server sluice abnsz@${word(socket)} log-proto legacy
`;
}

/**
 * The rules of every listener. A request that is written as usual costs one look-up: \`base\` is Host
 * and path together. Only when that misses is the host folded to lower case without its port, then
 * the wildcard above it tried, then the entry for any host. A regular expression belongs to the host that was found, so that
 * it is matched with the key that found it.
 */
function frontDefaults(settings: EngineSettings): string {
  const lookUp = `map_beg(${FILES.routes})`;
  const missed = 'if !{ var(txn.route) -m found }';
  const log = settings.hasAccessLog ? accessLog() : '';
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
${log}    http-request set-var(txn.route) "base,concat('/#'),${lookUp}"
    http-request deny deny_status 400 ${missed} !{ req.hdr(host) -m found }
    http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.) ${missed}
    http-request set-var-fmt(txn.key) "%[var(txn.host)]%[path]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${lookUp} ${missed}
    http-request set-var-fmt(txn.key) "*%[var(txn.host),regsub('^[^.]*','')]%[path]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${lookUp} ${missed}
    http-request set-var-fmt(txn.key) "*%[path]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${lookUp} ${missed}
    http-request set-var-fmt(txn.key) "%[req.hdr(host),host_only,lower]%[path]/#" if !{ var(txn.key) -m found } { var(txn.route),field(2,|) -m sub ${FLAG.hostHasRegex} }
    http-request set-var(txn.regex) "var(txn.key),regsub('/#',),map_reg(${FILES.regexes})" if { var(txn.route),field(2,|) -m sub ${FLAG.hostHasRegex} }
    http-request set-var(txn.route) var(txn.regex) if { var(txn.regex) -m found }
`;
}

/** One JSON object a line; the fields are read by observe/access-log. */
function accessLog(): string {
  const fields = [
    '%(t)[accept_date(ms)]',
    '%(client)ci',
    '%(method)HM',
    '%(host)[capture.req.hdr(0)]',
    '%(path)HPO',
    '%(version)HV',
    '%(status)ST',
    '%(bytes)B',
    '%(route)[var(txn.route)]',
    '%(backend)b',
    '%(endpoint)s',
    '%(ends)tsc',
    '%(wait_ms)Tw',
    '%(connect_ms)Tc',
    '%(response_ms)Tr',
    '%(total_ms)Ta',
    '%(retries)rc',
    '%(id)[capture.req.hdr(1)]',
  ];
  return `    log ring@access format raw local0
    log-format "%{+json}o ${fields.join(' ')}"
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
    # An endpoint that is gone before its EndpointSlice says so costs a retry on another one, not an error.
    # Requests that may have had an effect are not sent twice (RFC 9110 §9.2.2).
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
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
  const logged = settings.hasAccessLog
    ? '    http-request capture req.hdr(host) len 255\n    http-request capture req.hdr(x-request-id) len 64\n'
    : '';
  return `frontend ${name} from sluice-front
${binds.join('\n')}
${forwardedHeaders(settings, isTls)}${logged}${isTls ? altSvc(settings) : redirect(settings)}    use_backend ${REFUSAL_BACKEND[404]} if !{ var(txn.route) -m found }
    use_backend %[var(txn.route),field(1,|)]
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
  const wanted = `{ var(txn.route),field(2,|) -m sub ${FLAG.redirectToHttps} }`;
  // What an untrusted client says in this header has been replaced by now.
  const condition =
    settings.trustedProxies.length === 0 ? wanted : `${wanted} !{ req.hdr(x-forwarded-proto) -m str -i https }`;
  return `    http-request redirect code 308 location "https://%[req.hdr(host),host_only]${port}%[pathq]" if ${condition}\n`;
}

/**
 * X-Forwarded-* and friends: what a client says of itself is replaced; what a trusted proxy says is
 * kept and, for X-Forwarded-For, appended to.
 */
function forwardedHeaders(settings: EngineSettings, isTls: boolean): string {
  const values: readonly (readonly [string, string])[] = [
    ['x-forwarded-for', '%[src]'],
    ['x-forwarded-proto', isTls ? 'https' : 'http'],
    ['x-forwarded-host', '%[req.hdr(host)]'],
    ['x-forwarded-port', String(isTls ? settings.publicHttpsPort : settings.httpPort)],
    ['x-real-ip', '%[src]'],
    ['x-request-id', '%[uuid]'],
  ];
  if (settings.trustedProxies.length === 0) {
    return `${values.map(([name, value]) => `    http-request set-header ${name} ${value}`).join('\n')}\n`;
  }
  const trusted = `    http-request set-var(txn.trusted) bool(true) if { src ${settings.trustedProxies.map(word).join(' ')} }\n`;
  const rules = values.map(([name, value]) => {
    if (name === 'x-forwarded-for') {
      return `    http-request del-header x-forwarded-for if !{ var(txn.trusted) -m bool }\n    http-request set-header x-real-ip %[req.hdr(x-forwarded-for,-1)] if { var(txn.trusted) -m bool } { req.hdr(x-forwarded-for) -m found }\n    http-request add-header x-forwarded-for %[src]`;
    }
    const unless = `!{ var(txn.trusted) -m bool } || !{ req.hdr(${name}) -m found }`;
    return `    http-request set-header ${name} ${value} if ${unless}`;
  });
  return `${trusted}${rules.join('\n')}\n`;
}

function refusal(name: string, status: 404 | 503, text: string): string {
  return `backend ${name} from ${BACKEND_CLASS}
    http-request return status ${String(status)} content-type text/plain string "${String(status)}: ${text}\\n"
`;
}
