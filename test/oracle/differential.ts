import fc from 'fast-check';
import { locate, locationsOf, type Located, type WrittenPath } from '../../src/compile/l7/nginx/locations.ts';
import type { Observation, RawObject } from './case.ts';
import type { Replay } from './replay.ts';

/** Ingresses of one host, and request targets. */
export interface Scene {
  readonly ingresses: readonly {
    readonly usesRegex: boolean;
    readonly rewriteTarget: string;
    readonly paths: readonly { readonly path: string; readonly type: WrittenPath<string>['type'] }[];
  }[];
  readonly targets: readonly string[];
}

const HOST = 'differential.t';
const PODS = 8;

const segment = fc.constantFrom('a', 'b', 'A', 'ab', 'aB', 'a.b', 'x');
const plainPath = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  .map(([segments, hasSlash]) => `/${segments.join('/')}${hasSlash && segments.length > 0 ? '/' : ''}`);
const expression = fc.constantFrom('[a-b]+', '(a|b)', 'a.?', '(.*)', 'x$', '(/|$)(.*)', 'a{1,2}', '[^/]+');
const regexPath = fc.tuple(plainPath, expression).map(([path, text]) => `${path}${text}`);

const ingress = fc
  .record({
    usesRegex: fc.boolean(),
    rewriteTarget: fc.constantFrom('', '', '', '/new', '/$1', '/a'),
    plain: fc.array(
      fc.record({ path: plainPath, type: fc.constantFrom('Exact', 'Prefix', 'ImplementationSpecific') }),
      { minLength: 1, maxLength: 3 },
    ),
    expressions: fc.array(regexPath, { maxLength: 2 }),
  })
  .map(({ usesRegex, rewriteTarget, plain, expressions }) => ({
    usesRegex,
    rewriteTarget,
    paths: [
      ...plain,
      // An expression that is not read as one is a path that is refused.
      ...(usesRegex ? expressions : []).map((path) => ({ path, type: 'ImplementationSpecific' as const })),
    ],
  }));

const targetPart = fc.constantFrom(
  'a',
  'b',
  'A',
  'ab',
  'aB',
  'a.b',
  'axb',
  'x',
  'new',
  '%61',
  '%2e',
  '.',
  '..',
  '',
  'a%2Fb',
  'z',
);
const target = fc
  .tuple(fc.array(targetPart, { maxLength: 5 }), fc.constantFrom('', '', '/', '?q=/a', '/..'))
  .map(([parts, end]) => `/${parts.join('/')}${end}`);

/** Random scenes: the grammar of paths that Ingresses may have, and targets that are written in every way. */
export const scenes: fc.Arbitrary<Scene> = fc.record({
  ingresses: fc.array(ingress, { minLength: 1, maxLength: 3 }),
  targets: fc.array(target, { minLength: 25, maxLength: 25 }),
});

/** The requests of a scene that the program answers otherwise than the model says, as text. */
export async function differencesIn(replay: Replay, { ingresses, targets }: Scene): Promise<readonly string[]> {
  await replay.gateway.serve(replay.prepared([...services(), ...ingresses.map(ingressOf)]));
  const locations = locationsOf(
    ingresses.flatMap(({ paths, usesRegex, rewriteTarget }, number) =>
      paths.map((path, index) => ({ ...path, usesRegex, rewriteTarget, value: podOf(number, index) })),
    ),
  );
  const answers = await Promise.all(
    targets.map((path) => replay.client.send({ host: HOST, path, observed: {} }, undefined)),
  );
  return targets.flatMap((path, index) => {
    const [expected, found] = [wordFor(locate(locations, path)), wordOf(answers[index] ?? {})];
    return expected === found ? [] : [`${path}: the model says ${expected}, the program ${found}`];
  });
}

function wordFor(located: Located<string>): string {
  return located.kind === 'location' ? located.location.value : located.kind;
}

function wordOf({ status, headers }: Observation): string {
  const words: Readonly<Record<string, string>> = { 301: 'slash-added', 400: 'refused', 404: 'none' };
  return String(headers?.['x-pod'] ?? words[String(status)] ?? status);
}

function podOf(ingressNumber: number, pathNumber: number): string {
  return `p${String(((ingressNumber * 3 + pathNumber) % PODS) + 1)}`;
}

function ingressOf({ usesRegex, rewriteTarget, paths }: Scene['ingresses'][number], number: number): RawObject {
  const annotations = {
    'nginx.ingress.kubernetes.io/use-regex': String(usesRegex),
    'nginx.ingress.kubernetes.io/rewrite-target': rewriteTarget,
  };
  const backend = (index: number): unknown => ({ service: { name: podOf(number, index), port: { number: 80 } } });
  const rules = [
    {
      host: HOST,
      http: { paths: paths.map(({ path, type }, index) => ({ path, pathType: type, backend: backend(index) })) },
    },
  ];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: `i${String(number)}`, namespace: 't', annotations },
    spec: { ingressClassName: 'nginx', rules },
  } as RawObject;
}

function services(): readonly RawObject[] {
  return Array.from({ length: PODS }, (_, index) => index + 1).flatMap((number): readonly RawObject[] => {
    const name = `p${String(number)}`;
    const labels = { 'kubernetes.io/service-name': name };
    const metadata = { name, namespace: 't' };
    const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'http', port: 80 }] } };
    const endpoints = [{ addresses: ['{ECHO_IP}'], conditions: { ready: true } }];
    const ports = [{ name: 'http', port: 9000 + number, protocol: 'TCP' }];
    const about = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' };
    return [service, { ...about, metadata: { ...metadata, labels }, endpoints, ports } as RawObject];
  });
}
