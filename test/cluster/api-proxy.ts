import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { crash } from '../../src/lib/crash.ts';
import { Authority } from '../fakes/apiserver/certificates.ts';

/** A request that came to the proxy, whether or not it was passed on. */
export interface ProxiedRequest {
  /** `list` is a LIST or a watch-list: everything of a selection. */
  readonly kind: 'list' | 'watch' | 'get' | 'write';
  /** Path and field selector: what tells two selections apart. */
  readonly selection: string;
  /** On the clock of `performance.now()`. */
  readonly atMs: number;
  /** Whether the API server gave what was asked for, so that it had the work of it. */
  isServed: boolean;
}

/** What the proxy does instead of passing requests on at once. */
export interface ProxyTrouble {
  /** The answer; without it, requests are passed on in the end. */
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  /** Requests wait for this before anything is done with them. */
  readonly until?: Promise<void>;
  /** Only these requests, told by {@link ProxiedRequest.selection}. */
  readonly selection?: RegExp;
}

/** Headers that are between two neighbours, and have no place in HTTP/2 (RFC 9113 §8.2.2). */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection']);

/**
 * Stands between Sluice and kube-apiserver, as the load balancer of an API server does: keeps count of what is asked,
 * cuts connections, and answers with errors that the server itself cannot be brought to.
 */
export class ApiProxy {
  /** PEM of who vouches for the proxy. */
  readonly authority: string;
  /** Every request so far, in order of arrival. */
  readonly requests: ProxiedRequest[] = [];
  /** While it is set, nothing of what it is about reaches the API server. */
  trouble: ProxyTrouble | undefined;
  readonly #target: URL;
  readonly #agent: https.Agent;
  readonly #server: http2.Http2SecureServer;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string, targetAuthority: string) {
    const authority = new Authority('proxy-ca');
    const { certificate, key } = authority.issue('proxy', ['127.0.0.1']);
    this.authority = authority.certificate;
    this.#target = new URL(target);
    this.#agent = new https.Agent({ keepAlive: true, ca: targetAuthority });
    this.#server = http2.createSecureServer({ cert: certificate, key, allowHTTP1: true });
    this.#server.on('request', (request, response) => this.#serve(request, response));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param target URL of the API server; @param targetAuthority PEM of who vouches for it */
  static async start(target: string, targetAuthority: string): Promise<ApiProxy> {
    const proxy = new ApiProxy(target, targetAuthority);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    // The address of a listening TCP server is never a string or null.
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many of the requests since `mark` (`requests.length`) were of this kind, by selection; or only of those that were served. */
  countSince(mark: number, kind: ProxiedRequest['kind'], isServed?: 'served'): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const request of this.requests.slice(mark)) {
      if (request.kind === kind && (isServed === undefined || request.isServed))
        counts.set(request.selection, (counts.get(request.selection) ?? 0) + 1);
    }
    return counts;
  }

  /** Breaks every connection to a client. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    this.#agent.destroy();
    await closed;
  }

  #serve(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const record = seen(request);
    this.requests.push(record);
    const { trouble } = this;
    if (trouble === undefined || trouble.selection?.test(record.selection) === false) {
      this.#passOn(request, response, record);
      return;
    }
    const go = (): void => {
      if (trouble.status === undefined) this.#passOn(request, response, record);
      else refuse(response, trouble.status, trouble.retryAfterSeconds);
    };
    if (trouble.until === undefined) go();
    else trouble.until.then(go).catch(crash);
  }

  #passOn(request: Http2ServerRequest, response: Http2ServerResponse, record: ProxiedRequest): void {
    const headers = Object.entries(request.headers).filter(([name]) => !name.startsWith(':') && !hopByHop.has(name));
    const outgoing = https.request(new URL(request.url, this.#target), {
      agent: this.#agent,
      method: request.method,
      headers: Object.fromEntries(headers),
    });
    outgoing.on('response', (answer) => {
      record.isServed = answer.statusCode === 200;
      const passed = Object.entries(answer.headers).filter(([name]) => !hopByHop.has(name));
      response.writeHead(answer.statusCode ?? 502, Object.fromEntries(passed));
      // A watch without news has a head and, for minutes, no body.
      if (response instanceof ServerResponse) response.flushHeaders();
      answer.on('error', () => breakOff(request));
      answer.pipe(response);
    });
    outgoing.on('error', () => {
      if (response.headersSent) return;
      response.writeHead(502, { 'content-type': 'text/plain' });
      response.end('the API server cannot be reached\n');
    });
    response.on('close', () => outgoing.destroy());
    request.pipe(outgoing);
  }
}

function refuse(response: Http2ServerResponse, status: number, retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end('switched on by a test\n');
}

/** Ends the answer in the way that says it is not whole. */
function breakOff({ httpVersionMajor, socket, stream }: Http2ServerRequest): void {
  if (httpVersionMajor === 1) socket.destroy();
  else stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
}

function seen(request: Http2ServerRequest): ProxiedRequest {
  const url = new URL(request.url, 'https://proxy');
  const { searchParams } = url;
  const isCollection = /\/[a-z]+s$|\/[a-z]+es$/.test(url.pathname);
  const selection = `${url.pathname} ${searchParams.get('fieldSelector') ?? ''}`.trimEnd();
  const seenNow = { selection, atMs: performance.now(), isServed: false };
  if (request.method !== 'GET') return { kind: 'write', ...seenNow };
  if (searchParams.has('sendInitialEvents')) return { kind: 'list', ...seenNow };
  if (searchParams.has('watch')) return { kind: 'watch', ...seenNow };
  return { kind: isCollection ? 'list' : 'get', ...seenNow };
}
