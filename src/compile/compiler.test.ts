import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOf } from '../model/object.ts';
import { EMPTY_SNAPSHOT, type Former, type Snapshot, type Tables, type Unread } from '../model/snapshot.ts';
import { hostnameOf, ipAddressOf, urlPathOf } from '../model/grammar.ts';
import { DEFAULT_POLICY, type Ingress, type IngressClass } from '../model/ingress.ts';
import { SecretText } from '../model/secret-text.ts';
import type { Certificate, Secret } from '../model/secret.ts';
import { DEFAULT_TRAFFIC, NO_PLACE, type EndpointSlice, type Service } from '../model/service.ts';
import { Compiler } from './compiler.ts';
import type { Plan } from './plan.ts';
import { DEFAULT_CONTROLLER_CLASS, NO_NODE_FACTS, type CompileSettings, type NodeFacts } from './settings.ts';

const SETTINGS: CompileSettings = {
  mode: 'cluster',
  compat: undefined,
  configMap: undefined,
  ingressClass: 'sluice',
  isIngressClassExplicit: false,
  controllerClass: DEFAULT_CONTROLLER_CLASS,
  watchIngressWithoutClass: false,
  namespaceSelector: undefined,
  disablesCatchAll: false,
  defaultBackendService: 'ns/a',
  defaultCertificateSecret: 'ns/s1',
  allowsLocalExternalNames: false,
  sslRedirect: true,
  publishService: 'ns/b',
  listenerPorts: { http: [80], https: [443] },
  innerPorts: { first: 20_000, last: 20_999 },
  publishAddresses: [],
  l4: undefined,
  allocation: undefined,
  addresses: undefined,
  recordedRouters: undefined,
  announce: undefined,
  bgp: undefined,
};

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test wrote something that is not in the grammar');
  return value;
}

function meta(name: string, createdMs = 0) {
  return { namespace: 'ns', name, uid: '', createdMs };
}

const serviceNames = fc.constantFrom('a', 'b', 'c');
const hosts = fc.constantFrom(undefined, 'x.test', 'y.test', 'z.x.test', '*.test', '*.x.test');
const paths = fc.constantFrom('/', '/p', '/p/q');

const service = fc
  .record({
    name: serviceNames,
    port: fc.constantFrom(80, 81),
    appProtocol: fc.constantFrom(undefined, 'kubernetes.io/h2c', 'https'),
    external: fc.boolean(),
    ip: fc.constantFrom('192.0.2.1', '192.0.2.2'),
  })
  .map(({ name, port, appProtocol, external, ip }): Service => ({
    meta: meta(name),
    type: external ? 'ExternalName' : 'ClusterIP',
    ports: [
      {
        name: 'http',
        port,
        protocol: 'TCP',
        targetPort: undefined,
        appProtocol,
        nodePort: undefined,
      },
    ],
    externalName: external ? 'name.test' : undefined,
    publishedAddresses: [{ ip: defined(ipAddressOf(ip)) }],
    loadBalancer: undefined,
    traffic: DEFAULT_TRAFFIC,
  }));

const slice = fc
  .record({
    name: fc.constantFrom('s1', 's2', 's3'),
    service: serviceNames,
    last: fc.integer({ min: 1, max: 4 }),
    ready: fc.boolean(),
  })
  .map(({ name, service: owner, last, ready }): EndpointSlice => ({
    meta: meta(name),
    kind: 'EndpointSlice',
    isHeadless: false,
    service: owner,
    subsets: [
      {
        ports: [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: undefined }],
        endpoints: [
          {
            address: defined(ipAddressOf(`192.0.2.${String(last)}`)),
            ready,
            serving: true,
            terminating: !ready,
            placement: NO_PLACE,
          },
        ],
      },
    ],
  }));

const path = fc
  .record({
    path: paths,
    exact: fc.boolean(),
    service: serviceNames,
    port: fc.constantFrom(80, 81),
    broken: fc.boolean(),
  })
  .map((item) => ({
    match: { type: item.exact ? ('Exact' as const) : ('PathPrefix' as const), value: defined(urlPathOf(item.path)) },
    backend: item.broken ? undefined : { service: item.service, port: { number: item.port } },
    field: 'f',
  }));

