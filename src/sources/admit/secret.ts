import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { messageOf } from '../../lib/fault.ts';
import { invariant } from '../../lib/invariant.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import { passwordFileIdOf, passwordLinesOf, type PasswordFile } from '../../model/password-file.ts';
import type { Certificate, Secret, TlsMaterial } from '../../model/secret.ts';
import { SecretText } from '../../model/secret-text.ts';
import type { Change } from '../change.ts';
import { admitAuthorities, AUTHORITIES_KEY } from './authorities.ts';
import type { Field } from './field.ts';

/**
 * Admits a Secret for TLS, of any type that has `tls.crt` and `tls.key`, with authorities under `ca.crt`, or with a `password`. What is wrong with it is
 * reported of the object that uses it, not here: an unused Secret harms nobody.
 */
export function admitSecret(raw: Field, meta: ObjectMeta): Change {
  const password = dataOf(raw, 'password');
  const authorities = dataOf(raw, AUTHORITIES_KEY);
  const rest = {
    ...(password === undefined ? {} : { password: new SecretText(password) }),
    ...(authorities === undefined ? {} : { authorities: admitAuthorities(authorities) }),
  };
  return { table: 'secrets', key: keyOf(meta), value: { meta, tls: admitTls(raw), ...rest, ...passwordsOf(raw) } };
}

/** A Secret for basic authentication: a password file under `auth`, or each user under a key of its own. */
function passwordsOf(raw: Field): Pick<Secret, 'passwordFile' | 'passwordMap'> {
  const file = bytesOf(raw, 'auth');
  const names = [...new Set([...raw.at('data').names(), ...raw.at('stringData').names()])].sort();
  const isForTls = names.includes('tls.crt') || names.includes('tls.key');
  const lines = isForTls ? [] : names.map((name) => `${name}:${bytesOf(raw, name) ?? ''}\n`);
  return {
    ...(file === undefined ? {} : { passwordFile: passwordFileOf(file) }),
    ...(lines.length === 0 ? {} : { passwordMap: passwordFileOf(lines.join('')) }),
  };
}

function passwordFileOf(text: string): PasswordFile {
  const id = passwordFileIdOf(createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 40));
  invariant(id !== undefined, 'a digest in hexadecimal digits names a password file');
  return { id, text: new SecretText(text), unusableLines: passwordLinesOf(text).unusable };
}

function admitTls(raw: Field): TlsMaterial {
  const chain = dataOf(raw, 'tls.crt');
  const key = dataOf(raw, 'tls.key');
  if (chain === undefined || key === undefined) {
    const absent = [chain === undefined ? ['tls.crt'] : [], key === undefined ? ['tls.key'] : []].flat();
    return broken('SecretNotTls', `there is no ${absent.join(' and no ')}`);
  }
  const mistake = mistakeIn(raw, chain, key);
  if (mistake !== undefined) return broken('CertificateUnreadable', mistake);
  const certificates = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const [leafPem] = certificates;
  if (leafPem === undefined) return broken('CertificateUnreadable', 'tls.crt holds no certificate in PEM');
  const parsedChain = parsed(() => certificates.map((pem) => new X509Certificate(pem)));
  if (typeof parsedChain === 'string')
    return broken('CertificateUnreadable', `a certificate in tls.crt cannot be read: ${parsedChain}`);
  const privateKey = parsed(() => createPrivateKey(key));
  if (typeof privateKey === 'string')
    return broken('CertificateUnreadable', `tls.key holds no private key that can be read: ${privateKey}`);
  const [first] = parsedChain;
  if (first === undefined || !first.checkPrivateKey(privateKey)) {
    return broken('CertificateKeyMismatch', 'tls.key is not the key of the first certificate in tls.crt');
  }
  const weakness = weaknessOf(parsedChain, privateKey);
  if (weakness !== undefined) return broken('CertificateTooWeak', `tls.crt: ${weakness}`);
  return { kind: 'certificate', certificate: certificateOf(first, parsedChain, privateKey) };
}

