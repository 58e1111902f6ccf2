import http, { type ClientRequest } from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { withDeadline } from '../lib/deadline.ts';
import { Fault } from '../lib/fault.ts';
import type { KubeConfig } from './config.ts';
import { timedOut, unreachable } from './connection-fault.ts';

/** From the first packet to the end of the TLS handshake, in milliseconds. */
const CONNECT_TIMEOUT_MS = 15_000;

/** Under how much silence a probe is sent to the peer, in milliseconds. */
const KEEP_ALIVE_MS = 15_000;

/**
 * A TLS connection to the API server, through its proxy where it has one.
 *
 * @throws Fault `kube-timeout`, `kube-unreachable` where the proxy refuses, and what Node's sockets and TLS throw
 */
export function openServerSocket(
  { server, proxy }: Pick<KubeConfig, 'server' | 'proxy'>,
  options: tls.ConnectionOptions,
): Promise<TLSSocket> {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const port = server.port === '' ? 443 : Number(server.port);
  const onTimeout = (): Fault =>
    new Fault(timedOut, `the API server ${server.origin} did not answer within ${CONNECT_TIMEOUT_MS / 1000} s`);
  return withDeadline({ timeoutMs: CONNECT_TIMEOUT_MS, onTimeout }, async (signal) => {
    const tunnel = proxy === undefined ? {} : { socket: await openTunnel(proxy, server, port, signal) };
    // RFC 6066 §3 has no addresses in SNI.
    const servername = isIP(host) === 0 ? { servername: host } : {};
    return secured(tls.connect({ host, port, ...servername, ...options, ...tunnel }), signal);
  });
}

async function secured(socket: TLSSocket, signal: AbortSignal): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => void socket.destroy(asError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('secureConnect', resolve);
  // Stays: what goes wrong later is reported by whoever uses the socket.
  socket.on('error', reject);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  try {
    await promise;
    return socket;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A way through the proxy to the server (CONNECT, RFC 9110 §9.3.6). */
async function openTunnel(proxy: URL, server: URL, port: number, signal: AbortSignal): Promise<Socket> {
  const asking = askForTunnel(proxy, `${server.hostname}:${port}`, signal);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  asking.once('connect', ({ statusCode, statusMessage }, socket) => {
    if (statusCode === 200) {
      resolve(socket);
      return;
    }
    socket.destroy();
    reject(proxyFault(proxy, server, `it answered ${String(statusCode)} ${statusMessage ?? ''}`.trimEnd()));
  });
  asking.once('response', (answer) => {
    answer.destroy();
    reject(proxyFault(proxy, server, `it answered ${String(answer.statusCode)}`));
  });
  asking.once('error', (cause) => {
    reject(signal.aborted ? asError(signal.reason) : proxyFault(proxy, server, cause.message, cause));
  });
  asking.end();
  return promise;
}

function askForTunnel(proxy: URL, target: string, signal: AbortSignal): ClientRequest {
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const headers = {
    host: target,
    ...(proxy.username !== '' && { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` }),
  };
  // By its parts: of a URL, Node would make an Authorization header.
  const options = {
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port),
    method: 'CONNECT',
    path: target,
    headers,
    agent: false,
    signal,
  } as const;
  return proxy.protocol === 'https:' ? https.request(options) : http.request(options);
}

function proxyFault(proxy: URL, server: URL, reason: string, cause?: unknown): Fault {
  const message = `the HTTP proxy ${proxy.host} does not lead to the API server ${server.origin}: ${reason}`;
  return new Fault(unreachable, message, { cause });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
