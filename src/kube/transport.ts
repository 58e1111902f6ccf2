import { withDeadline } from '../lib/deadline.ts';
import { Fault } from '../lib/fault.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { ApiFault, decodeStatus } from './api-fault.ts';
import type { KubeConfig } from './config.ts';
import { connectionFault, timedOut } from './connection-fault.ts';
import type { Credentials } from './credentials.ts';
import { Http1Wire } from './http1-wire.ts';
import { Http2Wire } from './http2-wire.ts';
import { JsonStream } from './json-stream.ts';
import { malformedAnswer } from './raw-object.ts';
import type { AnswerBody, Wire, WireAnswer, WireRequest } from './wire.ts';

/** A request, apart from how long to wait for what. */
interface RequestHead {
  readonly method: WireRequest['method'];
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

/**
 * HTTP with one API server: HTTP/2 where TLS and the server allow it, otherwise HTTP/1.1.
 *
 * All methods throw {@link ApiFault} for an answer outside 200–299, a Fault (`kube-unreachable`,
 * `kube-timeout`, `kube-tls`, `kube-credentials`, `kube-exec-plugin`) when there is none, and the
 * signal's own reason when the signal is aborted.
 */
export class Transport {
  readonly #config: KubeConfig;
  readonly #userAgent: string;
  readonly #wire: Wire;

  constructor(config: KubeConfig, userAgent: string) {
    this.#config = config;
    this.#userAgent = userAgent;
    this.#wire = config.server.protocol === 'http:' ? new Http1Wire(config) : new Http2Wire(config);
  }

  /** URL origin of the server, for messages. */
  get server(): string {
    return this.#config.server.origin;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const deadline = this.#deadline(request, request.timeoutMs);
    return withDeadline(deadline, async (signal) => {
      const answer = await this.#send(request, signal);
      return { status: answer.status, body: await this.#readBody(answer, signal) };
    });
  }

  /** The promise holds as soon as the answer begins; see {@link JsonStream} for what to do with it. */
  async stream(request: StreamRequest): Promise<JsonStream> {
    const get = { ...request, method: 'GET' } as const;
    const { body } = await withDeadline(this.#deadline(get, request.openTimeoutMs), (signal) =>
      this.#send(get, signal),
    );
    return new JsonStream(body, {
      action: this.#describe(get),
      server: this.server,
      signal: request.signal,
      lifetimeMs: request.lifetimeMs,
    });
  }

  /** Closes every connection, also those in use. */
  close(): void {
    this.#wire.close();
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
  async #send(request: ApiRequest, signal: AbortSignal): Promise<WireAnswer> {
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
  async #sendAs(credentials: Credentials, request: ApiRequest, signal: AbortSignal): Promise<WireAnswer> {
    const answer = await this.#exchange(request, credentials, signal);
    const { status, retryAfter } = answer;
    if (status >= 200 && status <= 299) return answer;
    const body = await this.#readBody(answer, signal);
    throw new ApiFault(this.#describe(request), decodeStatus(status, body, retryAfter));
  }

  async #exchange(request: ApiRequest, credentials: Credentials, signal: AbortSignal): Promise<WireAnswer> {
    try {
      return await this.#wire.exchange(this.#wireRequest(request, credentials), credentials, signal);
    } catch (error) {
      signal.throwIfAborted();
      // An unreadable certificate or key is among what arrives here.
      throw connectionFault(this.server, error);
    }
  }

  #wireRequest(request: ApiRequest, credentials: Credentials): WireRequest {
    const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    return {
      method: request.method,
      url: urlOf(this.#config.server, request),
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(credentials.authorization !== undefined && { authorization: credentials.authorization }),
        ...(payload !== undefined && {
          'content-type': request.contentType ?? 'application/json',
          'content-length': String(payload.length),
        }),
      },
      payload,
    };
  }

  async #readBody({ body, contentType }: WireAnswer, signal: AbortSignal): Promise<unknown> {
    const onAbort = (): void => void body.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const text = await this.#readText(body);
      if (text === '') return undefined;
      return contentType.startsWith('application/json') ? parse(text, this.server) : text;
    } catch (error) {
      signal.throwIfAborted();
      throw connectionFault(this.server, error);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #readText(body: AnswerBody): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
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

function parse(text: string, server: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the input, and the input may be a Secret: it goes no further.
    throw new Fault(malformedAnswer, `the API server ${server} sent an answer that is not the JSON it claims to be`);
  }
}
