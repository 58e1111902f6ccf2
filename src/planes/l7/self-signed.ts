import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../lib/durable.ts';
import { Fault, messageOf } from '../../lib/fault.ts';

const TEN_YEARS_MS = 10 * 365 * 24 * 3600 * 1000;

/**
 * The certificate for clients that name no host we have one for: made once and kept in the state
 * directory. Returns chain and key as PEM. @throws Fault `state-directory` when it cannot be kept there.
 */
export async function selfSignedPem(stateDirectory: string): Promise<string> {
  const path = join(stateDirectory, 'self-signed.pem');
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined && isUsable(known)) return known;
  const pem = await generate();
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    await writeDurably(path, pem);
  } catch (cause) {
    const message = `cannot write to the state directory ${stateDirectory}: ${messageOf(cause)}`;
    throw new Fault('state-directory', message, { cause, retryable: false });
  }
  return pem;
}

/** A file that a full disk or a lost power supply has cut short would keep HAProxy from starting for ever. */
function isUsable(pem: string): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}

async function generate(): Promise<string> {
  // Loaded here because it is slow to load and needed once in the life of a state directory.
  // The certificate library asks for its polyfill to be there first.
  await import('reflect-metadata');
  const { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } =
    await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Sluice default certificate',
    notBefore: new Date(now - 3600 * 1000),
    notAfter: new Date(now + TEN_YEARS_MS),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: 'sluice.invalid' }]),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${(key.match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----`;
  return `${certificate.toString('pem')}\n${keyPem}\n`;
}
