/** Numbers of retries that the engine is prepared for: each needs a class of backends, so that there are not any number. */
export const RETRY_ATTEMPTS = [0, 1, 2, 3, 5] as const;

/**
 * How often a request is tried again when an endpoint cannot be connected to or closes the connection without an answer, and perhaps when it
 * answers by an error of the server. Requests that may have had an effect (POST, PATCH) are tried again only where they were not sent
 * (RFC 9110 §9.2.2), and those with a body that outgrows a buffer neither.
 */
export interface Retries {
  readonly type: 'Retries';
  readonly attempts: (typeof RETRY_ATTEMPTS)[number];
  /** 500, 502, 503 and 504, too. */
  readonly onServerErrors: boolean;
}
