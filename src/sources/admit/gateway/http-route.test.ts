import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import type { HTTPRoute } from '../../../model/gateway/http-route.ts';
import type { FindingReason } from '../../../model/codes.ts';
import { admitObject } from '../admit.ts';

/** A route with this in `spec`, and what is wrong with it, as `REASON field`. */
function admit(spec: string): { readonly route: HTTPRoute; readonly wrong: readonly string[] } {
  const kind = 'apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: r, generation: 7 }';
  const raw: unknown = parse(`{ ${kind}, spec: { ${spec} } }`);
  const admission = admitObject(raw);
  if (admission?.change?.table !== 'httpRoutes' || admission.change.value === undefined) throw new Error('no route');
  const wrong = admission.findings.map(({ reason, field }) => `${reason} ${field}`);
  return { route: admission.change.value, wrong };
}

/** The parts of a route that one mistake is about. */
const PARTS: Readonly<Record<string, (route: HTTPRoute) => unknown>> = {
  parents: ({ parents }) => parents.map(({ name }) => name),
  hosts: ({ hostnames, hasNoUsableHost }) => (hasNoUsableHost ? 'none' : hostnames),
  paths: ({ rules }) => rules.map(({ matches }) => matches.map(({ path }) => path.value)),
  conditions: ({ rules }) =>
    rules.map(({ matches }) =>
      matches.map(({ conditions: { method, headers, query } }) =>
        [method, ...headers, ...query]
          .map((item) => (typeof item === 'object' ? `${item.name}=${item.value}` : item))
          .join(' ')
          .trim(),
      ),
    ),
  filters: ({ rules }) => rules.map(({ filters }) => filters),
  backends: ({ rules }) => rules.map(({ backends }) => backends.map(({ name, port, weight }) => [name, port, weight])),
};

type Row = readonly [spec: string, part: string, left: unknown, ...wrong: readonly `${FindingReason} ${string}`[]];

