/** Every code that users can meet from compiling, with a way to meet it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../src/app/check.ts';
import { Compiler } from '../src/compile/compiler.ts';
import { NO_NODE_FACTS, type CompileSettings } from '../src/compile/settings.ts';
import { MOST_ENDPOINTS } from '../src/compile/l4/l4-plan.ts';
import { cidrOf } from '../src/model/cidr.ts';
import { ipAddressOf } from '../src/model/grammar.ts';
import { resourceOf } from '../src/model/kinds.ts';
import { NO_PLACE } from '../src/model/service.ts';
import { FINDING_CODES, type FindingReason } from '../src/model/codes.ts';
import { findingsOf } from '../src/observe/views.ts';
import { Mirror } from '../src/sources/cluster/mirror.ts';
import { readManifests } from '../src/sources/manifests/manifest-source.ts';
import { Store } from '../src/sources/store.ts';
import { ApiFault } from '../src/kube/api-fault.ts';
import { DEFAULT_L4 } from '../src/compile/l4/l4-settings.ts';
import { Authority } from './fakes/apiserver/certificates.ts';

interface Case {
  /** Files of a manifests folder. */
  readonly files?: Readonly<Record<string, string>>;
  readonly settings?: Partial<CompileSettings>;
  /** What else happens to the Store. */
  readonly meanwhile?: (store: Store) => void;
  /** At which time it is compiled; now, unless said otherwise. */
  readonly nowMs?: number;
  /** Other Findings that come along. */
  readonly beside?: readonly FindingReason[];
}

const authority = new Authority('authority');
const good = authority.issue('a.test', ['a.test']);

const ENDPOINTS = `---\n{ apiVersion: v1, kind: Endpoints, metadata: { name: web }, subsets: [{ addresses: [{ ip: 192.0.2.1 }], ports: [{ port: 8080 }] }] }\n`;

function service(rest = 'ports: [{ port: 80 }]', endpoints = ENDPOINTS): string {
  return `---\n{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { ${rest} } }\n${endpoints}`;
}

function ingress(spec: string, metadata = 'name: a'): string {
  return `---\n{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { ${metadata} }, spec: { ${spec} } }\n`;
}

const WEB = 'backend: { service: { name: web, port: { number: 80 } } }';

function rules(path: string, host = 'a.test'): string {
  return `rules: [{ host: "${host}", http: { paths: [{ ${path} }] } }]`;
}

function secret(data: Readonly<Record<string, string>>, name = 'tls'): string {
  return `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: data })}\n`;
}

/** An Ingress with TLS from a Secret with these. */
function tls(data: Readonly<Record<string, string>>): Record<string, string> {
  return {
    'a.yaml':
      service() + secret(data) + ingress(`tls: [{ secretName: tls, hosts: [a.test] }], ${rules(`path: /, ${WEB}`)}`),
  };
}

function pair({ certificate, key }: { readonly certificate: string; readonly key: string }): Record<string, string> {
  return { 'tls.crt': certificate, 'tls.key': key };
}

function only(spec: string, metadata?: string): Case {
  return { files: { 'a.yaml': service() + ingress(spec, metadata) } };
}

/** Two Ingresses that want a host with TLS from a Secret each. */
function twoCertificates(...pairs: readonly (typeof good)[]): Record<string, string> {
  const objects = pairs.map((item, index) => {
    const name = `tls-${String(index)}`;
    const spec = `tls: [{ secretName: ${name}, hosts: [a.test] }], ${rules(`path: /${name}, ${WEB}`)}`;
    return secret(pair(item), name) + ingress(spec, `name: ${name}`);
  });
  return { 'a.yaml': service() + objects.join('') };
}

const BASIC = 'nginx.ingress.kubernetes.io/auth-type: basic, nginx.ingress.kubernetes.io/auth-secret: users';

const use = rules(`path: /, ${WEB}`);

/** A node that programs its kernel, with ranges that are soon used up. */
const node: Partial<CompileSettings> = {
  l4: { ...DEFAULT_L4, nodeName: 'a' },
  allocation: {
    clusterIpRanges: ['10.0.0.0/24'].flatMap((text) => cidrOf(text) ?? []),
    nodePorts: { first: 30_000, last: 30_000 },
  },
};

function services(...specs: readonly string[]): Case {
  const text = specs.map((spec, index) => service(spec, '').replace('name: web', `name: web-${String(index)}`));
  return { files: { 'a.yaml': text.join('') }, settings: node };
}

const POOL =
  '---\n{ apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: { name: small, namespace: metallb-system }, spec: { addresses: [192.0.2.1-192.0.2.1] } }\n';

