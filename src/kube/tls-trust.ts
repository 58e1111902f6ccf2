import { isIP } from 'node:net';
import tls from 'node:tls';
import type { KubeConfig } from './config.ts';
import type { Credentials } from './credentials.ts';

/** The options of TLS that {@link tlsTrust} sets. */
export const TLS_TRUST_KEYS = [
  'rejectUnauthorized',
  'allowPartialTrustChain',
  'ca',
  'cert',
  'key',
  'servername',
  'checkServerIdentity',
] as const;

/** Whom to believe at the other end, and what to show. */
export type TlsTrust = Pick<tls.ConnectionOptions, (typeof TLS_TRUST_KEYS)[number]>;

export function tlsTrust(config: KubeConfig, credentials: Credentials): TlsTrust {
  const name = config.tlsServerName;
  return {
    rejectUnauthorized: !config.isTlsUnverified,
    // A CA file may hold an intermediate authority without its root: who is named there is trusted, as by kubectl (Go's x509).
    allowPartialTrustChain: true,
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