const rows: readonly Row[] = [
  ['', 'paths', [['/']]],
  ['rules: [{}]', 'paths', [['/']]],
  ['rules: [{ matches: [{ path: { value: /a/ } }] }]', 'paths', [['/a']]],
  ['rules: [{ matches: [{ path: { value: a } }] }]', 'paths', [[]], 'PathInvalid spec.rules[0].matches[0].path.value'],
  [
    'rules: [{ matches: [{ path: { value: /a//b } }] }]',
    'paths',
    [[]],
    'PathInvalid spec.rules[0].matches[0].path.value',
  ],
  [
    'rules: [{ matches: [{ path: { value: /a/../b } }] }]',
    'paths',
    [[]],
    'PathInvalid spec.rules[0].matches[0].path.value',
  ],
  [
    'rules: [{ matches: [{ path: { value: /a%2Fb } }] }]',
    'paths',
    [[]],
    'PathInvalid spec.rules[0].matches[0].path.value',
  ],
  [
    'rules: [{ matches: [{ path: { type: Glob, value: /a } }] }]',
    'paths',
    [[]],
    'PathTypeUnknown spec.rules[0].matches[0].path.type',
  ],
  [
    'rules: [{ matches: [{ path: { type: RegularExpression, value: "/(" } }] }]',
    'paths',
    [[]],
    'RegexInvalid spec.rules[0].matches[0].path.value',
  ],
  ['rules: [{ matches: [{ method: GET, headers: [{ name: a, value: b }] }, {}] }]', 'conditions', [['GET a=b', '']]],
  ['rules: [{ matches: [{ headers: [] }] }]', 'conditions', [['']]],
  ['rules: [{ matches: [{ headers: [{ name: A, value: b }, { name: a, value: c }] }] }]', 'conditions', [['a=b']]],
  [
    'rules: [{ matches: [{ queryParams: [{ name: A, value: b }, { name: a, type: RegularExpression, value: "c.*" }] }] }]',
    'conditions',
    [['A=b a=c.*']],
  ],
  ['rules: [{ matches: [{ method: get }] }]', 'conditions', [[]], 'ObjectMalformed spec.rules[0].matches[0].method'],
  [
    'rules: [{ matches: [{ headers: [{ name: "a b", value: c }] }] }]',
    'conditions',
    [[]],
    'ObjectMalformed spec.rules[0].matches[0].headers[0].name',
  ],
  [
    'rules: [{ matches: [{ headers: [{ name: a, value: "b\\nc" }] }] }]',
    'conditions',
    [[]],
    'ObjectMalformed spec.rules[0].matches[0].headers[0].value',
  ],
  [
    'rules: [{ matches: [{ queryParams: [{ name: a }] }] }]',
    'conditions',
    [[]],
    'ObjectMalformed spec.rules[0].matches[0].queryParams[0].value',
  ],
  ['rules: [{ timeouts: { request: 1s, backendRequest: 500ms } }]', 'filters', [[{ type: 'Timeouts', serverMs: 500 }]]],
  ['rules: [{ timeouts: { request: 0s } }]', 'filters', [[{ type: 'Timeouts', serverMs: 1_728_000_000 }]]],
  ['rules: [{ timeouts: { request: soon } }]', 'filters', [[]], 'ObjectMalformed spec.rules[0].timeouts.request'],
  [
    'rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 301, hostname: a.test, port: 8 } }] }]',
    'filters',
    [[{ type: 'RequestRedirect', status: 301, hostname: 'a.test', port: 8 }]],
  ],
  [
    'rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 304 } }] }]',
    'filters',
    [[]],
    'ObjectMalformed spec.rules[0].filters[0].requestRedirect.statusCode',
  ],
  [
    'rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { hostname: "*.a.test" } }] }]',
    'filters',
    [[]],
    'HostInvalid spec.rules[0].filters[0].requestRedirect.hostname',
  ],
  [
    'rules: [{ filters: [{ type: URLRewrite, urlRewrite: { hostname: a.test, path: { type: ReplaceFullPath, replaceFullPath: "" } } }] }]',
    'filters',
    [[{ type: 'URLRewrite', host: 'a.test', path: { type: 'ReplaceFullPath', value: '/' } }]],
  ],
  [
    'rules: [{ filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: A, value: b }], remove: [C] } }] }]',
    'filters',
    [[{ type: 'RequestHeaderModifier', set: [{ name: 'a', value: 'b' }], add: [], remove: ['c'] }]],
  ],
  [
    'rules: [{ filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: Content-Length, value: "1" }] } }] }]',
    'filters',
    [[]],
    'ObjectMalformed spec.rules[0].filters[0].responseHeaderModifier.set[0].name',
  ],
  [
    'rules: [{ filters: [{ type: CORS, cors: { allowOrigins: ["https://*.a.test:8443"], allowMethods: ["*"] } }] }]',
    'filters',
    [
      [
        {
          type: 'CORS',
          origins: [String.raw`^https://[a-z0-9.-]+\.a\.test:8443$`],
          methods: 'any',
          headers: [],
          exposed: [],
          allowsCredentials: false,
          maxAgeS: 5,
        },
      ],
    ],
  ],
  [
    'rules: [{ filters: [{ type: CORS, cors: { allowOrigins: ["a.test"] } }] }]',
    'filters',
    [[]],
    'ObjectMalformed spec.rules[0].filters[0].cors.allowOrigins',
  ],
  [
    'rules: [{ matches: [{ path: { value: /a }, header: [{ name: a, value: b }] }] }]',
    'paths',
    [[]],
    'FieldUnknown spec.rules[0].matches[0].header',
    'ObjectMalformed spec.rules[0].matches[0]',
  ],
  ['rules: [{ match: [{ path: { value: /a } }] }]', 'paths', [[]], 'FieldUnknown spec.rules[0].match'],
  [
    'rules: [{ matches: [{ headers: { name: a, value: b } }] }]',
    'paths',
    [[]],
    'ObjectMalformed spec.rules[0].matches[0].headers',
  ],
  ['hostname: [a.test]', 'hosts', 'none', 'FieldUnknown spec.hostname'],
  ['parentRefs: [{ name: g, sectionname: https }]', 'parents', [], 'FieldUnknown spec.parentRefs[0].sectionname'],
  ['hostnames: [A.Example.Com, "*.b.test"]', 'hosts', ['a.example.com', '*.b.test']],
  ['hostnames: ["a_b"]', 'hosts', 'none', 'HostInvalid spec.hostnames[0]'],
  ['hostnames: []', 'hosts', []],
  ['parentRefs: [{ name: g }, { name: "G;" }]', 'parents', ['g'], 'NameInvalid spec.parentRefs[1].name'],
  ['parentRefs: [{ name: g, port: 0 }]', 'parents', [], 'PortInvalid spec.parentRefs[0].port'],
  ['parentRefs: [{ name: g, sectionName: "a b" }]', 'parents', [], 'NameInvalid spec.parentRefs[0].sectionName'],
  ['parentRefs: [g]', 'parents', [], 'ObjectMalformed spec.parentRefs[0]'],
  [
    'rules: [{ backendRefs: [{ name: a, port: 1, weight: 0 }, { name: b, port: 2 }] }]',
    'backends',
    [
      [
        ['a', 1, 0],
        ['b', 2, 1],
      ],
    ],
  ],
  [
    'rules: [{ backendRefs: [{ name: a }] }]',
    'backends',
    [[['', undefined, 1]]],
    'PortInvalid spec.rules[0].backendRefs[0].port',
  ],
  ['rules: [{ backendRefs: [{ group: x.test, kind: Bucket, name: a }] }]', 'backends', [[['a', undefined, 1]]]],
  [
    'rules: [{ backendRefs: [{ name: a, port: 1, weight: 2000000 }] }]',
    'backends',
    [[['', undefined, 1]]],
    'ObjectMalformed spec.rules[0].backendRefs[0].weight',
  ],
  [
    'rules: [{ backendRefs: [{ name: "a b", port: 1 }] }]',
    'backends',
    [[['', undefined, 1]]],
    'NameInvalid spec.rules[0].backendRefs[0].name',
  ],
];

