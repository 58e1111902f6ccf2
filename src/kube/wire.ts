import type { Credentials } from './credentials.ts';

/** One request as it goes over the wire. */
export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Buffer | undefined;
}

/** What the server answers: the head at once, the body as it comes. */
export interface WireAnswer {
  readonly status: number;
  /** Empty when the server named none. */
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly body: AnswerBody;
}

/**
 * To be read at once and only once, or destroyed: until then it holds a socket or a stream. Reading
 * throws when the connection is cut before the end; half an answer never passes for a whole one.
 */
export interface AnswerBody extends AsyncIterable<Buffer> {
  /** Lets go of it. Whoever reads gets `error`. */
  destroy(error?: Error): unknown;
}

/** The connections to one API server, in one version of HTTP. */
export interface Wire {
  /**
   * Holds when the answer begins. A GET that met a kept connection which the server had closed is sent again.
   *
   * @throws the signal's reason when it is aborted, and otherwise what Node's sockets and TLS throw
   */
  exchange(request: WireRequest, credentials: Credentials, signal: AbortSignal): Promise<WireAnswer>;
  /** Closes every connection, also those in use. */
  close(): void;
}
