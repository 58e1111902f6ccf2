import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import { withDeadline } from '../lib/deadline.ts';
import { Fault } from '../lib/fault.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { ApiFault, decodeStatus } from './api-fault.ts';
import type { KubeConfig } from './config.ts';
import { connectionFault, isCutConnection, timedOut } from './connection-fault.ts';
import type { Credentials } from './credentials.ts';
import { JsonStream } from './json-stream.ts';
import { malformedAnswer } from './raw-object.ts';

/** A request, apart from how long to wait for what. */
interface RequestHead {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path below the server's URL, already encoded. */
  readonly path: string;
  /** Query parameters; those that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request whose answer is read whole. */
export interface ApiRequest extends RequestHead {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: string | undefined;
  /** From sending to the last byte of the answer. Default: 30 s. */
  readonly timeoutMs?: number | undefined;
}

/** A GET whose answer is one JSON value per line. */
export interface StreamRequest extends Omit<RequestHead, 'method'> {
  /** How long the server may take to begin its answer. Default: 30 s. */
  readonly openTimeoutMs?: number | undefined;
  /** How long the whole answer may take. */
  readonly lifetimeMs: number;
}

export interface ApiResponse {
  readonly status: number;
  /** What the JSON said; a string when the answer was not JSON; undefined when there was none. */
  readonly body: unknown;
}

const defaultTimeoutMs = 30_000;

/** Below V8's longest string (about 512 MiB), which JSON.parse needs the body to be. */
const maxBodyBytes = 384 * 1024 * 1024;

const agentOptions: http.AgentOptions = {
  keepAlive: true,
  keepAliveMsecs: 15_000,
  // Leave before the server does: kube-apiserver drops connections that were idle for 90 s or more.
  timeout: 60_000,
  scheduling: 'lifo',
};

/**
 * HTTP with one API server, over HTTP/1.1 keep-alive connections: one for each running stream, and
 * a few that requests share.
 *
 * All methods throw {@link ApiFault} for an answer outside 200–299, a Fault (`kube-unreachable`,
 * `kube-timeout`, `kube-tls`, `kube-credentials`, `kube-exec-plugin`) when there is none, and the
 * signal's own reason when the signal is aborted. HTTP proxies of the environment are not used.
 */
export class Transport {
  readonly #config: KubeConfig;
  readonly #userAgent: string;
  readonly #agent: http.Agent;

  constructor(config: KubeConfig, userAgent: string) {
    this.#config = config;
    this.#userAgent = userAgent;
    this.#agent = config.server.protocol === 'http:' ? new http.Agent(agentOptions) : new https.Agent(agentOptions);
  }

  /** URL origin of the server, for messages. */
  get server(): string {
    return this.#config.server.origin;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const deadline = this.#deadline(request, request.timeoutMs);
    return withDeadline(deadline, async (signal) => {
      const response = await this.#send(request, signal);
      return { status: response.statusCode ?? 0, body: await this.#readBody(response, signal) };
    });
  }

  /** The promise holds as soon as the answer begins; see {@link JsonStream} for what to do with it. */
  async stream(request: StreamRequest): Promise<JsonStream> {
    const get = { ...request, method: 'GET' } as const;
    const response = await withDeadline(this.#deadline(get, request.openTimeoutMs), (signal) =>
      this.#send(get, signal),
    );
    return new JsonStream(response, {
      action: this.#describe(get),
      server: this.server,
      signal: request.signal,
      lifetimeMs: request.lifetimeMs,
    });
  }

  /** Closes every connection, also those in use. */
  close(): void {
    this.#agent.destroy();
  }

  #describe(request: RequestHead): string {
    return `${request.method} ${this.server}${request.path}`;
  }

  #deadline(request: RequestHead, timeoutMs = defaultTimeoutMs): Parameters<typeof withDeadline>[0] {
    const onTimeout = (): Fault => {
      const seconds = timeoutMs / 1000;
      return new Fault(timedOut, `${this.#describe(request)}: the API server did not answer within ${seconds} s`);
    };
    return { timeoutMs, signal: request.signal, onTimeout };
  }