const ingress = fc
  .record({
    name: fc.constantFrom('i1', 'i2', 'i3'),
    age: fc.constantFrom(0, 1, 2),
    className: fc.constantFrom(undefined, 'sluice', 'other', 'nobody'),
    fallback: fc.option(serviceNames, { nil: undefined }),
    rules: fc.array(fc.record({ host: hosts, paths: fc.array(path, { maxLength: 3 }) }), { maxLength: 3 }),
    tls: fc.array(fc.record({ host: hosts, secret: fc.constantFrom(undefined, 's1', 's2') }), { maxLength: 2 }),
  })
  .map((item): Ingress => ({
    meta: meta(item.name, item.age),
    className: item.className,
    isClassAnnotated: false,
    defaultBackend: item.fallback === undefined ? undefined : { service: item.fallback, port: { number: 80 } },
    rules: item.rules.map((rule) => ({
      host: rule.host === undefined ? undefined : defined(hostnameOf(rule.host)),
      paths: rule.paths,
    })),
    tls: item.tls.map((entry) => ({
      hosts: entry.host === undefined ? [] : [defined(hostnameOf(entry.host))],
      secretName: entry.secret,
      field: 'tls',
    })),
    policy: DEFAULT_POLICY,
  }));

const ingressClass = fc
  .record({ name: fc.constantFrom('other', 'main'), ours: fc.boolean(), isDefault: fc.boolean() })
  .map(({ name, ours, isDefault }): IngressClass => ({
    meta: { ...meta(name), namespace: '' },
    controller: ours ? DEFAULT_CONTROLLER_CLASS : 'example.com/other',
    isDefault,
  }));

const secret = fc
  .record({
    name: fc.constantFrom('s1', 's2'),
    version: fc.constantFrom('1', '2'),
    broken: fc.boolean(),
    dnsName: fc.constantFrom('x.test', '*.test'),
    isLater: fc.boolean(),
  })
  .map(({ name, version, broken, dnsName, isLater }): Secret => ({
    meta: meta(name),
    tls: broken
      ? {
          kind: 'broken',
          reason: 'CertificateUnreadable',
          message: 'it is',
          lastGood: version === '1' ? undefined : certificate(name, version, dnsName, isLater),
        }
      : { kind: 'certificate', certificate: certificate(name, version, dnsName, isLater) },
  }));

function certificate(name: string, version: string, dnsName: string, isLater: boolean): Certificate {
  return {
    fingerprint: `${name}${version}${dnsName}${String(isLater)}`,
    chainPem: version,
    keyPem: new SecretText('key'),
    dnsNames: [dnsName],
    commonName: '',
    notBeforeMs: isLater ? 50 : 0,
    notAfterMs: isLater ? 200 : 99,
  };
}

/** What is known of a Secret that has not been read. */
const unread = fc.constantFrom<Unread | undefined>(
  undefined,
  { kind: 'absent' },
  { kind: 'unreadable', message: 'the API server answered 500' },
);

/** How an object was before it changed. */
const former = (ingresses: fc.Arbitrary<Ingress>): fc.Arbitrary<Former> =>
  fc.oneof(
    ingresses.map((value): Former => ({ table: 'ingresses', key: keyOf(value.meta), value })),
    service.map((value): Former => ({ table: 'services', key: keyOf(value.meta), value })),
  );

type Step = (snapshot: Snapshot) => Snapshot;

type Table = 'services' | 'endpointSlices' | 'ingresses' | 'ingressClasses' | 'secrets';

/** Puts an object into a table, or takes the one of its name out of it. */
function put<Name extends Table>(table: Name, value: Tables[Name], isRemoved: boolean): Step {
  const key = keyOf(value.meta);
  return (snapshot) => ({
    ...snapshot,
    [table]: isRemoved ? snapshot[table].delete(key) : snapshot[table].set(key, value),
  });
}

