import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A self-signed certificate for some DNS names, made by openssl. */
export function makeCertificate(
  commonName: string,
  dnsNames: readonly string[],
): { readonly certificate: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-certificate-'));
  try {
    const key = join(folder, 'key.pem');
    const certificate = join(folder, 'certificate.pem');
    const names =
      dnsNames.length === 0 ? [] : ['-addext', `subjectAltName=${dnsNames.map((name) => `DNS:${name}`).join(',')}`];
    const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
    execFileSync(
      'openssl',
      ['req', '-x509', ...algorithm, '-subj', `/CN=${commonName}`, ...names, '-keyout', key, '-out', certificate],
      { stdio: 'ignore' },
    );
    return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
