import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import type { EndpointSlice } from '../../model/service.ts';
import { admitObject } from './admit.ts';

interface Admitted {
  readonly slice: EndpointSlice | undefined;
  readonly told: readonly string[];
}

function admit(text: string): Admitted {
  const admission = admitObject(parse(text));
  const change = admission?.change;
  return {
    slice: change?.table === 'endpointSlices' ? change.value : undefined,
    told: (admission?.findings ?? []).map(({ reason, field }) => `${reason} ${field}`),
  };
}

function slice(rest: string, metadata = 'labels: { kubernetes.io/service-name: web }'): Admitted {
  return admit(`{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: s, ${metadata} }, ${rest} }`);
}

function endpoints(subsets: string): Admitted {
  return admit(`{ apiVersion: v1, kind: Endpoints, metadata: { name: web }, subsets: ${subsets} }`);
}

const UNOWNED = 'EndpointSliceUnowned metadata.labels["kubernetes.io/service-name"]';

describe('admitEndpointSlice', () => {
  it('reads ports and addresses', () => {
    const { slice: found, told } = slice(
      'ports: [{ name: http, port: 8080, appProtocol: grpc }, { port: 53, protocol: UDP }], endpoints: [{ addresses: [192.0.2.1, "2001:DB8::1"] }]',
    );
    expect(told).toEqual([]);
    expect(found).toMatchObject({ kind: 'EndpointSlice', service: 'web' });
    expect(found?.subsets).toMatchObject([
      {
        ports: [
          { name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'grpc' },
          { name: '', port: 53, protocol: 'UDP' },
        ],
        endpoints: [{ address: '192.0.2.1' }, { address: '2001:db8::1' }],
      },
    ]);
  });

  it.each([
    ['{}', true, true, false],
    ['{ ready: false }', false, false, false],
    ['{ ready: false, serving: true, terminating: true }', false, true, true],
    ['{ ready: null, serving: null }', true, true, false],
    ['{ serving: false }', true, false, false],
    ['{ ready: no, serving: yes, terminating: on }', false, true, true],
  ])('resolves the conditions %s', (conditions, ready, serving, terminating) => {
    const { slice: found } = slice(`endpoints: [{ addresses: [192.0.2.1], conditions: ${conditions} }]`);
    expect(found?.subsets[0]?.endpoints[0]).toMatchObject({ ready, serving, terminating });
  });

  it.each([
    ['no Service', 'labels: {}', '', [UNOWNED]],
    ['no labels', 'annotations: {}', '', [UNOWNED]],
    ['a Service whose name is none', 'labels: { kubernetes.io/service-name: "a;b" }', '', [UNOWNED]],
    ['names in place of addresses', 'labels: { kubernetes.io/service-name: web }', 'addressType: FQDN', []],
  ])('passes over one with %s', (_, metadata, rest, told) => {
    expect(slice(rest, metadata)).toEqual({ slice: undefined, told });
  });

  it("says nothing of one without a Service in a cluster, where it is others' own affair", () => {
    const raw = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 's' }, endpoints: [] };
    expect(admitObject(raw, 'api-server')?.findings).toEqual([]);
  });

  it('passes over a port without a number, which means all ports', () => {
    expect(slice('ports: [{ name: a }]').slice?.subsets[0]?.ports).toEqual([]);
  });

  it.each([
    ['a port that is none', 'ports: [{ port: 0 }, { port: 8 }]', 'PortInvalid ports[0].port'],
    ['a protocol that is none', 'ports: [{ port: 7, protocol: x }, { port: 8 }]', 'ObjectMalformed ports[0].protocol'],
    [
      'an address that is none',
      'ports: [{ port: 8 }], endpoints: [{ addresses: ["1.2.3.4;"] }]',
      'AddressInvalid endpoints[0].addresses[0]',
    ],
    [
      'an address that is a number',
      'ports: [{ port: 8 }], endpoints: [{ addresses: [5] }]',
      'ObjectMalformed endpoints[0].addresses[0]',
    ],
    ['endpoints that are no list', 'ports: [{ port: 8 }], endpoints: {}', 'ObjectMalformed endpoints'],
  ])('tells of %s, and keeps the rest', (_, rest, finding) => {
    const { slice: found, told } = slice(rest);
    expect(told).toEqual([finding]);
    expect(found?.subsets[0]?.ports.map(({ port }) => port)).toEqual([8]);
    expect(found?.subsets[0]?.endpoints).toEqual([]);
  });
});

it.each([
  '0.0.0.0',
  '::',
  '169.254.169.254',
  '::ffff:169.254.169.254',
  'fe80::1',
  '224.0.0.1',
  'ff02::1',
  '255.255.255.255',
])('leaves out an address at which no endpoint can be, and tells of it: %s', (address) => {
  const { slice: found, told } = slice(
    `ports: [{ port: 8 }], endpoints: [{ addresses: ["${address}"] }, { addresses: [127.0.0.1, "::1", 192.0.2.1] }]`,
  );
  expect(told).toEqual(['AddressInvalid endpoints[0].addresses[0]']);
  // Programs of a machine without a cluster listen on loopback addresses, as those of the quick start do.
  expect(found?.subsets[0]?.endpoints.map((item) => item.address)).toEqual(['127.0.0.1', '::1', '192.0.2.1']);
  expect(endpoints(`[{ addresses: [{ ip: "${address}" }] }]`).told).toEqual([
    'AddressInvalid subsets[0].addresses[0].ip',
  ]);
});

describe('admitEndpoints', () => {
  it('reads subsets, ready and not ready, under the name of the Service', () => {
    const { slice: found, told } = endpoints(
      '[{ ports: [{ port: 1 }], addresses: [{ ip: 192.0.2.1 }], notReadyAddresses: [{ ip: 192.0.2.2 }] }, { ports: [{ port: 2 }] }]',
    );
    expect(told).toEqual([]);
    expect(found).toMatchObject({ kind: 'Endpoints', service: 'web' });
    expect(found?.subsets.map((subset) => subset.endpoints.map(({ address, ready }) => [address, ready]))).toEqual([
      [
        ['192.0.2.1', true],
        ['192.0.2.2', false],
      ],
      [],
    ]);
  });

  it('stands beside an EndpointSlice of the same name', () => {
    const raw = parse('{ apiVersion: v1, kind: Endpoints, metadata: { name: web } }') as unknown;
    expect(admitObject(raw)?.change?.key).not.toBe('default/web');
  });

  it('tells of an address that is none', () => {
    expect(endpoints('[{ addresses: [{ ip: "fe80::1%eth0" }] }]').told).toEqual([
      'AddressInvalid subsets[0].addresses[0].ip',
    ]);
  });
});
