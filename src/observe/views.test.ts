import { describe, expect, it } from 'vitest';
import { changesOf, compileChanges } from '../../test/golden/compile-manifest.ts';
import { Authority } from '../../test/fakes/apiserver/certificates.ts';
import { certificateRows, findingRows, findingsOf, routeRows } from './views.ts';
import { serviceRows } from './service-rows.ts';

const { certificate, key } = new Authority('authority').issue('a.test', ['a.test']);
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'tls' },
  stringData: { 'tls.crt': certificate, 'tls.key': key },
};

const plan = compileChanges(
  changesOf(`
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
ports: [{ port: 8080 }]
endpoints:
  - { addresses: [192.0.2.1] }
  - { addresses: ["2001:db8::1"] }
  - { addresses: [192.0.2.2], conditions: { ready: false, serving: true, terminating: true } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  tls: [{ secretName: tls, hosts: [a.test] }, { secretName: none, hosts: [b.test, c.test, c.test] }]
  rules:
    - host: a.test
      http:
        paths:
          - { path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }
          - { path: /gone, pathType: Exact, backend: { service: { name: gone, port: { number: 80 } } } }
---
${JSON.stringify(secret)}
`),
);

describe('views', () => {
  it('show routes with their targets, or why there is none', () => {
    expect(routeRows(plan)).toEqual([
      {
        host: 'a.test',
        match: 'Exact',
        path: '/gone',
        target: '503 service-missing',
        readyEndpoints: 0,
        tls: true,
        redirectsToHttps: true,
        owner: 'default/shop',
      },
      {
        host: 'a.test',
        match: 'PathPrefix',
        path: '/',
        target: 'default/web:80',
        readyEndpoints: 2,
        tls: true,
        redirectsToHttps: true,
        owner: 'default/shop',
      },
    ]);
  });

  it('show services with their endpoints', () => {
    expect(serviceRows(plan, undefined)).toMatchObject([
      {
        service: 'default/web',
        port: 80,
        ready: ['192.0.2.1:8080', '[2001:db8::1]:8080'],
        draining: ['192.0.2.2:8080'],
      },
    ]);
  });

  it('show certificates, and nothing of their keys', () => {
    expect(certificateRows(plan)).toMatchObject([{ secret: 'default/tls', hosts: ['a.test'], dnsNames: ['a.test'] }]);
    expect(certificateRows(plan)[0]?.notAfter).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(JSON.stringify([routeRows(plan), certificateRows(plan)])).not.toMatch(/PRIVATE|BEGIN/);
  });

  it('show once what is wrong with the Secret of several hosts', () => {
    const rows = findingRows(findingsOf(plan)).filter(({ reason }) => reason === 'SecretNotFound');
    expect(rows).toMatchObject([{ object: 'default/shop', field: 'spec.tls[1].secretName' }]);
  });

  it('show findings in one order', () => {
    const rows = findingRows(findingsOf(plan));
    expect(rows.map(({ reason }) => reason)).toContain('ServiceNotFound');
    expect(rows[0]).toMatchObject({ kind: 'Ingress', object: 'default/shop' });
    const keys = rows.map(({ kind, object, field }) => `${kind} ${object} ${field}`);
    expect(keys).toEqual(keys.toSorted((a, b) => (a < b ? -1 : 1)));
  });
});
