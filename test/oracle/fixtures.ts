import type { RawObject } from './case.ts';

/** The Services that every case may name, by the ports of their pods. */
const SERVICES: Readonly<Record<string, readonly number[]>> = {
  echo: [9001],
  echo2: [9002],
  multi: [9003, 9004, 9005],
  canary: [9008],
  canary2: [9009],
  tlsb: [9443],
  err: [9060],
  err2: [9061],
  refuse: [9051],
  b503: [9050],
  b500: [9055],
  b404: [9056],
  reset: [9052],
  hang: [9053],
  garbage: [9054],
  halfrefuse: [9001, 9051],
  halfreset: [9001, 9052],
  half503: [9001, 9050],
  half500: [9001, 9055],
  noep: [],
};

/** What is there besides the objects of a case. */
export function fixtures(): readonly RawObject[] {
  const ingressClass = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'nginx' },
    spec: { controller: 'k8s.io/ingress-nginx' },
  };
  const own = Object.entries(SERVICES).flatMap(([name, ports]) => service(name, ports, 't'));
  return [ingressClass, ...own, ...service('echo', [9010], 't2'), ...service('err', [9061], 't2')];
}

function service(name: string, ports: readonly number[], namespace: string): readonly RawObject[] {
  const spec = { ports: [{ name: 'http', port: 80, targetPort: 80 }] };
  const object = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
  return [object, ...ports.map((port) => slice(name, port, namespace))];
}

function slice(name: string, port: number, namespace: string): RawObject {
  const labels = { 'kubernetes.io/service-name': name };
  const conditions = { ready: true, serving: true, terminating: false };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${String(port)}`, namespace, labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['{ECHO_IP}'], conditions }],
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  } as RawObject;
}
