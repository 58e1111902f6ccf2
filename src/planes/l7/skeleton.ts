import { innerPortsOf } from '../../compile/gateway/inner-ports.ts';
import { invariant } from '../../lib/invariant.ts';
import { NO_ENGINE_CONFIG, type EngineConfig } from '../../model/http/engine-config.ts';
import { accessLogDirectives, accessLogRing } from './access-log/format.ts';
import { classSections, className } from './classes.ts';
import { clientHeaderRules } from './client-headers.ts';
import { REFUSAL_BACKEND } from './encode.ts';
import type { EngineSettings } from './engine-settings.ts';
import {
  connectionDirectives,
  durationText,
  requestRules,
  responseRules,
  tlsDirectives,
  withConfig,
} from './config-rules.ts';
import { FILES } from './files.ts';
import { VERIFIED_TABLE } from './filter/basic-auth.ts';
import { askedFrontend } from './filter/external-auth.ts';
import { TABLES } from './filter/limits.ts';
import { lookUpRules, redirectBackend, refusalBackends, routingRules, type Place } from './routing-rules.ts';

/** How HAProxy and Sluice reach each other. */
export interface EngineSockets {
  readonly admin: string;
  readonly accessLog: string;
  /** With the key that only the two of them know. */
  readonly passwords: { readonly name: string; readonly key: string };
  /** The abstract Unix socket by which rules of HAProxy reach its backends. */
  readonly asked: string;
}

/**
 * The fixed part of haproxy.cfg: it depends on flags, on how many ports stand ready for Gateways (`reserve`), and on what one object says
 * of the engine as a whole (`config`). Hosts, paths, backends, servers and certificates are data behind it (see README.md beside this file).
 *
 * `sockets.admin` is the absolute path of the runtime CLI; `sockets.accessLog` and `sockets.passwords` name the abstract Unix
 * sockets for access log lines and for questions about passwords, abstract because HAProxy connects from inside its chroot.
 */
export function renderSkeleton(
  flags: EngineSettings,
  sockets: EngineSockets,
  reserve = 0,
  config: EngineConfig = NO_ENGINE_CONFIG,
): string {
  const settings = withConfig(flags, config);
  return [
    globalSection(settings, config, sockets),
    ...(settings.hasAccessLog ? [accessLogRing(sockets.accessLog)] : []),
    frontDefaults(settings, config),
    classSections(),
    frontend('http', settings, config, outerBinds('http', settings, config, false), { isTls: false, isInner: false }),
    frontend('https', settings, config, outerBinds('https', settings, config, true), { isTls: true, isInner: false }),
    ...innerFrontends(settings, config, reserve),
    refusalBackends(className('plain')),
    redirectBackend(className('plain')),
    TABLES,
    VERIFIED_TABLE,
    askedFrontend(word(sockets.asked)),
  ].join('\n');
}

function word(text: string): string {
  invariant(/^[A-Za-z0-9._:@/-]+$/.test(text), `${JSON.stringify(text)} is a configuration word`);
  return text;
}

