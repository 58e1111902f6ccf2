import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import type { Service } from '../../model/service.ts';
import { admitObject } from './admit.ts';

function admit(spec: string, status = '{}'): { readonly service: Partial<Service>; readonly told: readonly string[] } {
  const text = `{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: ${spec}, status: ${status} }`;
  const admission = admitObject(parse(text));
  if (admission?.change?.table !== 'services') throw new Error('not admitted');
  return {
    service: { ...admission.change.value },
    told: admission.findings.map(({ reason, field }) => `${reason} ${field}`),
  };
}

describe('admitService', () => {
  it('reads ports, with the defaults of the API', () => {
    const { service, told } = admit(
      '{ ports: [{ name: http, port: 80 }, { name: dns, port: 53, protocol: UDP, targetPort: 5353, appProtocol: p }, { name: web, port: 81, targetPort: web }] }',
    );
    expect(told).toEqual([]);
    expect(service.type).toBe('ClusterIP');
    expect(service.ports).toMatchObject([
      { name: 'http', port: 80, protocol: 'TCP', targetPort: undefined, appProtocol: undefined },
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: 5353, appProtocol: 'p' },
      { name: 'web', port: 81, protocol: 'TCP', targetPort: 'web' },
    ]);
  });

  it.each([
    ['Name.Example.', 'name.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8::1', '2001:db8::1'],
  ])('reads the external name %s', (text, name) => {
    const { service, told } = admit(`{ type: ExternalName, externalName: "${text}" }`);
    expect([service.externalName, told]).toEqual([name, []]);
  });

  it('reads addresses that are published, by the user before those of the status', () => {
    const status = '{ loadBalancer: { ingress: [{ ip: 192.0.2.2 }, { hostname: LB.test }, {}] } }';
    const { service, told } = admit('{ ports: [{ port: 8 }], externalIPs: [192.0.2.1] }', status);
    expect(service.publishedAddresses).toEqual([{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }, { hostname: 'lb.test' }]);
    expect(told).toEqual([]);
  });

  it.each([
    ['a type that is none', '{ type: Magic, clusterIP: None }', 'ObjectMalformed spec.type'],
    ['no port number', '{ ports: [{ name: a }] }', 'PortInvalid spec.ports[0].port'],
    ['port 0', '{ ports: [{ port: 0 }] }', 'PortInvalid spec.ports[0].port'],
    ['port 70000', '{ ports: [{ port: 70000 }] }', 'PortInvalid spec.ports[0].port'],
    ['a protocol that is none', '{ ports: [{ port: 1, protocol: ICMP }] }', 'ObjectMalformed spec.ports[0].protocol'],
    ['an external name that is none', '{ type: ExternalName, externalName: "a;b" }', 'HostInvalid spec.externalName'],
    ['no external name', '{ type: ExternalName }', 'HostInvalid spec.externalName'],
    [
      'an external address that is none',
      '{ clusterIP: None, externalIPs: [192.0.2.256] }',
      'AddressInvalid spec.externalIPs[0]',
    ],
  ])('tells of %s, and keeps the rest', (_, spec, finding) => {
    const { service, told } = admit(spec.replace('ports: [', 'ports: [{ name: good, port: 8 }, '));
    expect(told).toEqual([finding.replace('ports[0]', 'ports[1]')]);
    if (spec.includes('ports')) expect(service.ports?.map(({ name }) => name)).toEqual(['good']);
  });

  it('has no external name where the type is another', () => {
    expect(admit('{ ports: [{ port: 8 }], externalName: name.test }')).toMatchObject({
      service: { externalName: undefined },
      told: [],
    });
  });

  it('tells of a published address that is none', () => {
    const { service, told } = admit(
      '{ ports: [{ port: 8 }] }',
      '{ loadBalancer: { ingress: [{ ip: "1.2.3" }, { hostname: "a b" }] } }',
    );
    expect(service.publishedAddresses).toEqual([]);
    expect(told).toEqual(['AddressInvalid status.loadBalancer.ingress[0].ip']);
  });

  it.each([
    [
      'a port twice',
      '{ ports: [{ name: a, port: 80 }, { name: b, port: 80 }, { name: c, port: 80, protocol: UDP }] }',
      ['a', 'c'],
      ['PortInvalid spec.ports[1]'],
    ],
    [
      'a name twice',
      '{ ports: [{ name: a, port: 80 }, { name: a, port: 81 }] }',
      ['a'],
      ['PortInvalid spec.ports[1].name'],
    ],
    [
      'several ports, one of them without a name',
      '{ ports: [{ port: 80 }, { name: b, port: 81 }] }',
      ['', 'b'],
      ['PortInvalid spec.ports[0].name'],
    ],
    ['no ports', '{ ports: [] }', [], ['PortInvalid spec.ports']],
    ['no word of ports', '{ type: LoadBalancer }', [], ['PortInvalid spec.ports']],
    ['no ports, headless', '{ clusterIP: None }', [], []],
    ['no ports, ExternalName', '{ type: ExternalName, externalName: a.test }', [], []],
  ])('tells of what an API server would refuse: %s', (_, spec, names, findings) => {
    const { service, told } = admit(spec);
    expect(service.ports?.map(({ name }) => name)).toEqual(names);
    expect(told).toEqual(findings);
  });
});