describe('an HTTPRoute', () => {
  it.each(rows.map(([spec, part, left, ...wrong]) => ({ spec, part, left, wrong })))(
    'with { $spec } has of its $part: $left',
    ({ spec, part, left, wrong }) => {
      const admitted = admit(spec);
      expect({ left: PARTS[part]?.(admitted.route) }).toMatchObject({ left });
      expect(admitted.wrong).toEqual(wrong);
    },
  );

  it('has the generation that its conditions repeat', () => {
    expect(admit('').route.generation).toBe(7);
  });

  it.each([
    ['filters: { type: ExtensionRef }', 'filters'],
    ['filter: [{ type: ExtensionRef }]', 'filter'],
    [
      'filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { remove: x-admin } }]',
      'filters[0] (RequestHeaderModifier)',
    ],
  ])('answers 500 for { %s }, which may be what keeps somebody out', (text, unsupported) => {
    const rule = admit(`rules: [{ matches: [{}], ${text} }]`).route.rules[0];
    expect(rule?.unsupported).toEqual([`spec.rules[0].${unsupported}`]);
    const ofBackend = admit(`rules: [{ backendRefs: [{ name: a, port: 1, ${text} }] }]`).route.rules[0]?.backends[0];
    expect(ofBackend?.unsupported).toEqual([`spec.rules[0].backendRefs[0].${unsupported}`]);
  });

  it('answers 500 for what is not served or stands where it cannot', () => {
    const { route } = admit(
      'rules: [{ filters: [{ type: RequestMirror }, { type: CORS }], retry: {} }, {}, { filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /x } } }], matches: [{}, {}] }, { filters: [{ type: RequestRedirect, requestRedirect: {} }], backendRefs: [{ name: a, port: 1 }] }]',
    );
    expect(route.rules.map(({ unsupported }) => unsupported)).toEqual([
      ['spec.rules[0].filters[0] (RequestMirror)', 'spec.rules[0].filters[1] (CORS)', 'spec.rules[0].retry'],
      [],
      ['spec.rules[2]: replacePrefixMatch without exactly one PathPrefix match'],
      ['spec.rules[3]: RequestRedirect beside backendRefs'],
    ]);
  });
});