const removal = fc.boolean();
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(service, removal).map(([value, gone]) => put('services', value, gone)),
  fc.tuple(slice, removal).map(([value, gone]) => put('endpointSlices', value, gone)),
  fc.tuple(ingress, fc.nat(3)).map(([value, n]) => put('ingresses', value, n === 0)),
  fc.tuple(ingressClass, removal).map(([value, gone]) => put('ingressClasses', value, gone)),
  fc.tuple(secret, fc.nat(3)).map(([value, n]) => put('secrets', value, n === 0)),
  fc.tuple(fc.constantFrom('s1', 's2'), unread).map(([name, value]): Step => {
    const id = `Secret/ns/${name}`;
    return (snapshot) => ({
      ...snapshot,
      unread: value === undefined ? snapshot.unread.delete(id) : snapshot.unread.set(id, value),
    });
  }),
  fc.tuple(former(ingress), removal).map(([value, gone]): Step => {
    const id = `${value.table === 'services' ? 'Service' : 'Ingress'}/${value.key}`;
    return (snapshot) => ({
      ...snapshot,
      former: gone ? snapshot.former.delete(id) : snapshot.former.set(id, value),
    });
  }),
  fc.boolean().map((isComplete): Step => {
    return (snapshot) => ({
      ...snapshot,
      complete: isComplete ? snapshot.complete.set('Secret', true) : snapshot.complete.delete('Secret'),
    });
  }),
  fc.constantFrom<Step>(
    (snapshot) => ({
      ...snapshot,
      resolvedNames: snapshot.resolvedNames.set('name.test', { addresses: [defined(ipAddressOf('192.0.2.9'))] }),
    }),
    (snapshot) => ({
      ...snapshot,
      resolvedNames: snapshot.resolvedNames.set('name.test', { addresses: [defined(ipAddressOf('127.0.0.1'))] }),
    }),
    (snapshot) => ({ ...snapshot, resolvedNames: snapshot.resolvedNames.delete('name.test') }),
  ),
);

/** The machine that name.test may lead to. */
const AT_THE_NAME: NodeFacts = { addresses: [defined(ipAddressOf('192.0.2.9'))] };

function printed(plan: Plan): unknown {
  return {
    hosts: plan.l7.hosts.sorted(),
    backends: plan.l7.backends.sorted(),
    certificates: plan.l7.certificates.sorted(),
    defaultCertificate: plan.l7.defaultCertificate,
    status: { ingresses: plan.status.ingresses.sorted(), addresses: plan.status.addresses },
    findings: plan.findings.sorted(),
    wants: plan.wants.objects.sorted(),
    names: plan.wants.names.sorted(),
  };
}

describe('Compiler', () => {
  it('gives the plan of a compile from nothing after any sequence of changes', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.array(step, { minLength: 1, maxLength: 4 }),
            fc.constantFrom(49, 50, 99, 100, 200, 201),
            fc.constantFrom(NO_NODE_FACTS, AT_THE_NAME),
          ),
          { maxLength: 12 },
        ),
        (batches) => {
          const compiler = new Compiler(SETTINGS);
          let snapshot = EMPTY_SNAPSHOT;
          for (const [steps, nowMs, node] of batches) {
            snapshot = steps.reduce((current, apply) => apply(current), snapshot);
            const plan = compiler.compile(snapshot, { nowMs, node });
            expect(printed(plan)).toEqual(printed(new Compiler(SETTINGS).compile(snapshot, { nowMs, node })));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('gives the same plan, the same objects in it, when nothing has changed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const snapshot = steps.reduce((current, apply) => apply(current), EMPTY_SNAPSHOT);
        const compiler = new Compiler(SETTINGS);
        const first = compiler.compile(snapshot, { nowMs: 1, node: NO_NODE_FACTS });
        const second = compiler.compile({ ...snapshot }, { nowMs: 1, node: NO_NODE_FACTS });
        expect(second.l7.hosts).toBe(first.l7.hosts);
        expect(second.l7.backends).toBe(first.l7.backends);
        expect(second.l7.certificates).toBe(first.l7.certificates);
        expect(second.status).toBe(first.status);
      }),
    );
  });
});
