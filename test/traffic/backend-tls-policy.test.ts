import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Authority } from '../fakes/apiserver/certificates.ts';
import { Engine } from './engine.ts';
import { TlsBackend } from './tls-backend.ts';

const authority = new Authority('the authority');
const stranger = new Authority('somebody else');
let web: TlsBackend;
let engine: Engine;

beforeAll(async () => {
  web = await TlsBackend.start('web', authority.issue('web', ['web.internal']));
  engine = await Engine.create();
});

afterAll(async () => {
  await engine.stop();
  await web.stop();
});

function policy(hostname: string): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: web }
spec:
  targetRefs: [{ group: "", kind: Service, name: web, sectionName: https }]
  validation: { hostname: ${hostname}, caCertificateRefs: [{ group: "", kind: ConfigMap, name: authorities }] }
`;
}

function authorities(...some: readonly Authority[]): string {
  const data = { 'ca.crt': some.map(({ certificate }) => certificate).join('\n') };
  return `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'authorities' }, data })}\n---\n`;
}

function routes(): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec: { gatewayClassName: sluice, listeners: [{ name: plain, port: 80, protocol: HTTP }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], hostnames: [a.test], rules: [{ backendRefs: [{ name: web, port: 443 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ name: https, port: 443 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: https, port: ${String(web.port)} }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
`;
}

function ask(): Promise<string> {
  return new Promise((resolve) => {
    const outgoing = request({ host: '127.0.0.1', port: engine.httpPort, headers: { host: 'a.test' }, agent: false });
    outgoing.on('response', (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        const name = /"x-server-name":"([^"]*)"/.exec(body)?.[1];
        resolve(`${String(response.statusCode)}${name === undefined ? '' : ` for ${name}`}`);
      });
    });
    outgoing.on('error', () => resolve('nobody'));
    outgoing.end();
  });
}

it('follows a BackendTLSPolicy, and what it and the ConfigMap become, in one process', async () => {
  await engine.apply(routes());
  // In clear text nobody understands the other.
  expect(await ask()).not.toMatch(/^200/);
  await engine.apply(policy('web.internal'));
  expect(await ask()).toBe('500');
  await engine.apply(authorities(authority));
  expect(await ask()).toBe('200 for web.internal');
  await engine.apply(authorities(stranger));
  expect(await ask()).toBe('503');
  await engine.apply(authorities(stranger, authority));
  expect(await ask()).toBe('200 for web.internal');
  await engine.apply(policy('other.internal'));
  expect(await ask()).toBe('503');
  await engine.apply(policy('web.internal'));
  expect(await ask()).toBe('200 for web.internal');
  await engine.remove(authorities());
  expect(await ask()).toBe('500');
  expect(engine.starts).toEqual(['started']);
});
