/**
 * Sends a request that came over plain HTTP to HTTPS, where the route's namespace has TLS for the host. Beyond Gateway API, whose
 * RequestRedirect knows no condition: it is what Ingress controllers do by themselves where an Ingress has `spec.tls`.
 */
export interface HttpsRedirect {
  readonly type: 'HttpsRedirect';
  /** Whether it is done where the route's namespace has no TLS for the host, too. */
  readonly isForced?: boolean;
}
