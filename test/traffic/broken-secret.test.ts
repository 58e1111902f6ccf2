import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { Backend, Lab } from './lab.ts';

const NO_FINDINGS = '{"items":[]}';

function secret(commonName: string, key?: string): string {
  const pem = makeCertificate(commonName, ['a.test']);
  const stringData = { 'tls.crt': pem.certificate, 'tls.key': key ?? pem.key };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tls' }, stringData });
}

describe('a Secret of a folder that breaks while it is in use', () => {
  let lab: Lab;
  let backend: Backend;

  beforeAll(async () => {
    backend = await Backend.start('web');
    lab = await Lab.create({
      'secret.yaml': secret('first'),
      'web.yaml': `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: a }
spec:
  tls: [{ hosts: [a.test], secretName: tls }]
  rules: [{ host: a.test, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ port: ${String(backend.port)} }]
endpoints: [{ addresses: [127.0.0.1] }]
`,
    });
  });
  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  async function certificate(): Promise<string> {
    return (await lab.get('https://a.test/')).certificate;
  }

  async function findings(): Promise<string> {
    return (await lab.api('/api/v1/findings')).body;
  }

  it.each([
    ['a key that does not fit', () => makeCertificate('other', ['a.test']).key, 'SLU304'],
    ['a damaged key', () => '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n', 'SLU303'],
  ])('keeps its certificate when it gets %s, says so, and takes the next good one', async (what, key, code) => {
    const before = await certificate();
    await lab.write('secret.yaml', secret('broken', key()));
    await lab.until('the Finding', async () => (await findings()).includes(code));
    expect(await certificate()).toBe(before);
    expect(await findings()).toContain('the certificate that it held before is served');
    await lab.write('secret.yaml', secret(`after ${what}`));
    await lab.until('the next one', async () => (await certificate()) === `after ${what}`);
    expect(await findings()).toBe(NO_FINDINGS);
  });

  it('keeps its certificate through a restart', async () => {
    const before = await certificate();
    await lab.write('secret.yaml', secret('broken', makeCertificate('other', ['a.test']).key));
    await lab.until('the Finding', async () => (await findings()).includes('SLU304'));
    lab.agent.destroy();
    await lab.signal('SIGTERM');
    await lab.start();
    expect(await certificate()).toBe(before);
    expect(await findings()).toContain('the certificate that it held before is served');
    await lab.write('secret.yaml', secret('after a restart'));
    await lab.until('the next one', async () => (await certificate()) === 'after a restart');
    expect(await findings()).toBe(NO_FINDINGS);
  });

  it('gives the default certificate once it is removed', async () => {
    await lab.remove('secret.yaml');
    await lab.until('the Finding', async () => (await findings()).includes('SLU301'));
    await lab.until('another', async () => !(await certificate()).startsWith('after'));
  });
});
