import type { CodeEntry } from './code-entry.ts';

/** The Findings about certificates and passwords, and the Secrets that hold them. */
export const SECRET_CODES = {
  SecretNotFound: {
    code: 'SLU301',
    severity: 'error',
    title: 'A TLS entry names a Secret that does not exist; its hosts get the default certificate.',
    remedy: 'Create the Secret in the namespace of the Ingress, or correct the name.',
  },
  SecretNotTls: {
    code: 'SLU302',
    severity: 'error',
    title:
      'A Secret used for TLS lacks tls.crt or tls.key; its hosts keep the certificate that it held before, or get the default one.',
    remedy: 'Create it with "kubectl create secret tls NAME --cert FILE --key FILE".',
  },
  CertificateUnreadable: {
    code: 'SLU303',
    severity: 'error',
    title:
      'tls.crt or tls.key of a Secret is not readable PEM; its hosts keep the certificate that it held before, or get the default one.',
    remedy:
      'Put the certificate chain in tls.crt and an unencrypted private key in tls.key, both as PEM: under stringData as they are, or under data in base64.',
  },
  CertificateKeyMismatch: {
    code: 'SLU304',
    severity: 'error',
    title:
      'The private key does not belong to the certificate; its hosts keep the certificate that it held before, or get the default one.',
    remedy: 'Put the leaf certificate first in tls.crt and its own key in tls.key.',
  },
  CertificateExpired: {
    code: 'SLU305',
    severity: 'warning',
    title: 'A certificate has expired or is not yet valid; it is served, and clients will refuse it.',
    remedy: 'Renew the certificate.',
  },
  CertificateHostMismatch: {
    code: 'SLU306',
    severity: 'warning',
    title: 'A certificate does not cover a host that it is used for; clients will refuse it.',
    remedy: 'Issue a certificate whose subject alternative names include the host.',
  },
  CertificateCommonNameOnly: {
    code: 'SLU307',
    severity: 'warning',
    title: 'A certificate names its host in the common name only; it is served, and current clients will refuse it.',
    remedy: 'Issue a certificate with subject alternative names.',
  },
  CertificateConflict: {
    code: 'SLU308',
    severity: 'warning',
    title: 'Another, older Ingress already gives this host another certificate.',
    remedy: 'Use one Secret for the host in both, or remove the TLS entry from one.',
  },
  CertificateTooWeak: {
    code: 'SLU309',
    severity: 'error',
    title:
      'A certificate has a key that is too short to be served; its hosts keep the certificate that it held before, or get the default one.',
    remedy: 'Issue it with an ECDSA P-256 key, or an RSA key of 2048 bits or more.',
  },
  PasswordsMissing: {
    code: 'SLU311',
    severity: 'error',
    title:
      'A Secret with passwords does not exist, cannot be read, or has none; rather than let everybody in, all paths answer 503.',
    remedy:
      'Create it in the namespace of the Ingress, for instance with "htpasswd -cB auth NAME" and "kubectl create secret generic NAME --from-file=auth".',
  },
  PasswordUnusable: {
    code: 'SLU312',
    severity: 'warning',
    title:
      'A line of a Secret with passwords has one that is written in an unknown way, or takes too long to check; nobody comes in by it.',
    remedy: 'Write it anew with "htpasswd -B", which hashes it by bcrypt.',
  },
  SecretUnreadable: {
    code: 'SLU310',
    severity: 'error',
    title:
      'A Secret used for TLS cannot be read from the API server; its hosts keep the certificate that they had, or get the default one.',
    remedy: 'Solve what the API server reports. The Secret is then read by itself.',
  },
} as const satisfies Record<string, CodeEntry>;
