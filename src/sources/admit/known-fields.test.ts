import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { describe, expect, it } from 'vitest';
import { admitObject, type Admission } from './admit.ts';

function admit(text: string): Admission {
  const admission = admitObject(parse(text));
  if (admission === undefined) throw new Error('not a kind that is read');
  return admission;
}

/** `field: message` of each field that is called unknown. */
function unknown(text: string): readonly string[] {
  return admit(text)
    .findings.filter(({ reason }) => reason === 'FieldUnknown')
    .map(({ field, message }) => `${field}: ${message}`);
}

const WEB = 'backend: { service: { name: web, port: { number: 80 } } }';

function ingress(spec: string, rest = ''): string {
  return `{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: a }, spec: { ${spec} }${rest} }`;
}

describe('unknown fields', () => {
  it.each([
    [ingress('rules: [{ hosts: a.test }]'), 'spec.rules[0].hosts: there is no field "hosts" here; did you mean host?'],
    [
      ingress(`rules: [{ host: a, http: { paths: [{ path: /, pathtype: Exact, ${WEB} }] } }]`),
      'spec.rules[0].http.paths[0].pathtype: there is no field "pathtype" here; did you mean pathType?',
    ],
    [
      ingress('tls: [{ hosts: [a], secretname: s }]'),
      'spec.tls[0].secretname: there is no field "secretname" here; did you mean secretName?',
    ],
    [
      ingress('ingressclassname: x'),
      'spec.ingressclassname: there is no field "ingressclassname" here; did you mean ingressClassName?',
    ],
    [
      ingress('', ', annotations: { a: b }'),
      'annotations: there is no field "annotations" here; did you mean metadata.annotations?',
    ],
    [ingress('', ', rules: []'), 'rules: there is no field "rules" here; did you mean spec.rules?'],
    [
      ingress('rules: [{ nonsense: 5 }]'),
      'spec.rules[0].nonsense: there is no field "nonsense" here; it has host, http',
    ],
    [
      '{ apiVersion: v1, kind: Service, metadata: { name: a, namespce: b }, spec: { ports: [{ port: 80, targetport: 8080 }] } }',
      'metadata.namespce: there is no field "namespce" here; did you mean namespace?\nspec.ports[0].targetport: there is no field "targetport" here; did you mean targetPort?',
    ],
    [
      '{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: a, labels: { kubernetes.io/service-name: b } }, endpoints: [{ address: 192.0.2.1, conditions: { Ready: true } }] }',
      'endpoints[0].address: there is no field "address" here; it has addresses, conditions, hostname, targetRef, deprecatedTopology, topology, nodeName, zone, hints\nendpoints[0].conditions.Ready: there is no field "Ready" here; did you mean ready?',
    ],
    [
      '{ apiVersion: v1, kind: Endpoints, metadata: { name: a }, subset: [] }',
      'subset: there is no field "subset" here; did you mean subsets?',
    ],
    [
      '{ apiVersion: v1, kind: Secret, metadata: { name: a }, stringdata: {} }',
      'stringdata: there is no field "stringdata" here; did you mean stringData?',
    ],
  ])('of %s', (text, expected) => {
    expect(unknown(text).join('\n')).toBe(expected);
  });

  it('are none in what an API server has, which may be newer than this list', () => {
    const raw: unknown = parse(ingress('newField: 1, rules: [{ host: a.test, newField: 1 }]'));
    expect(admitObject(raw, 'api-server')?.findings.map(({ reason }) => reason)).toEqual([]);
  });

  it('are none where users choose the names', () => {
    const text =
      '{ apiVersion: v1, kind: Service, metadata: { name: a, labels: { x: y }, annotations: { x: y } }, spec: { ports: [{ port: 8 }], selector: { x: y } }, status: { x: y } }';
    expect(unknown(text)).toEqual([]);
  });

  it('are none in the manifests of this repository', () => {
    const root = fileURLToPath(new URL('../../../', import.meta.url));
    const files = globSync(['deploy/*.yaml', 'examples/**/*.yaml', 'test/golden-kernel/*/in.yaml'], { cwd: root });
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) {
      for (const document of parseAllDocuments(readFileSync(`${root}${file}`, 'utf8'))) {
        const found = admitObject(document.toJS())?.findings ?? [];
        expect(
          found.filter(({ reason }) => reason === 'FieldUnknown'),
          file,
        ).toEqual([]);
      }
    }
  });
});

describe('a field that is absent beside an unknown one', () => {
  it('does not make a rule of every host', () => {
    const admission = admit(
      ingress(`rules: [{ hosts: admin.test, http: { paths: [{ path: /admin, ${WEB} }] } }, { host: b.test }]`),
    );
    expect(admission.change?.value).toMatchObject({ rules: [{ host: 'b.test' }] });
    expect(admission.findings.map(({ reason, field }) => `${reason} ${field}`)).toEqual([
      'FieldUnknown spec.rules[0].hosts',
      'HostInvalid spec.rules[0].host',
    ]);
  });

  it.each(['hostname: a.test', 'Host: a.test', 'host: [a.test]', 'host: 5'])(
    'does not make a rule of every host with %s',
    (host) => {
      const admission = admit(ingress(`rules: [{ ${host}, http: { paths: [{ path: /, ${WEB} }] } }]`));
      expect(admission.change?.value).toMatchObject({ rules: [] });
    },
  );

  it.each(['Path: /admin', 'paht: /admin', 'path: [/admin]', 'location: /admin'])(
    'does not make every path of one with %s',
    (path) => {
      const admission = admit(ingress(`rules: [{ host: a.test, http: { paths: [{ ${path}, ${WEB} }] } }]`));
      expect(admission.change?.value).toMatchObject({ rules: [{ paths: [] }] });
    },
  );

  it.each(['host: a.test', 'Hosts: [a.test]', 'hosts: a.test'])(
    'does not make all hosts of a TLS entry with %s',
    (hosts) => {
      expect(admit(ingress(`tls: [{ ${hosts}, secretName: s }]`)).change?.value).toMatchObject({ tls: [] });
    },
  );

  it.each(['loadBalancerSourceRange', 'loadbalancerSourceRanges', 'loadBalancerSourceranges'])(
    'lets nobody in by a load balancer with %s',
    (name) => {
      const text = `{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: { type: LoadBalancer, ports: [{ port: 80 }], ${name}: [10.0.0.0/8] } }`;
      const { change, findings } = admit(text);
      expect(change?.value).toMatchObject({
        traffic: { sourceRanges: [{ text: '0.0.0.0/32' }, { text: '::/128' }] },
      });
      expect(findings.map(({ reason, field }) => `${reason} ${field}`)).toEqual([
        `FieldUnknown spec.${name}`,
        'AddressInvalid spec.loadBalancerSourceRanges',
      ]);
    },
  );

  it.each([
    ingress('', ', annotations: { P/whitelist-source-range: 10.0.0.0/8 }'),
    ingress('annotations: { P/auth-url: "http://a" }'),
    ingress('').replace('name: a', 'name: a, anotations: { P/auth-type: basic }'),
  ])('closes an Ingress whose restriction stands in the wrong place: %s', (text) => {
    const { change, findings } = admit(text.replaceAll('P/', 'nginx.ingress.kubernetes.io/'));
    expect(change?.value).toMatchObject({ policy: { isClosed: true } });
    expect(findings.map(({ reason }) => reason)).toEqual(['FieldUnknown', 'AccessRestrictionUnsupported']);
  });
});
