import type { Authorities } from '../authorities.ts';
import type { Hostname } from '../grammar.ts';
import type { Certificate } from '../secret.ts';

/** How requests of a route are spoken to endpoints, where that is not for `appProtocol` of the Service port to say. */
export interface EndpointConnection {
  /** Undefined: as the Service port says. */
  readonly version: 'http/1.1' | 'h2' | undefined;
  /** `none`: in clear text. Undefined: as the Service port says, and then without verification. */
  readonly tls: EndpointTls | 'none' | undefined;
}

/** How TLS is spoken to endpoints (BackendTLSPolicy, `spec.validation`). */
export interface EndpointTls {
  /**
   * The name that is asked for (SNI) and that their certificate has to have, where it is verified. Undefined: that which the request is for,
   * after rewrites.
   */
  readonly serverName: Hostname | undefined;
  /** Who has to have signed their certificate; `anybody`: it is not verified at all. `system`: those that the machine trusts. */
  readonly signedBy: 'anybody' | 'system' | Authorities;
  /** What is shown to endpoints that ask for a certificate. */
  readonly clientCertificate: Certificate | undefined;
}

/** Names a connection: equal ones have equal keys, and no others. Empty for one of which the Service port says everything. */
export function connectionKey(connection: EndpointConnection | undefined): string {
  if (connection === undefined) return '';
  const { version, tls } = connection;
  if (version === undefined && tls === undefined) return '';
  if (tls === undefined || tls === 'none') return JSON.stringify([version ?? '', tls ?? '']);
  const { serverName, signedBy, clientCertificate } = tls;
  const authorities = typeof signedBy === 'string' ? signedBy : signedBy.fingerprint;
  return JSON.stringify([version ?? '', serverName ?? '', authorities, clientCertificate?.fingerprint ?? '']);
}
