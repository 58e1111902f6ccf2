import { orAborted } from '../lib/or-aborted.ts';
import type { KubeConfig } from './config.ts';
import type { Credentials } from './credentials.ts';
import { Http1Wire } from './http1-wire.ts';
import { CutStream, Http2Connection, StalledConnection, type ConnectionTimings } from './http2-connection.ts';
import { openServerSocket } from './server-socket.ts';
import { tlsTrust } from './tls-trust.ts';
import type { Wire, WireAnswer, WireRequest } from './wire.ts';

/** An answer that breaks whatever connection carries it, or a server that lets all of them stall, must not keep us busy for ever. */
const maxRepeats = 2;

/**
 * HTTP/2 over TLS: all requests and watches share one connection, until the server's limit of streams
 * asks for another. Hundreds of watched Secrets would otherwise be hundreds of connections to it.
 *
 * A server that does not choose `h2` by ALPN, or a proxy in front of it that cannot, gets HTTP/1.1 for
 * the life of this wire.
 */
export class Http2Wire implements Wire {
  readonly #config: KubeConfig;
  readonly #timings: ConnectionTimings | undefined;
  readonly #connections = new Set<Http2Connection>();
  /** TLS parts of the credentials that the connections were made with. */
  #shown: Credentials = {};
  #connecting: Promise<void> | undefined;
  #http1: Http1Wire | undefined;
  #isClosed = false;

  constructor(config: KubeConfig, timings?: ConnectionTimings) {
    this.#config = config;
    this.#timings = timings;
  }

  async exchange(request: WireRequest, credentials: Credentials, signal: AbortSignal): Promise<WireAnswer> {
    for (let repeats = 0; ; repeats += 1) {
      const connection = await this.#connection(credentials, signal);
      if (connection === undefined) return this.#overHttp1(request, credentials, signal);
      try {
        return await connection.exchange(request, signal);
      } catch (error) {
        if (repeats === maxRepeats || !isWorthRepeating(error, request, connection)) throw error;
        connection.retire();
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
    this.#http1?.close();
  }

  /** One with a stream set aside for the caller; undefined when the server speaks HTTP/1.1 only. */
  async #connection(credentials: Credentials, signal: AbortSignal): Promise<Http2Connection | undefined> {
    this.#show(credentials);
    let stalled = 0;
    while (this.#http1 === undefined) {
      signal.throwIfAborted();
      for (const connection of this.#connections) {
        if (connection.reserve()) return connection;
        if (connection.isOver) this.#connections.delete(connection);
      }
      this.#connecting ??= this.#connect(credentials).finally(() => {
        this.#connecting = undefined;
      });
      try {
        await orAborted(this.#connecting, signal);
      } catch (error) {
        // Nothing was sent on it: the next one may do better.
        if (!(error instanceof StalledConnection) || stalled === maxRepeats) throw error;
        stalled += 1;
      }
    }
    return undefined;
  }

  /** A client certificate belongs to a connection: with another one, running watches end in peace and new ones start anew. */
  #show(credentials: Credentials): void {
    const { certificate, key, authority } = this.#shown;
    const isSame =
      credentials.certificate === certificate && credentials.key === key && credentials.authority === authority;
    if (isSame) return;
    this.#shown = credentials;
    for (const connection of this.#connections) connection.retire();
    this.#connections.clear();
  }

  async #connect(credentials: Credentials): Promise<void> {
    const trust = tlsTrust(this.#config, credentials);
    const socket = await openServerSocket(this.#config, { ...trust, ALPNProtocols: ['h2', 'http/1.1'] });
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      this.#http1 = new Http1Wire(this.#config);
    } else this.#connections.add(await Http2Connection.start(socket, this.#config.server, this.#timings));
    if (this.#isClosed) this.close();
  }

  #overHttp1(request: WireRequest, credentials: Credentials, signal: AbortSignal): Promise<WireAnswer> {
    this.#http1 ??= new Http1Wire(this.#config);
    return this.#http1.exchange(request, credentials, signal);
  }
}

/**
 * Whether a request met a connection that the server was giving up, and may be sent again on another:
 * any request that the server says it has not looked at, otherwise nothing but a GET.
 */
function isWorthRepeating(error: unknown, request: WireRequest, connection: Http2Connection): boolean {
  if (!(error instanceof CutStream) || !connection.hasAnswered) return false;
  return error.isRefused || request.method === 'GET';
}