/** What people get wrong so often that OpenSSL's own words would lead them astray. */
function mistakeIn(raw: Field, chain: string, key: string): string | undefined {
  for (const name of ['tls.crt', 'tls.key']) {
    const encoding = encodingMistake(raw, name);
    if (encoding !== undefined) return encoding;
  }
  if (/BEGIN [A-Z ]*PRIVATE KEY/.test(chain) && key.includes('BEGIN CERTIFICATE'))
    return 'the key stands in tls.crt and the certificate in tls.key';
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(key))
    return 'the key in tls.key is encrypted, and there is nobody to ask for its password';
  return undefined;
}

/** How base64 begins of what PEM begins with. */
const ENCODED_PEM = 'LS0tLS1CRUdJTi';

/** Values under `data` are base64, those under `stringData` are not (core/v1 Secret). */
function encodingMistake(raw: Field, name: string): string | undefined {
  const plain = raw.at('stringData').at(name).text();
  if (plain !== undefined)
    return plain.trimStart().startsWith(ENCODED_PEM) ? `${name} stands under stringData in base64` : undefined;
  const encoded = raw.at('data').at(name).text() ?? '';
  if (encoded.includes('-----BEGIN')) return `${name} stands under data as PEM, where values are in base64`;
  if (/[^A-Za-z0-9+/=\s]/.test(encoded)) return `${name} stands under data and is not base64`;
  return dataOf(raw, name)?.trimStart().startsWith(ENCODED_PEM) === true ? `${name} is in base64 twice` : undefined;
}

/**
 * Why OpenSSL would not serve a certificate at security level 2 (SSL_CTX_set_security_level(3)), at which Debian's HAProxy
 * uses it: HAProxy would not start with such a certificate, nor serve anything else then.
 */
function weaknessOf(chain: readonly X509Certificate[], key: KeyObject): string | undefined {
  const cert = chain.map(String).join('');
  const pem = key.export({ type: 'pkcs8', format: 'pem' });
  const context = parsed(() => createSecureContext({ cert, key: pem, ciphers: 'DEFAULT@SECLEVEL=2' }));
  return typeof context === 'string' ? context.replace(/^error:[^:]*:[^:]*:/, '') : undefined;
}

function certificateOf(leaf: X509Certificate, chain: readonly X509Certificate[], key: KeyObject): Certificate {
  // Written anew from what was parsed, so that nothing else that stood in tls.crt and tls.key travels on: PEM may have
  // headers and empty lines in its midst, which would end a payload of the runtime CLI.
  const chainPem = chain.map((certificate) => certificate.toString().trim()).join('\n');
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return {
    fingerprint: createHash('sha256').update(chainPem).update(keyPem).digest('hex'),
    chainPem,
    keyPem: new SecretText(keyPem),
    dnsNames: dnsNamesOf(leaf),
    commonName: /(?:^|\n)CN=([^\n]*)/.exec(leaf.subject)?.[1]?.toLowerCase() ?? '',
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  };
}

function dnsNamesOf(leaf: X509Certificate): readonly string[] {
  return (leaf.subjectAltName ?? '')
    .split(', ')
    .flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4).toLowerCase()] : []));
}

function dataOf(raw: Field, name: string): string | undefined {
  const plain = raw.at('stringData').at(name).text();
  if (plain !== undefined) return plain;
  const encoded = raw.at('data').at(name).text();
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('latin1');
}

/** The same as bytes, each a sign of Latin-1: what is typed as a password comes in UTF-8. */
function bytesOf(raw: Field, name: string): string | undefined {
  const plain = raw.at('stringData').at(name).text();
  return plain === undefined ? dataOf(raw, name) : Buffer.from(plain, 'utf8').toString('latin1');
}

/** The value, or the message of what was thrown: node:crypto tells by throwing that PEM is broken. */
function parsed<T>(read: () => T): T | string {
  try {
    return read();
  } catch (thrown) {
    return messageOf(thrown);
  }
}

function broken(reason: Extract<TlsMaterial, { kind: 'broken' }>['reason'], message: string): TlsMaterial {
  return { kind: 'broken', reason, message, lastGood: undefined };
}
