import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { PassThrough } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Fault, messageOf } from '../lib/fault.ts';
import { timedOut } from './connection-fault.ts';
import type { AnswerBody, WireAnswer, WireRequest } from './wire.ts';

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = http2.constants;

/**
 * How much the server may send ahead of us. With the 64 KiB that RFC 9113 starts from, every list waits
 * for a round trip a dozen times a megabyte, and all streams of a connection share one such window.
 */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;

/** As client-go: a peer that is gone without a word is noticed within 45 s, long before TCP gives up. */
const defaultTimings: ConnectionTimings = {
  pingEveryMs: 30_000,
  pingAnswerWithinMs: 15_000,
  settingsWithinMs: 5_000,
};

export interface ConnectionTimings {
  readonly pingEveryMs: number;
  /** How long the peer may take to answer a ping before the connection counts as dead. */
  readonly pingAnswerWithinMs: number;
  /** How long the peer may take, after the TLS handshake, to say how many streams it takes. It is the first that it has to say. */
  readonly settingsWithinMs: number;
}

/** The stream or connection ended before the answer did. */
export class CutStream extends Error {
  override readonly name = 'CutStream';
  readonly code = 'ECONNRESET';
  /** True when the server says that it has not looked at the request (RFC 9113 §8.7). */
  readonly isRefused: boolean;

  constructor(reason: string, isRefused = false) {
    super(reason);
    this.isRefused = isRefused;
  }
}

/** The server took the connection, and then said nothing. Every request waits for its first words, so that waiting longer would block all. */
export class StalledConnection extends Fault {
  constructor(origin: string, withinMs: number) {
    super(
      timedOut,
      `the API server ${origin}, or a proxy before it, took a connection and said nothing on it within ${withinMs / 1000} s`,
    );
  }
}

/** One HTTP/2 connection: many requests and watches at a time. */
export class Http2Connection {
  readonly #session: ClientHttp2Session;
  readonly #pings: NodeJS.Timeout;
  #streams = 0;
  #hasAnswered = false;

