import http from 'node:http';
import https from 'node:https';

export interface StatusQuestion {
  readonly url: string;
  /** PEM; needed for https. */
  readonly authority?: string;
  readonly token?: string;
}

const timeoutMs = 2_000;

/** The status of the answer to a GET, or undefined when there was none: nobody listens, or nobody answers. */
export function httpStatus({ url, authority, token }: StatusQuestion): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const get = url.startsWith('https:') ? https.get : http.get;
  const request = get(url, {
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
    ...(authority !== undefined && { ca: authority }),
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });
  request.on('response', (response) => {
    response.resume();
    resolve(response.statusCode);
  });
  request.on('error', () => resolve(undefined));
  return promise;
}
