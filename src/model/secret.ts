import type { AuthorityMaterial } from './authorities.ts';
import type { FindingReason } from './codes.ts';
import type { ObjectMeta } from './object.ts';
import type { PasswordFile } from './password-file.ts';
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
  | {
      readonly kind: 'broken';
      readonly reason: FindingReason;
      readonly message: string;
      /** What the same Secret held before it broke, which is served until it is mended; undefined where nobody saw it whole. */
      readonly lastGood: Certificate | undefined;
    };

/** A Secret, reduced to what can be served. */
export interface Secret {
  readonly meta: ObjectMeta;
  readonly tls: TlsMaterial;
  /** What stands under `password`, as in a Secret of type kubernetes.io/basic-auth. */
  readonly password?: SecretText | undefined;
  /** What stands under `ca.crt`; undefined where there is none. */
  readonly authorities?: AuthorityMaterial | undefined;
  /** What stands under `auth`, as `htpasswd` writes it. */
  readonly passwordFile?: PasswordFile | undefined;
  /** Every key as a user, with the password as its value; not of a Secret for TLS. */
  readonly passwordMap?: PasswordFile | undefined;
}

/** The certificate that is served from a Secret: its own, or the one that it held before it broke. */
export function certificateIn(secret: Secret | undefined): Certificate | undefined {
  const tls = secret?.tls;
  return tls?.kind === 'broken' ? tls.lastGood : tls?.certificate;
}
