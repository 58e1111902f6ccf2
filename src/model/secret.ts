import type { FindingReason } from './codes.ts';
import type { ObjectMeta } from './object.ts';
import type { SecretText } from './secret-text.ts';

/** A certificate chain with its key, checked to belong together. */
export interface Certificate {
  /** SHA-256 of the leaf and the key, hexadecimal: equal exactly when what is served is equal. */
  readonly fingerprint: string;
  /** Leaf first, then intermediates, as PEM. */
  readonly chainPem: string;
  readonly keyPem: SecretText;
  /** DNS names among the subject alternative names, lower-case. */
  readonly dnsNames: readonly string[];
  readonly commonName: string;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
}

/** What a Secret holds for TLS: a certificate, or why it is none. */
export type TlsMaterial =
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'broken'; readonly reason: FindingReason; readonly message: string };

/** A Secret, reduced to what can be served. */
export interface Secret {
  readonly meta: ObjectMeta;
  readonly tls: TlsMaterial;
}
