import { describe, expect, it } from 'vitest';
import { ipAddressOf } from '../../model/grammar.ts';
import { DEFAULT_TRAFFIC, NO_PLACE, type EndpointPort, type EndpointSlice, type Service } from '../../model/service.ts';
import { endpointFindings } from './endpoint-findings.ts';

const PORT = {
  name: 'http',
  port: 80,
  protocol: 'TCP',
  targetPort: undefined,
  appProtocol: undefined,
  nodePort: undefined,
} as const;

function serviceOf(type: Service['type']): Service {
  return {
    meta: { namespace: 'shop', name: 'web', uid: '', createdMs: 0 },
    type,
    ports: [PORT],
    loadBalancer: undefined,
    externalName: undefined,
    publishedAddresses: [],
    traffic: DEFAULT_TRAFFIC,
  };
}

function sliceOf(
  ports: readonly EndpointPort[],
  addresses: readonly string[],
  kind: EndpointSlice['kind'] = 'EndpointSlice',
): EndpointSlice {
  const endpoints = addresses
    .flatMap((text) => ipAddressOf(text) ?? [])
    .map((address) => ({ address, ready: false, serving: false, terminating: false, placement: NO_PLACE }));
  const meta = { namespace: 'shop', name: `web-${kind}`, uid: '', createdMs: 0 };
  return { meta, kind, service: 'web', isHeadless: false, subsets: [{ ports, endpoints }] };
}

function port(name: string, number: number, protocol: EndpointPort['protocol'] = 'TCP'): EndpointPort {
  return { name, port: number, protocol, appProtocol: undefined };
}

function found(
  slices: readonly EndpointSlice[],
  mode: 'standalone' | 'cluster' = 'standalone',
  type: Service['type'] = 'ClusterIP',
) {
  return endpointFindings(serviceOf(type), PORT, slices, { mode }).map(
    ({ reason, message }) => `${reason}: ${message}`,
  );
}

describe('endpointFindings', () => {
  it('says that nobody makes endpoints in a folder, where a cluster would', () => {
    expect(found([])).toEqual([
      'EndpointsMissing: it has no EndpointSlice, so that there are no endpoints for port 80/TCP named "http"',
    ]);
    expect(found([], 'cluster')).toEqual([]);
    expect(found([], 'standalone', 'ExternalName')).toEqual([]);
  });

  it.each(['standalone', 'cluster'] as const)(
    'compares the ports of endpoints with that of the Service (%s)',
    (mode) => {
      expect(found([sliceOf([port('', 8080), port('http', 53, 'UDP')], ['192.0.2.1'])], mode)).toEqual([
        'EndpointPortMissing: it has endpoints, but none for port 80/TCP named "http": its EndpointSlices have port 8080/TCP without a name, port 53/UDP named "http"',
      ]);
      expect(found([sliceOf([], ['192.0.2.1'])], mode)).toEqual([
        'EndpointPortMissing: it has endpoints, but none for port 80/TCP named "http": its EndpointSlices have no port',
      ]);
    },
  );

  it('says nothing where endpoints are there, be they ready or not, or where there are to be none', () => {
    expect(found([sliceOf([port('http', 8080)], ['192.0.2.1'])])).toEqual([]);
    expect(found([sliceOf([port('other', 8080)], [])])).toEqual([]);
    expect(found([sliceOf([], [])], 'cluster')).toEqual([]);
  });

  it('passes over legacy Endpoints where there are slices, as the traffic does', () => {
    const legacy = sliceOf([port('http', 8080)], ['192.0.2.1'], 'Endpoints');
    expect(found([legacy])).toEqual([]);
    expect(found([legacy, sliceOf([port('x', 8080)], ['192.0.2.1'])])).toHaveLength(1);
  });
});
