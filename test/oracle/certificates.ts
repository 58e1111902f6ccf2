import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The certificates that cases name, by file: `srv_c1.crt`, `srv_c1.key` … RSA, since a case asks for a cipher that needs it. */
export class Certificates {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static make(): Certificates {
    const certificates = new Certificates(mkdtempSync(join(tmpdir(), 'sluice-oracle-')));
    for (const [name, subject] of AUTHORITIES) certificates.#issue(name, subject);
    for (const [name, subject, extension, authority] of LEAVES)
      certificates.#issue(name, subject, extension, authority);
    return certificates;
  }

  read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8');
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  /** By its own key without an authority. */
  #issue(name: string, subject: string, extension?: string, authority?: string): void {
    const issuer = authority === undefined ? [] : ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`];
    const extensions = extension === undefined ? [] : ['-addext', extension];
    const own = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', subject];
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', ...own, ...extensions, ...issuer];
    execFileSync('openssl', args, { cwd: this.#folder, stdio: 'ignore' });
  }
}

const AUTHORITIES = [
  ['tca', '/CN=test-ca'],
  ['otherca', '/CN=other-ca'],
] as const;

const LEAVES = [
  ['backend', '/CN=backend.test', 'subjectAltName=DNS:backend.test,DNS:*.echo.test', 'tca'],
  ['client1', '/CN=client1', 'extendedKeyUsage=clientAuth', 'tca'],
  ['client2', '/CN=client2/O=evil', 'extendedKeyUsage=clientAuth', 'tca'],
  ['rogue', '/CN=client1', 'extendedKeyUsage=clientAuth', 'otherca'],
  ['srv_c1', '/CN=c1', 'subjectAltName=DNS:*.t,DNS:h.t', 'tca'],
  ['srv_c2', '/CN=c2', 'subjectAltName=DNS:*.t,DNS:h.t', 'tca'],
  ['srv_wild', '/CN=wild', 'subjectAltName=DNS:*.wild.t', 'tca'],
] as const;