function balancer(name: string, annotations: string, spec = ''): string {
  return service(`${spec} type: LoadBalancer, ports: [{ port: 80 }]`, '').replace(
    'name: web',
    `name: ${name}, annotations: { ${annotations} }`,
  );
}

/** What becomes of Services where addresses come from pools. */
function balanced(...texts: readonly string[]) {
  const addresses = { className: undefined, pool: [], reportsMissingPools: true };
  return { files: { 'a.yaml': texts.join('') }, settings: { addresses } } satisfies Case;
}

const ADVERTISEMENT =
  '---\n{ apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: { name: l2, namespace: metallb-system }, spec: { ipAddressPools: [small] } }\n';

function announced(text: string, count = 1): Case {
  const { files, settings } = balanced(POOL, text);
  return {
    files,
    settings: {
      ...settings,
      announce: { nodeName: 'a', routers: { first: 1, count }, published: { pool: [], className: undefined } },
    },
  };
}

/** Served by what a ConfigMap says. */
function configured(data: string): Case {
  const text = `---\n{ apiVersion: v1, kind: ConfigMap, metadata: { name: settings }, data: { ${data} } }\n`;
  return { files: { 'a.yaml': service() + ingress(use) + text }, settings: { configMap: 'default/settings' } };
}

/** A Gateway, and a route on it to a Service that is there. */
function gateway(listener: string, rule = 'backendRefs: [{ name: web, port: 80 }]', rest = ''): string {
  const api = '---\n{ apiVersion: gateway.networking.k8s.io/v1, kind:';
  return `${service()}${api} Gateway, metadata: { name: g }, spec: { gatewayClassName: sluice, listeners: [{ name: a, port: 80, protocol: HTTP, ${listener} }], ${rest} } }
${api} HTTPRoute, metadata: { name: r }, spec: { parentRefs: [{ name: g }], rules: [{ ${rule} }] } }\n`;
}

function metallb(kind: string, spec: string, name = 'x', created = ''): string {
  const version = kind === 'BGPPeer' ? 'v1beta2' : 'v1beta1';
  return `---\n{ apiVersion: metallb.io/${version}, kind: ${kind}, metadata: { name: ${name}, namespace: metallb-system, ${created} }, spec: { ${spec} } }\n`;
}

const PEER = 'myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.254';

/** What is said of objects of BGP, on a node. */
function spoken(...texts: readonly string[]): Case {
  const { files, settings } = balanced(POOL, ...texts);
  return {
    files,
    settings: { ...settings, bgp: { nodeName: 'a', isOnlyWay: true, published: { pool: [], className: undefined } } },
  };
}

/**
 * What an engine refuses, or the network, is known to its plane alone: `test/traffic/refusals.test.ts`, `src/planes/l4/plane.test.ts` and
 * `src/app/announce-report.test.ts` have these.
 */
type OfEngines = 'RefusedByHaproxy' | 'RefusedByKernel' | 'AddressDuplicate';

