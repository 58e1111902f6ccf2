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
  conditions: ({ rules }) => rules.map(({ matches }) => matches.map(({ unsupported }) => unsupported.length)),
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
  ['rules: [{ matches: [{ method: GET, headers: [{ name: a, value: b }] }, {}] }]', 'conditions', [[2, 0]]],
  ['rules: [{ matches: [{ headers: [] }] }]', 'conditions', [[0]]],
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
      expect(PARTS[part]?.(admitted.route)).toEqual(left);
      expect(admitted.wrong).toEqual(wrong);
    },
  );

  it('has the generation that its conditions repeat', () => {
    expect(admit('').route.generation).toBe(7);
  });

  it('answers 500 for filters, time limits and what else is not served', () => {
    const { route } = admit('rules: [{ filters: [{ type: CORS, cors: {} }], timeouts: { request: 1s } }, {}]');
    expect(route.rules.map(({ unsupported }) => unsupported)).toEqual([
      ['spec.rules[0].filters[0] (CORS)', 'spec.rules[0].timeouts'],
      [],
    ]);
  });
});
