import { describe, expect, it } from 'vitest';
import { Authority } from '../../../../test/fakes/apiserver/certificates.ts';
import { changesOf, compileChanges } from '../../../../test/golden/compile-manifest.ts';
import { settingsOf } from '../../../../test/golden/golden-case.ts';

const authority = new Authority('gateway');

function secret(name: string): string {
  const { certificate, key } = authority.issue(`${name}.test`, [`${name}.test`]);
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'shop' },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': certificate, 'tls.key': key },
  });
}

function gateway(name: string, year: number, listener: object, spec: object = {}): string {
  return JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: 'shop', creationTimestamp: `${String(year)}-01-01T00:00:00Z` },
    spec: {
      gatewayClassName: 'sluice',
      listeners: [{ name: 'a', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name }] }, ...listener }],
      ...spec,
    },
  });
}

function defaultCertificateOf(objects: readonly string[], flag?: string): string | undefined {
  const text = objects.join('\n---\n');
  const { l7 } = compileChanges(changesOf(text), { ...settingsOf(text), defaultCertificateSecret: flag });
  const id = l7.defaultCertificate;
  expect(id === undefined || l7.certificates.get(id) !== undefined).toBe(true);
  return id;
}

describe('the certificate for names that no route has', () => {
  const [older, newer] = [gateway('older', 2024, {}), gateway('newer', 2025, {})];

  it('is that of a listener for every host, of the oldest Gateway that has one', () => {
    expect(defaultCertificateOf([newer, older, secret('newer'), secret('older')])).toBe('shop_older');
    expect(defaultCertificateOf([newer, older, secret('newer')])).toBe('shop_newer');
    expect(defaultCertificateOf([newer, older])).toBeUndefined();
  });

  it('is not that of a listener for one host, or of one that is not served', () => {
    const forOne = gateway('one', 2020, { hostname: 'one.test' });
    const elsewhere = gateway('elsewhere', 2020, { port: 9443 });
    const asking = gateway('asking', 2020, {}, { tls: { frontend: { default: { validation: {} } } } });
    const secrets = ['one', 'elsewhere', 'asking', 'newer'].map(secret);
    expect(defaultCertificateOf([forOne, elsewhere, asking, ...secrets])).toBeUndefined();
    expect(defaultCertificateOf([forOne, elsewhere, asking, newer, ...secrets])).toBe('shop_newer');
  });

  it('is that of --default-ssl-certificate, where that is given', () => {
    const all = [older, secret('older'), secret('own')];
    expect(defaultCertificateOf(all, 'shop/own')).toBe('shop_own');
    expect(defaultCertificateOf(all, 'shop/absent')).toBeUndefined();
  });
});