const cases: Readonly<Record<Exclude<FindingReason, OfEngines>, Case>> = {
  ManifestUnreadable: { files: { 'a.yaml': 'kind: [unclosed' } },
  ObjectMalformed: { files: { 'a.yaml': service('ports: 5') } },
  ObjectTooLarge: { files: { 'a.yaml': service(`ports: [], externalName: "${'x'.repeat(2 ** 20)}"`) } },
  NameInvalid: only('', 'name: "A;"'),
  ObjectDuplicate: { files: { 'a.yaml': service(), 'b.yaml': service(undefined, '') } },
  FieldUnknown: { files: { 'a.yaml': service('ports: [{ port: 80 }], selectors: {}') } },
  PathWildcard: only(rules(`path: "/*", ${WEB}`)),
  RuleSplit: only(`rules: [{ host: a.test }, { http: { paths: [{ path: /, ${WEB} }] } }]`),
  HostInvalid: {
    ...only(`${rules(`path: /, ${WEB}`, 'a;b')}, defaultBackend: { service: { name: web, port: { number: 80 } } }`),
  },
  PathInvalid: only(`${rules(`path: x, ${WEB}`)}, defaultBackend: { service: { name: web, port: { number: 80 } } }`),
  PathTypeUnknown: only(
    `${rules(`path: /, pathType: X, ${WEB}`)}, defaultBackend: { service: { name: web, port: { number: 80 } } }`,
  ),
  RegexInvalid: only(
    `${rules(`path: "/(", ${WEB}`)}, defaultBackend: { service: { name: web, port: { number: 80 } } }`,
    'name: a, annotations: { nginx.ingress.kubernetes.io/use-regex: "true" }',
  ),
  BackendResourceUnsupported: only(rules('path: /, backend: { resource: { kind: B, name: b } }')),
  BackendMissing: only(rules('path: /')),
  ServiceNotFound: { files: { 'a.yaml': ingress(use) } },
  ServicePortNotFound: only(rules('path: /, backend: { service: { name: web, port: { number: 81 } } }')),
  PathConflict: { files: { 'a.yaml': service() + ingress(use) + ingress(use, 'name: b') } },
  IngressClassUnknown: { ...only(`ingressClassName: nobody, ${use}`), settings: { mode: 'cluster' } },
  IngressClassForeign: {
    files: {
      'a.yaml': `${ingress(`ingressClassName: theirs, ${use}`)}---\n{ apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: { name: theirs }, spec: { controller: x } }\n`,
    },
  },
  CatchAllDisabled: {
    ...only(`defaultBackend: { service: { name: web, port: { number: 80 } } }, ${use}`),
    settings: { disablesCatchAll: true },
  },
  AnnotationInvalid: only(use, 'name: a, annotations: { nginx.ingress.kubernetes.io/ssl-redirect: "perhaps" }'),
  IngressEmpty: only(''),
  AccessRestrictionIgnored: only(
    use,
    'name: a, annotations: { nginx.ingress.kubernetes.io/enable-modsecurity: "true" }',
  ),
  AccessRestrictionUnsupported: only(
    use,
    'name: a, annotations: { nginx.ingress.kubernetes.io/auth-proxy-set-headers: h }',
  ),
  AnnotationUnsupported: only(use, 'name: a, annotations: { nginx.ingress.kubernetes.io/mirror-target: / }'),
  ConfigMapNotFound: { files: { 'a.yaml': service() + ingress(use) }, settings: { configMap: 'default/settings' } },
  ConfigMapUnreadable: {
    files: { 'a.yaml': service() + ingress(use) },
    settings: { configMap: 'default/settings' },
    meanwhile: (store) => {
      const value = { kind: 'unreadable', message: 'the API server answered 403' } as const;
      store.commit([{ table: 'unread', key: 'ConfigMap/default/settings', value }]);
    },
  },
  CustomHeadersUnusable: only(
    use,
    'name: a, annotations: { nginx.ingress.kubernetes.io/custom-headers: default/absent }',
  ),
  ConfigKeyUnknown: configured('proxy-body-sise: 1m'),
  ConfigValueInvalid: configured('proxy-body-size: large'),
  ConfigKeyUnsupported: configured('enable-brotli: "true"'),
  ConfigRestrictionUnsupported: configured('http-snippet: "deny all;"'),
  AuthServerNotFound: only(
    use,
    'name: a, annotations: { nginx.ingress.kubernetes.io/auth-url: "http://auth.default.svc.cluster.local/x" }',
  ),
  PasswordsMissing: only(use, `name: a, annotations: { ${BASIC} }`),
  PasswordUnusable: {
    files: {
      'a.yaml': service() + secret({ auth: 'ann:raw' }, 'users') + ingress(use, `name: a, annotations: { ${BASIC} }`),
    },
  },
  SecretNotFound: only(`tls: [{ secretName: tls }], ${use}`),
  SecretNotTls: { files: tls({ password: 'x' }) },
  CertificateUnreadable: { files: tls({ 'tls.crt': 'x', 'tls.key': 'y' }) },
  SecretUnreadable: {
    ...only(`tls: [{ secretName: tls }], ${use}`),
    meanwhile: (store) => {
      const value = { kind: 'unreadable', message: 'the API server answered 500' } as const;
      store.commit([{ table: 'unread', key: 'Secret/default/tls', value }]);
    },
  },
  CertificateKeyMismatch: { files: tls(pair({ ...good, key: authority.issue('b.test').key })) },
  CertificateExpired: { files: tls(pair(good)), nowMs: Date.UTC(2100, 0) },
  CertificateHostMismatch: { files: tls(pair(authority.issue('b.test', ['b.test']))) },
  CertificateCommonNameOnly: { files: tls(pair(authority.issue('a.test'))) },
  CertificateConflict: { files: twoCertificates(good, authority.issue('a.test', ['a.test'])) },
  CertificateTooWeak: {
    files: tls(pair(authority.issueFor('a.test', generateKeyPairSync('rsa', { modulusLength: 1024 }), ['a.test']))),
  },
  ServicePortUnusable: { files: { 'a.yaml': service('ports: [{ port: 80, protocol: UDP }]') + ingress(use) } },
  ExternalNameUnresolved: {
    files: { 'a.yaml': service('type: ExternalName, externalName: x.test') + ingress(use) },
    meanwhile: (store) => store.commit([{ table: 'resolvedNames', key: 'x.test', value: { addresses: [] } }]),
  },
  ExternalNameLocal: {
    files: { 'a.yaml': service('type: ExternalName, externalName: 127.0.0.1') + ingress(use) },
    settings: { allowsLocalExternalNames: false },
  },
  EndpointSliceUnowned: {
    files: {
      'a.yaml': '{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: a }, endpoints: [] }',
    },
  },
  EndpointsMissing: { files: { 'a.yaml': service('ports: [{ port: 80 }]', '') + ingress(use) } },
  EndpointPortMissing: { files: { 'a.yaml': service('ports: [{ name: http, port: 80 }]') + ingress(use) } },
  AddressInvalid: { files: { 'a.yaml': service('ports: [{ port: 80 }], externalIPs: [1.2.3]') } },
  PortInvalid: { files: { 'a.yaml': service('ports: [{ port: 0 }]') } },
  VirtualAddressConflict: services(
    'clusterIP: 10.0.0.1, ports: [{ port: 80 }]',
    'clusterIP: 10.0.0.1, ports: [{ port: 81 }]',
  ),
  NodePortConflict: services(
    'type: NodePort, ports: [{ port: 80, nodePort: 30000 }]',
    'type: NodePort, ports: [{ port: 80, nodePort: 30000 }]',
  ),
  NodePortOutOfRange: services('type: NodePort, ports: [{ port: 80, nodePort: 29999 }]'),
  NodePortUnavailable: services('type: NodePort, ports: [{ name: a, port: 80 }, { name: b, port: 81 }]'),
  ClusterIpUnavailable: services('ipFamilies: [IPv6], ports: [{ port: 80 }]'),
  ClusterIpOutOfRange: services('clusterIP: 127.0.0.1, ports: [{ port: 80 }]'),
  EndpointsTooMany: {
    ...services('ports: [{ port: 80 }]'),
    meanwhile: (store) => {
      const meta = { namespace: 'default', name: 'web-0-x', uid: '', createdMs: 0 };
      const addresses = Array.from(
        { length: MOST_ENDPOINTS + 1 },
        (_, n) => `10.1.${String(n >> 8)}.${String(n & 255)}`,
      );
      const endpoints = addresses
        .flatMap((text) => ipAddressOf(text) ?? [])
        .map((address) => ({ address, ready: true, serving: true, terminating: false, placement: NO_PLACE }));
      const ports = [{ name: '', port: 80, protocol: 'TCP' as const, appProtocol: undefined }];
      const subsets = [{ ports, endpoints }];
      const value = { meta, kind: 'EndpointSlice' as const, service: 'web-0', isHeadless: false, subsets };
      store.commit([{ table: 'endpointSlices', key: 'default/web-0-x', value }]);
    },
  },
  ExternalIpDenied: services('externalIPs: [192.0.2.1], ports: [{ port: 80 }]'),
  AddressPoolExhausted: balanced(POOL, balancer('a', ''), balancer('b', '')),
  AddressPoolUnknown: balanced(POOL, balancer('a', 'metallb.io/address-pool: other')),
  AddressOutsidePools: balanced(POOL, balancer('a', 'metallb.io/loadBalancerIPs: 192.0.2.9')),
  AddressInUse: balanced(
    POOL,
    balancer('a', 'metallb.io/loadBalancerIPs: 192.0.2.1'),
    balancer('b', 'metallb.universe.tf/loadBalancerIPs: 192.0.2.1'),
  ),
  AddressRequestInvalid: balanced(
    POOL,
    balancer('a', 'metallb.io/loadBalancerIPs: 192.0.2.1', 'loadBalancerIP: 192.0.2.1,'),
  ),
  AddressFamilyUnavailable: balanced(POOL, balancer('a', '', 'ipFamilies: [IPv6],')),
  AddressPoolNotForService: balanced(
    POOL.replace('spec: {', 'spec: { serviceAllocation: { namespaces: [other] },'),
    balancer('a', 'metallb.io/address-pool: small'),
  ),
  AddressPoolOverlap: balanced(POOL.replace('[', '[192.0.2.0/24, ')),
  AddressPoolMissing: balanced(balancer('a', '')),
  GatewayClassUnknown: { files: { 'a.yaml': gateway('') }, settings: { mode: 'cluster' } },
  GatewayNotAccepted: {
    files: { 'a.yaml': gateway('', undefined, 'addresses: [{ type: Hostname, value: a.test }]') },
  },
  ListenerNotServed: {
    files: { 'a.yaml': gateway('allowedRoutes: { kinds: [{ kind: HTTPRoute }, { kind: TCPRoute }] }') },
  },
  RouteNotAttached: {
    files: {
      'a.yaml': gateway('allowedRoutes: { namespaces: { from: Selector, selector: { matchLabels: { a: b } } } }'),
    },
  },
  RouteBackendUnresolved: { files: { 'a.yaml': gateway('', 'backendRefs: [{ name: gone, port: 80 }]') } },
  RouteFeatureUnsupported: {
    files: { 'a.yaml': gateway('', 'retry: {}, backendRefs: [{ name: web, port: 80 }]') },
  },
  RouteBackendTlsInvalid: {
    files: {
      'a.yaml': `${gateway('', 'backendRefs: [{ name: web, port: 80 }]')}
---
{ apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: { name: web }, spec: { targetRefs: [{ group: '', kind: Service, name: web }], validation: { hostname: web.test, caCertificateRefs: [{ group: '', kind: ConfigMap, name: absent }] } } }`,
    },
  },
  AddressNotAnnounced: announced(ADVERTISEMENT.replace('[small]', '[other]') + balancer('a', '')),
  VirtualRoutersExhausted: announced(balancer('a', '', 'externalTrafficPolicy: Local,'), 0),
  BgpValueInvalid: spoken(metallb('BGPPeer', `${PEER}, holdTime: 2s`)),
  BgpFieldUnsupported: spoken(metallb('BFDProfile', 'echoMode: true')),
  BgpReferenceMissing: spoken(metallb('BGPPeer', `${PEER}, bfdProfile: fast`)),
  BgpPasswordUnusable: spoken(metallb('BGPPeer', `${PEER}, passwordSecret: { name: absent }`)),
  BgpPeerDuplicate: spoken(metallb('BGPPeer', PEER), metallb('BGPPeer', PEER, 'y')),
  BgpLocalPrefConflict: spoken(
    metallb('BGPPeer', PEER),
    metallb('BGPAdvertisement', 'localPref: 100'),
    metallb('BGPAdvertisement', 'localPref: 200', 'y'),
  ),
  BgpAggregationTooWide: spoken(
    metallb('BGPAdvertisement', 'aggregationLength: 24'),
    metallb('BGPAdvertisement', '', 'y'),
    balancer('a', ''),
  ),
  SourceForbidden: {
    meanwhile: (store) => {
      const mirror = new Mirror(store, { resource: resourceOf('Secret'), namespace: 'a' }, () => {});
      const cause = new ApiFault('LIST', {
        status: 403,
        reason: 'Forbidden',
        message: 'no',
        causes: [],
        retryAfterMs: undefined,
      });
      mirror.state({ kind: 'forbidden', verbs: ['list'], cause });
    },
  },
};

