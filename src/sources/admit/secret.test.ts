import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Authority } from '../../../test/fakes/apiserver/certificates.ts';
import type { TlsMaterial } from '../../model/secret.ts';
import { admitObject } from './admit.ts';

const authority = new Authority('authority');
const pair = authority.issue('Name.test', ['A.test', '*.b.test', '192.0.2.1']);
const other = authority.issue('other.test');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function admit(fields: object): TlsMaterial {
  const raw = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, ...fields };
  const admission = admitObject(raw);
  if (admission?.change?.table !== 'secrets' || admission.change.value === undefined) throw new Error('not admitted');
  // What is wrong is told where the Secret is used.
  expect(admission.findings).toEqual([]);
  return admission.change.value.tls;
}

function plain(certificate: string, key: string): TlsMaterial {
  return admit({ stringData: { 'tls.crt': certificate, 'tls.key': key } });
}

function fingerprint(material: TlsMaterial): string {
  return material.kind === 'certificate' ? material.certificate.fingerprint : material.message;
}

describe('admitSecret', () => {
  it('reads a certificate and its key', () => {
    const material = admit({ data: { 'tls.crt': base64(pair.certificate), 'tls.key': base64(pair.key) } });
    expect(material).toMatchObject({
      kind: 'certificate',
      certificate: { dnsNames: ['a.test', '*.b.test'], commonName: 'name.test', chainPem: pair.certificate.trim() },
    });
    expect(JSON.stringify(material)).not.toContain('PRIVATE');
    expect(JSON.stringify(material)).toContain('[secret]');
  });

  it('has one fingerprint for one certificate and key, however they are written', () => {
    const usual = fingerprint(plain(pair.certificate, pair.key));
    expect(fingerprint(plain(pair.certificate.replaceAll('\n', '\r\n'), `# a comment\n${pair.key}`))).toBe(usual);
    expect(fingerprint(plain(`text before\n${pair.certificate}\n\n`, pair.key))).toBe(usual);
    expect(fingerprint(plain(pair.certificate + authority.certificate, pair.key))).not.toBe(usual);
    expect(fingerprint(plain(other.certificate, other.key))).not.toBe(usual);
  });

  it('lets nothing through but what was parsed', () => {
    const [begin = '', ...rest] = pair.certificate.split('\n');
    const material = plain([begin, 'Header: value', '', ...rest].join('\n'), pair.key);
    expect(material.kind === 'certificate' ? material.certificate.chainPem : '').not.toContain('Header');
  });

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });

  it.each<[string, string | undefined, string | undefined, string]>([
    ['no certificate', undefined, pair.key, 'SecretNotTls'],
    ['no key', pair.certificate, undefined, 'SecretNotTls'],
    ['neither', undefined, undefined, 'SecretNotTls'],
    ['a certificate that is not PEM', 'not PEM', pair.key, 'CertificateUnreadable'],
    [
      'a certificate of the wrong bytes',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      pair.key,
      'CertificateUnreadable',
    ],
    ['a key that is not PEM', pair.certificate, 'not PEM', 'CertificateUnreadable'],
    ['a key that is encrypted', pair.certificate, encrypted(), 'CertificateUnreadable'],
    [
      'a public key',
      pair.certificate,
      weak.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      'CertificateUnreadable',
    ],
    ['the key of another certificate', pair.certificate, other.key, 'CertificateKeyMismatch'],
    ['the chain in the wrong order', authority.certificate + pair.certificate, pair.key, 'CertificateKeyMismatch'],
  ])('says what is wrong with %s', (_, certificate, key, reason) => {
    const material = admit({
      stringData: {
        ...(certificate === undefined ? {} : { 'tls.crt': certificate }),
        ...(key === undefined ? {} : { 'tls.key': key }),
      },
    });
    expect(material).toMatchObject({ kind: 'broken', reason });
  });

  const mistakes: readonly (readonly [string, object, string])[] = [
    ['an encrypted key', { stringData: { 'tls.crt': pair.certificate, 'tls.key': encrypted() } }, 'is encrypted'],
    [
      'an encrypted key of an older kind',
      {
        stringData: {
          'tls.crt': pair.certificate,
          'tls.key':
            '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----',
        },
      },
      'is encrypted',
    ],
    [
      'PEM where base64 is wanted',
      { data: { 'tls.crt': pair.certificate, 'tls.key': base64(pair.key) } },
      'tls.crt stands under data as PEM, where values are in base64',
    ],
    [
      'a key as PEM where base64 is wanted',
      { data: { 'tls.crt': base64(pair.certificate), 'tls.key': pair.key } },
      'tls.key stands under data as PEM',
    ],
    [
      'no base64',
      { data: { 'tls.crt': '<redacted>', 'tls.key': base64(pair.key) } },
      'tls.crt stands under data and is not base64',
    ],
    [
      'base64 where PEM is wanted',
      { stringData: { 'tls.crt': base64(pair.certificate), 'tls.key': pair.key } },
      'tls.crt stands under stringData in base64',
    ],
    [
      'base64 of base64',
      { data: { 'tls.crt': base64(pair.certificate), 'tls.key': base64(base64(pair.key)) } },
      'tls.key is in base64 twice',
    ],
    [
      'one in the place of the other',
      { stringData: { 'tls.crt': pair.key, 'tls.key': pair.certificate } },
      'the key stands in tls.crt',
    ],
  ];

  it.each(mistakes)('names %s for what it is', (_, fields, message) => {
    expect(admit(fields)).toMatchObject({
      kind: 'broken',
      reason: 'CertificateUnreadable',
      message: expect.stringContaining(message),
    });
  });

  it('reads base64 that is broken into lines', () => {
    const lines = base64(pair.certificate).replaceAll(/.{64}/g, '$&\n');
    expect(admit({ data: { 'tls.crt': lines, 'tls.key': base64(pair.key) } }).kind).toBe('certificate');
  });

  it('says that a key is too short for HAProxy to serve', () => {
    const { certificate, key } = authority.issueFor('weak.test', weak);
    expect(plain(certificate, key)).toMatchObject({
      kind: 'broken',
      reason: 'CertificateTooWeak',
      message: expect.stringContaining('key too small'),
    });
  });
});

function encrypted(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString();
}