function globalSection(
  settings: EngineSettings,
  config: EngineConfig,
  { admin: adminSocket, passwords, asked }: EngineSockets,
): string {
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
    # What is read of a body without Content-Length where its size is limited.
    tune.bufsize.large 1048576
    # Certificate chains and bulk map updates travel as payloads of the runtime CLI.
    tune.cli.max-payload-size 4m
    # HTTP/2: what a connection may hold and do (docs/reference/http2-limits.md has what comes of it).
    # Requests reset before they were begun, windows made smaller, frames out of place: a client that means no harm has a few of
    # them, an attack a thousand in a moment. At three quarters the client is asked to connect anew.
    tune.h2.fe.glitches-threshold 1000
    # Each holds up to 70 KB while its answer is not taken, so this is what a connection may cost.
    tune.h2.fe.max-concurrent-streams ${String(config.http2Streams ?? 100)}
    # 16 KiB hold 1,200 resets, each of which ends a stream: the rest of a burst waits behind the work of other connections.
    tune.h2.fe.max-rst-at-once 10
    # Whom to ask about passwords, and by which key both sides are known.
    set-var proc.checker str(${word(passwords.name)})
    set-var proc.asked str(${word(asked)})
    set-var proc.checker_key str(${word(passwords.key)})
    # By default a request pauses after 50 rules and others go on: between reading how much a client has had and writing it down again,
    # so that of many requests at once none would be beyond a limit.
    tune.max-rules-at-once 1000
    # What rules cannot do with data alone.
    tune.lua.bool-sample-conversion normal
    lua-load-per-thread ${FILES.lua}
${tlsDirectives(config)}    ssl-load-extra-files none
`;
}

/** What both frontends have in common besides their rules. */
function frontDefaults(settings: EngineSettings, config: EngineConfig): string {
  return `defaults sluice-front
    mode http
    timeout client ${durationText(config.clientMs ?? 60_000)}
    timeout client-hs 10s
    timeout client-fin 10s
    timeout http-request ${durationText(config.requestHeadersMs ?? 10_000)}
    timeout http-keep-alive ${durationText(config.keepAliveMs ?? 75_000)}
${connectionDirectives(config)}    # Probes of balancers and connections that browsers open ahead of need are no requests.
    option dontlognull
    option http-ignore-probes
    # When another process takes over, an idle connection may get a request at that very moment: it is answered, then closed.
    option idle-close-on-response
    unique-id-format %[uuid]
${settings.hasAccessLog ? accessLogDirectives(settings) : ''}`;
}

function tlsWords({ isHttp2Off = false }: EngineConfig): string {
  return ` ssl crt ${FILES.selfSigned} crt-list ${FILES.certificates} alpn ${isHttp2Off ? '' : 'h2,'}http/1.1`;
}

/** The frontends of ports for Gateways. Each port has its name, by which its routes are found. */
function innerFrontends(settings: EngineSettings, config: EngineConfig, reserve: number): readonly string[] {
  const { innerPorts } = settings;
  if (innerPorts === undefined || reserve === 0) return [];
  return (['http', 'tls'] as const).map((kind) => {
    const { first, last } = innerPortsOf(innerPorts, kind);
    const ports = Array.from({ length: Math.min(reserve, last - first + 1) }, (_, index) => first + index);
    const tls = kind === 'tls' ? tlsWords(config) : '';
    const binds = settings.bindAddresses.flatMap((address) =>
      ports.map((port) => `    bind ${bindAddress(address, port)} name ${String(port)}${tls}`),
    );
    return frontend(`gateway-${kind}`, settings, config, binds, { isTls: kind === 'tls', isInner: true });
  });
}

function outerBinds(name: string, settings: EngineSettings, config: EngineConfig, isTls: boolean): readonly string[] {
  const port = isTls ? settings.httpsPort : settings.httpPort;
  const tls = isTls ? tlsWords(config) : '';
  const binds = settings.bindAddresses.map((address) => `    bind ${bindAddress(address, port)} name ${name}${tls}`);
  if (isTls && settings.isHttp3) {
    for (const address of settings.bindAddresses) {
      const family = address.includes(':') ? 'quic6' : 'quic4';
      const quic = `ssl crt ${FILES.selfSigned} crt-list ${FILES.certificates} alpn h3`;
      binds.push(`    bind ${family}@${bindAddress(address, port)} name http3 ${quic}`);
    }
  }
  return binds;
}

function frontend(
  name: string,
  settings: EngineSettings,
  config: EngineConfig,
  binds: readonly string[],
  place: Place,
): string {
  const { isTls, isInner } = place;
  const captures = settings.hasAccessLog
    ? `    capture request header host len 255\n${
        settings.trustedProxies.length === 0 ? '' : '    http-request capture req.hdr(x-request-id) len 64\n'
      }`
    : '';
  return `frontend ${name} from sluice-front
${binds.join('\n')}
${proxyProtocol(settings)}${lookUpRules(place)}${clientHeaderRules(settings, isTls)}${requestRules(config, isTls)}${captures}${isTls && !isInner ? altSvc(settings) : ''}${responseRules(config, isTls)}${routingRules(settings, place)}    use_backend %[var(txn.route),field(1,|)]
    # A backend that went away between look-up and use.
    default_backend ${REFUSAL_BACKEND[503]}
`;
}

/**
 * Balancers that say in front of each connection who the client is. A connection from one of them that does not begin so is closed:
 * otherwise the one that can reach both ports could choose who it is.
 */
function proxyProtocol(settings: EngineSettings): string {
  const lines: string[] = [];
  for (let start = 0; start < settings.proxyProtocolSources.length; start += ADDRESSES_PER_LINE) {
    const some = settings.proxyProtocolSources.slice(start, start + ADDRESSES_PER_LINE).map(word);
    lines.push(`    tcp-request connection expect-proxy layer4 if { src ${some.join(' ')} }\n`);
  }
  return lines.join('');
}

/** HAProxy does not start with a line of more than 64 words. */
const ADDRESSES_PER_LINE = 50;

function bindAddress(address: string, port: number): string {
  // IPv6 alone: otherwise "::" would take the IPv4 port as well, which "0.0.0.0" has.
  return address.includes(':') ? `[${word(address)}]:${String(port)} v6only` : `${word(address)}:${String(port)}`;
}

function altSvc(settings: EngineSettings): string {
  if (!settings.isHttp3) return '';
  const value = `h3=\\":${String(settings.publicHttpsPort)}\\"; ma=86400`;
  return `    http-after-response set-header alt-svc "${value}"\n`;
}