const root = mkdtempSync(join(tmpdir(), 'sluice-findings-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('Findings', () => {
  it.each(Object.entries(cases))(
    '%s',
    (reason, { files = {}, settings = {}, meanwhile, nowMs = Date.now(), beside = [] }) => {
      const folder = mkdtempSync(join(root, 'case-'));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      const store = new Store();
      readManifests(folder, store);
      meanwhile?.(store);
      const plan = new Compiler({ ...STANDALONE_SETTINGS, ...settings }).compile(store.snapshot, {
        nowMs,
        node: NO_NODE_FACTS,
      });
      const found = findingsOf(plan);
      expect(found.map((item) => item.reason)).toEqual([reason, ...beside]);
      expect(found[0]?.message).not.toBe('');
      expect(found[0]?.remedy).not.toBe('');
    },
  );

  it('are none where two Ingresses have copies of one certificate', () => {
    const folder = mkdtempSync(join(root, 'case-'));
    for (const [name, text] of Object.entries(twoCertificates(good, good))) writeFileSync(join(folder, name), text);
    const store = new Store();
    readManifests(folder, store);
    const plan = new Compiler(STANDALONE_SETTINGS).compile(store.snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS });
    expect(findingsOf(plan)).toEqual([]);
  });

  it('have codes of their own, which fit the reason of an Event', () => {
    const codes = Object.values(FINDING_CODES).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const reason of Object.keys(FINDING_CODES)) expect(reason).toMatch(/^[A-Z][A-Za-z]{1,127}$/);
  });
});
