import type { CertificatePem } from './certificate.ts';

/** Manifests for the traffic suite, as YAML text. */

/** A Service without selector with endpoints on 127.0.0.1. */
export function service(name: string, ports: readonly number[], extra = ''): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { ports: [{ port: 80${extra} }] }
---
${slice(name, ports)}`;
}

/** One EndpointSlice with an endpoint per port: one subset each, since a slice has one port list. */
export function slice(name: string, ports: readonly number[]): string {
  const subsets = ports
    .map((port) => `  - { addresses: [{ ip: 127.0.0.1 }], ports: [{ port: ${String(port)} }] }\n`)
    .join('');
  return `apiVersion: v1
kind: Endpoints
metadata: { name: ${name} }
subsets:${ports.length === 0 ? ' []\n' : `\n${subsets}`}---
`;
}

/** A Service without selector, and no endpoints: those come from {@link endpointSlice}. */
export function bareService(name: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { ports: [{ port: 80 }] }
---
`;
}

/** An EndpointSlice of a Service, with one endpoint on 127.0.0.1. */
export function endpointSlice(serviceName: string, port: number, state: 'ready' | 'terminating'): string {
  const conditions = state === 'ready' ? '{ ready: true }' : '{ ready: false, serving: true, terminating: true }';
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${serviceName}-${String(port)}, labels: { kubernetes.io/service-name: ${serviceName} } }
addressType: IPv4
ports: [{ port: ${String(port)} }]
endpoints: [{ addresses: [127.0.0.1], conditions: ${conditions} }]
---
`;
}

/** An Ingress of one host: path to Service name; an Exact path is written with a leading "=". */
export function ingress(name: string, host: string, paths: Readonly<Record<string, string>>, secret?: string): string {
  const entries = Object.entries(paths).map(([path, target]) => {
    const [type, text] = path.startsWith('=') ? ['Exact', path.slice(1)] : ['Prefix', path];
    return `          - { path: "${text}", pathType: ${type}, backend: { service: { name: ${target}, port: { number: 80 } } } }\n`;
  });
  const tls = secret === undefined ? '' : `  tls: [{ hosts: ["${host}"], secretName: ${secret} }]\n`;
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name} }
spec:
${tls}  rules:
    - host: "${host}"
      http:
        paths:
${entries.join('')}---
`;
}

/** A Secret of type kubernetes.io/tls. */
export function tlsSecret(name: string, { certificate, key }: CertificatePem): string {
  return secretOf(name, 'kubernetes.io/tls', { 'tls.crt': certificate, 'tls.key': key });
}

/** A Secret of type Opaque with these entries. */
export function opaqueSecret(name: string, entries: Readonly<Record<string, string>>): string {
  return secretOf(name, 'Opaque', entries);
}

function secretOf(name: string, type: string, entries: Readonly<Record<string, string>>): string {
  const data = Object.entries(entries).map(([key, text]) => `  ${key}: ${Buffer.from(text).toString('base64')}\n`);
  return `apiVersion: v1
kind: Secret
type: ${type}
metadata: { name: ${name} }
data:
${data.join('')}---
`;
}