  private constructor(session: ClientHttp2Session, { pingEveryMs, pingAnswerWithinMs }: ConnectionTimings) {
    this.#session = session;
    this.#pings = setInterval(() => this.#ping(pingAnswerWithinMs), pingEveryMs).unref();
    session.on('close', () => clearInterval(this.#pings));
    // A connection without streams must not keep the process alive.
    session.unref();
  }

  /**
   * Holds when the server has said how many streams it takes; sooner would be a guess.
   *
   * @param socket on which both ends have agreed on `h2`
   * @throws StalledConnection when it does not say so in time, CutStream, and what Node's sockets throw
   */
  static async start(
    socket: TLSSocket,
    { origin }: URL,
    timings: ConnectionTimings = defaultTimings,
  ): Promise<Http2Connection> {
    const session = http2.connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    session.once('remoteSettings', () => resolve());
    // Both stay for the life of the session; once it is there, its streams tell what went wrong.
    session.on('error', reject);
    session.on('close', () => reject(new CutStream('the connection was closed during its first words')));
    const { settingsWithinMs } = timings;
    const deadline = setTimeout(() => {
      reject(new StalledConnection(origin, settingsWithinMs));
      session.destroy();
    }, settingsWithinMs);
    try {
      await promise;
    } finally {
      clearTimeout(deadline);
    }
    session.setLocalWindowSize(connectionWindowBytes);
    return new Http2Connection(session, timings);
  }

  /** Whether it is of no more use: closed, or the server wants no new streams on it (GOAWAY). */
  get isOver(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  /**
   * Sets a stream aside for the next {@link exchange}, which must follow. False when the server takes no more:
   * beyond its limit a request would wait, without a word, for a watch to end.
   */
  reserve(): boolean {
    const limit = this.#session.remoteSettings.maxConcurrentStreams ?? Infinity;
    if (this.isOver || this.#streams >= limit) return false;
    this.#streams += 1;
    return true;
  }

  /** Whether it has proved to work; what fails on a connection that never has, fails on the next one too. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Lets running streams end and takes no new ones. */
  retire(): void {
    this.#session.close();
  }

  destroy(): void {
    clearInterval(this.#pings);
    this.#session.destroy();
  }

  /** Holds when the answer begins. @throws CutStream, or the signal's reason */
  async exchange(request: WireRequest, signal: AbortSignal): Promise<WireAnswer> {
    const stream = this.#open(request);
    const body = bodyOf(stream);
    const onAbort = (): void => cancel(stream);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const headers = await headersOf(stream);
      this.#hasAnswered = true;
      return answerOf(headers, body);
    } catch (error) {
      cancel(stream);
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #open({ method, url, headers, payload }: WireRequest): ClientHttp2Stream {
    const head = { ':method': method, ':path': `${url.pathname}${url.search}`, ...headers };
    const stream = this.#requestStream(head, payload === undefined);
    this.#session.ref();
    stream.on('close', () => {
      this.#streams -= 1;
      if (this.#streams === 0) this.#session.unref();
    });
    // What goes wrong is reported by `headersOf` and by the body; without a listener it would be an uncaught error.
    stream.on('error', () => {});
    if (payload !== undefined) stream.end(payload);
    return stream;
  }

  #requestStream(head: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    try {
      return this.#session.request(head, { endStream });
    } catch (cause) {
      // The connection ended after the stream was set aside; nothing was sent.
      this.#streams -= 1;
      throw new CutStream(messageOf(cause), true);
    }
  }

  #ping(answerWithinMs: number): void {
    if (this.isOver) return;
    const deadline = setTimeout(() => this.#session.destroy(), answerWithinMs).unref();
    this.#session.ping(() => clearTimeout(deadline));
  }
}

function headersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingHttpHeaders>();
  stream.once('response', resolve);
  stream.once('close', () => reject(cutOf(stream)));
  return promise;
}

function answerOf(headers: IncomingHttpHeaders, body: AnswerBody): WireAnswer {
  return {
    status: Number(headers[':status']),
    contentType: headers['content-type'] ?? '',
    retryAfter: headers['retry-after'],
    body,
  };
}

/**
 * What arrives on the stream, in a Readable of its own, for two things that Node's stream does not do. It may be read
 * at leisure, while an iteration of a Http2Stream that begins after the stream was closed fails, with all its data
 * unread. And it ends only when the server has sent all.
 */
function bodyOf(stream: ClientHttp2Stream): AnswerBody {
  const body = new PassThrough();
  const isWhole = noticeEnd(stream);
  stream.pipe(body, { end: false });
  stream.once('end', () => {
    if (isWhole()) body.end();
  });
  stream.once('close', () => {
    if (!isWhole()) body.destroy(cutOf(stream));
  });
  body.once('close', () => cancel(stream));
  // The error is reported to the reader; without a listener, an error before that would be an uncaught one.
  body.on('error', () => {});
  return body;
}

/**
 * Node ends the readable side in the same way when the server has sent all (END_STREAM) and when the connection is
 * lost or the stream reset, even without an error code. Only the first comes while the stream is not closed.
 */
function noticeEnd(stream: ClientHttp2Stream): () => boolean {
  let isWhole = false;
  const push = stream.push.bind(stream);
  stream.push = (chunk, encoding) => {
    if (chunk === null && !stream.closed && !stream.destroyed) isWhole = true;
    return push(chunk, encoding);
  };
  return () => isWhole;
}

/** Tells the server that nobody reads any more: of itself, `destroy` says that all went well, or that we are broken. */
function cancel(stream: ClientHttp2Stream): void {
  if (!stream.closed) stream.close(NGHTTP2_CANCEL);
  stream.destroy();
}

function cutOf(stream: ClientHttp2Stream): CutStream {
  const code = stream.rstCode ?? 0;
  return new CutStream(`the stream was cut (HTTP/2 error ${code})`, code === NGHTTP2_REFUSED_STREAM);
}
