import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

/** A certificate with its key, as PEM. */
export interface CertificatePem {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Default: ec. */
  readonly algorithm?: 'ec' | 'rsa';
  /** Encrypts the key. */
  readonly passphrase?: string;
}

/** A self-signed certificate for some DNS names, made by openssl; without names it has its common name alone. */
export function makeCertificate(
  commonName: string,
  dnsNames: readonly string[],
  { algorithm = 'ec', passphrase }: CertificateOptions = {},
): CertificatePem {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-certificate-'));
  try {
    const key = join(folder, 'key.pem');
    const certificate = join(folder, 'certificate.pem');
    const names =
      dnsNames.length === 0 ? [] : ['-addext', `subjectAltName=${dnsNames.map((name) => `DNS:${name}`).join(',')}`];
    const newKey =
      algorithm === 'rsa' ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const encryption = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
    const output = ['-days', '30', '-keyout', key, '-out', certificate];
    execFileSync(
      'openssl',
      ['req', '-x509', ...newKey, ...encryption, '-subj', `/CN=${commonName}`, ...names, ...output],
      { stdio: 'ignore' },
    );
    return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A self-signed certificate that is valid between two dates (`2020-01-01`), which Debian 12's openssl cannot make. */
export async function makeDatedCertificate(name: string, notBefore: string, notAfter: string): Promise<CertificatePem> {
  const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    keys,
    signingAlgorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certificate: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}
