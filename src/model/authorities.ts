/** Certificates of authorities, by which the certificate of somebody else is verified: those under `ca.crt` of a ConfigMap or Secret. */
export interface Authorities {
  /** A digest of all of them: equal exactly when the same are trusted. */
  readonly fingerprint: string;
  /** PEM, one after the other. */
  readonly pem: string;
}

/** What stands under `ca.crt`: authorities, or why these are none. */
export type AuthorityMaterial =
  | { readonly kind: 'authorities'; readonly authorities: Authorities }
  | { readonly kind: 'broken'; readonly message: string };