  /** Sends, and sends once more after a 401 if newer credentials can be had. */
  async #send(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const source = this.#config.credentials;
    const credentials = await orAborted(source.current(), signal);
    try {
      return await this.#sendAs(credentials, request, signal);
    } catch (error) {
      if (!(error instanceof ApiFault) || error.status !== 401) throw error;
      source.reject(credentials);
      const renewed = await orAborted(source.current(), signal);
      const isSame =
        renewed.authorization === credentials.authorization && renewed.certificate === credentials.certificate;
      if (isSame) throw error;
      return this.#sendAs(renewed, request, signal);
    }
  }

  /** @throws ApiFault when the status is not in 200–299 */
  async #sendAs(credentials: Credentials, request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await this.#exchange(request, credentials, signal);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status <= 299) return response;
    const body = await this.#readBody(response, signal);
    throw new ApiFault(this.#describe(request), decodeStatus(status, body, response.headers['retry-after']));
  }

  async #exchange(request: ApiRequest, credentials: Credentials, signal: AbortSignal): Promise<IncomingMessage> {
    for (;;) {
      signal.throwIfAborted();
      const outgoing = this.#open(request, credentials);
      const onAbort = (): void => void outgoing.destroy();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return await responseOf(outgoing);
      } catch (error) {
        signal.throwIfAborted();
        // A kept connection that the server closed while our request was on its way. Nothing but a
        // GET is repeated: the server may have acted on it.
        if (request.method === 'GET' && outgoing.reusedSocket && isCutConnection(error)) continue;
        throw connectionFault(this.server, error);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    }
  }

  #open(request: ApiRequest, credentials: Credentials): http.ClientRequest {
    const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const options: https.RequestOptions = {
      agent: this.#agent,
      method: request.method,
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(credentials.authorization !== undefined && { authorization: credentials.authorization }),
        ...(payload !== undefined && {
          'content-type': request.contentType ?? 'application/json',
          'content-length': payload.length,
        }),
      },
    };
    const url = urlOf(this.#config.server, request);
    const outgoing = this.#start(url, options, credentials);
    outgoing.end(payload);
    return outgoing;
  }

  #start(url: URL, options: https.RequestOptions, credentials: Credentials): http.ClientRequest {
    if (url.protocol === 'http:') return http.request(url, options);
    try {
      return https.request(url, { ...options, ...this.#trust(credentials) });
    } catch (error) {
      // An unreadable certificate or key throws here, at once.
      throw connectionFault(this.server, error);
    }
  }

  /** The agent keeps connections with different certificates apart by these options. */
  #trust(credentials: Credentials): https.RequestOptions {
    const name = this.#config.tlsServerName;
    return {
      rejectUnauthorized: !this.#config.isTlsUnverified,
      ...(credentials.authority !== undefined && { ca: credentials.authority }),
      ...(credentials.certificate !== undefined && { cert: credentials.certificate }),
      ...(credentials.key !== undefined && { key: credentials.key }),
      ...(name !== undefined && {
        // RFC 6066 §3 has no addresses in SNI; they are still what the certificate is checked for.
        servername: isIP(name) === 0 ? name : '',
        checkServerIdentity: (_host: string, certificate: tls.PeerCertificate) =>
          tls.checkServerIdentity(name, certificate),
      }),
    };
  }

  async #readBody(response: IncomingMessage, signal: AbortSignal): Promise<unknown> {
    const onAbort = (): void => void response.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const text = await this.#readText(response);
      if (text === '') return undefined;
      return isJson(response) ? parse(text, this.server) : text;
    } catch (error) {
      signal.throwIfAborted();
      throw connectionFault(this.server, error);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #readText(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const incoming: AsyncIterable<Buffer> = response;
    for await (const chunk of incoming) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBodyBytes)
        throw new Fault(malformedAnswer, `the API server ${this.server} sent more than ${maxBodyBytes} bytes`);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

function urlOf(server: URL, request: RequestHead): URL {
  const url = new URL(server);
  url.pathname = server.pathname.replace(/\/$/, '') + request.path;
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

function responseOf(outgoing: http.ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.on('response', resolve);
  // Stays on for the life of the request: what goes wrong after the answer began is reported by the answer.
  outgoing.on('error', reject);
  return promise;
}

function isJson(response: IncomingMessage): boolean {
  return (response.headers['content-type'] ?? '').startsWith('application/json');
}

function parse(text: string, server: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the input, and the input may be a Secret: it goes no further.
    throw new Fault(malformedAnswer, `the API server ${server} sent an answer that is not the JSON it claims to be`);
  }
}
