/** Objects to put hostile strings into, and the objects beside them that must not notice. */
import { Authority } from '../fakes/apiserver/certificates.ts';

export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

const authority = new Authority('injection');
const targetPair = authority.issue('target.example.com', ['target.example.com', 'tls.target.example.com']);
const bystanderPair = authority.issue('bystander.example.com', ['bystander.example.com']);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Cast {
  readonly namespace: string;
  readonly host: string;
  readonly certificate: string;
  readonly key: string;
}

function service({ namespace }: Cast): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace, labels: { app: 'web' }, annotations: { note: 'n' }, uid: 'u-1' },
    spec: {
      type: 'ClusterIP',
      externalIPs: ['192.0.2.10'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http', appProtocol: 'kubernetes.io/h2c' }],
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.11' }, { hostname: 'lb.example.com' }] } },
  };
}

function endpointSlice({ namespace }: Cast): Json {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'web-1',
      namespace,
      labels: { 'kubernetes.io/service-name': 'web' },
      annotations: { note: 'n' },
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' }],
    endpoints: [
      { addresses: ['192.0.2.1'], nodeName: 'n1', zone: 'z1', hostname: 'h1', conditions: { ready: true } },
      { addresses: ['2001:db8::1'], targetRef: { kind: 'Pod', name: 'p' } },
    ],
  };
}

function ingress({ namespace, host }: Cast): Json {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name: 'web',
      namespace,
      uid: 'u-2',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'web' },
      annotations: {
        'kubernetes.io/ingress.class': 'sluice',
        'nginx.ingress.kubernetes.io/use-regex': 'true',
        'nginx.ingress.kubernetes.io/ssl-redirect': 'false',
        'nginx.ingress.kubernetes.io/rewrite-target': '/$1',
        'nginx.ingress.kubernetes.io/auth-type': 'basic',
        'nginx.ingress.kubernetes.io/auth-secret': 'users',
        'nginx.ingress.kubernetes.io/auth-secret-type': 'auth-file',
        'nginx.ingress.kubernetes.io/auth-realm': 'Realm 1',
        'nginx.ingress.kubernetes.io/auth-url': 'http://192.0.2.80:8080/check?a=1',
        'nginx.ingress.kubernetes.io/auth-method': 'POST',
        'nginx.ingress.kubernetes.io/auth-signin': 'https://in.example.com/start',
        'nginx.ingress.kubernetes.io/auth-signin-redirect-param': 'back',
        'nginx.ingress.kubernetes.io/auth-response-headers': 'X-User, X-Group',
        'nginx.ingress.kubernetes.io/auth-request-redirect': '$request_uri',
      },
    },
    spec: {
      ingressClassName: 'sluice',
      tls: [{ hosts: [host, `tls.${host}`], secretName: 'plain' }, { secretName: 'encoded' }],
      rules: [
        {
          host,
          http: {
            paths: [
              { path: '/prefix', pathType: 'Prefix', backend },
              { path: '/exact', pathType: 'Exact', backend: { service: { name: 'web', port: { name: 'http' } } } },
              { path: '/regex/[0-9]+', pathType: 'ImplementationSpecific', backend },
            ],
          },
        },
        { host: `*.${host}`, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } },
      ],
    },
  };
}

function secrets({ namespace, certificate, key }: Cast): readonly Json[] {
  const rest = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' };
  return [
    {
      ...rest,
      metadata: { name: 'plain', namespace, annotations: { note: 'n' } },
      stringData: { 'tls.crt': certificate, 'tls.key': key },
    },
    {
      ...rest,
      metadata: { name: 'encoded', namespace },
      data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) },
    },
    {
      ...rest,
      metadata: { name: 'users', namespace },
      stringData: { auth: 'ann:{PLAIN}one\n' },
    },
  ];
}

function legacy({ namespace, host }: Cast): readonly Json[] {
  return [
    {
      apiVersion: 'extensions/v1beta1',
      kind: 'Ingress',
      metadata: { name: 'old', namespace },
      spec: {
        rules: [
          { host: `old.${host}`, http: { paths: [{ path: '/', backend: { serviceName: 'old', servicePort: 80 } }] } },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'old', namespace },
      spec: { ports: [{ name: 'http', port: 80 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'old', namespace, labels: { app: 'old' } },
      subsets: [
        {
          addresses: [{ ip: '192.0.2.21', nodeName: 'n1', targetRef: { kind: 'Pod', name: 'p' } }],
          notReadyAddresses: [{ ip: '192.0.2.22' }],
          ports: [{ name: 'http', port: 8081, protocol: 'TCP' }],
        },
      ],
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'external', namespace },
      spec: { type: 'ExternalName', externalName: 'external.example.com', ports: [{ port: 80 }] },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'external', namespace },
      spec: {
        rules: [
          {
            host: `external.${host}`,
            http: {
              paths: [
                { path: '/', pathType: 'Prefix', backend: { service: { name: 'external', port: { number: 80 } } } },
              ],
            },
          },
        ],
      },
    },
  ];
}

const GATEWAY_API = 'gateway.networking.k8s.io/v1';

function gatewayApi({ namespace, host }: Cast): readonly Json[] {
  const backend = { name: 'web', port: 80 };
  const prefix = (value: string): Json => ({ type: 'PathPrefix', value });
  return [
    {
      apiVersion: GATEWAY_API,
      kind: 'Gateway',
      metadata: { name: 'edge', namespace, annotations: { note: 'n' } },
      spec: {
        gatewayClassName: 'sluice',
        tls: { backend: { clientCertificateRef: { name: 'plain' } }, frontend: { default: {} } },
        listeners: [
          { name: 'plain', port: 80, protocol: 'HTTP', hostname: `*.gw.${host}` },
          {
            name: 'secure',
            port: 443,
            protocol: 'HTTPS',
            hostname: `a.gw.${host}`,
            tls: { mode: 'Terminate', certificateRefs: [{ group: '', kind: 'Secret', name: 'plain' }] },
            allowedRoutes: { namespaces: { from: 'Same' }, kinds: [{ kind: 'HTTPRoute' }] },
          },
        ],
      },
    },
    {
      apiVersion: GATEWAY_API,
      kind: 'HTTPRoute',
      metadata: { name: 'web', namespace, creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        parentRefs: [
          { name: 'edge', sectionName: 'plain' },
          { name: 'edge', sectionName: 'secure' },
        ],
        hostnames: [`a.gw.${host}`, `*.b.gw.${host}`],
        rules: [
          { name: 'plain', matches: [{ path: prefix('/plain') }], backendRefs: [backend] },
          {
            matches: [
              {
                path: prefix('/conditions'),
                method: 'GET',
                headers: [
                  { type: 'Exact', name: 'X-A', value: 'b' },
                  { type: 'RegularExpression', name: 'X-B', value: '^[a-z]+$' },
                ],
                queryParams: [{ type: 'Exact', name: 'q', value: '1' }],
              },
              { path: { type: 'RegularExpression', value: '/regex/[0-9]+' } },
            ],
            filters: [
              {
                type: 'RequestHeaderModifier',
                requestHeaderModifier: { set: [{ name: 'X-Set', value: 'v' }], remove: ['X-Gone'] },
              },
              { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'X-Add', value: 'v' }] } },
              {
                type: 'URLRewrite',
                urlRewrite: {
                  hostname: 'to.example.com',
                  path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/to' },
                },
              },
            ],
            timeouts: { request: '10s', backendRequest: '2s' },
            backendRefs: [
              { ...backend, weight: 1 },
              { ...backend, namespace, weight: 3 },
            ],
          },
          {
            matches: [{ path: prefix('/redirect') }],
            filters: [
              {
                type: 'RequestRedirect',
                requestRedirect: {
                  scheme: 'https',
                  hostname: 'to.example.com',
                  path: { type: 'ReplaceFullPath', replaceFullPath: '/to' },
                  statusCode: 301,
                },
              },
            ],
          },
          {
            matches: [{ path: prefix('/cors') }],
            filters: [
              {
                type: 'CORS',
                cors: {
                  allowOrigins: ['https://a.example.com'],
                  allowMethods: ['GET'],
                  allowHeaders: ['X-A'],
                  exposeHeaders: ['X-B'],
                },
              },
            ],
            backendRefs: [backend],
          },
        ],
      },
    },
    {
      apiVersion: GATEWAY_API,
      kind: 'ReferenceGrant',
      metadata: { name: 'web', namespace },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'elsewhere' }],
        to: [{ group: '', kind: 'Service', name: 'web' }],
      },
    },
  ];
}

/** What is spoken in TLS to endpoints, and calls by gRPC. */
function endpointTls({ namespace, host, certificate }: Cast): readonly Json[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'authorities', namespace },
      data: { 'ca.crt': certificate, other: 'o' },
    },
    {
      apiVersion: GATEWAY_API,
      kind: 'BackendTLSPolicy',
      metadata: { name: 'tls', namespace, creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'tls', sectionName: 'https' }],
        validation: {
          hostname: `tls.${host}`,
          caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'authorities' }],
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'tls', namespace },
      spec: { ports: [{ name: 'https', port: 443 }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'tls-1', namespace, labels: { 'kubernetes.io/service-name': 'tls' } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port: 8443 }],
      endpoints: [{ addresses: ['192.0.2.9'], conditions: { ready: true } }],
    },
    {
      apiVersion: GATEWAY_API,
      kind: 'GRPCRoute',
      metadata: { name: 'calls', namespace, creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        parentRefs: [{ name: 'edge', sectionName: 'plain' }],
        hostnames: [`calls.gw.${host}`],
        rules: [
          {
            matches: [
              { method: { service: 'a.B', method: 'C' }, headers: [{ name: 'X-A', value: 'b' }] },
              { method: { type: 'RegularExpression', service: 'a[.]x', method: 'D.*' } },
            ],
            filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'X-S', value: 'v' }] } }],
            backendRefs: [{ name: 'tls', port: 443 }],
          },
        ],
      },
    },
  ];
}

function gatewayClass(name: string): Json {
  return {
    apiVersion: GATEWAY_API,
    kind: 'GatewayClass',
    metadata: { name },
    spec: { controllerName: 'sluice.dev/gateway', description: 'd' },
  };
}

function everything(cast: Cast): readonly Json[] {
  return [
    service(cast),
    endpointSlice(cast),
    ingress(cast),
    ...secrets(cast),
    ...legacy(cast),
    ...gatewayApi(cast),
    ...endpointTls(cast),
  ];
}

/** A default backend is for every host, so that only one of the two parties can have one. */
const catchAll: readonly Json[] = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'catch-all', namespace: 'target' },
    spec: { defaultBackend: { service: { name: 'web', port: { name: 'http' } } } },
  },
  {
    apiVersion: 'networking.k8s.io/v1beta1',
    kind: 'Ingress',
    metadata: { name: 'old-catch-all', namespace: 'target' },
    spec: { backend: { serviceName: 'old', servicePort: 'http' } },
  },
];

/** Valid objects of every kind that is read. Hostile strings go into them. */
export const targets: readonly Json[] = [
  ...everything({ namespace: 'target', host: 'target.example.com', ...targetPair }),
  ...catchAll,
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    // Not the class of the others: whoever changes the controller of a class takes it from Sluice.
    metadata: { name: 'targeted', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
    spec: { controller: 'sluice.dev/ingress', parameters: { kind: 'K', name: 'n', apiGroup: 'g' } },
  },
  // Likewise.
  gatewayClass('targeted'),
];

/** The same in another namespace, by somebody else. What is served of them must never depend on the targets. */
export const bystanders: readonly Json[] = [
  ...everything({ namespace: 'bystander', host: 'bystander.example.com', ...bystanderPair }),
  gatewayClass('sluice'),
];

/** A string inside an object: the value at a path, or the last key of the path. */
export interface Place {
  readonly path: readonly (string | number)[];
  readonly part: 'value' | 'key';
}

/** Every string in `json`, keys included. */
export function placesOf(json: Json, path: Place['path'] = []): readonly Place[] {
  if (typeof json === 'string') return [{ path, part: 'value' }];
  if (typeof json !== 'object') return [];
  if (isList(json)) return json.flatMap((item, index) => placesOf(item, [...path, index]));
  return Object.entries(json).flatMap(([key, value]) => {
    const below = [...path, key];
    return [{ path: below, part: 'key' as const }, ...placesOf(value, below)];
  });
}

/** The string at `place`. */
export function read(json: Json, { path, part }: Place): string {
  if (part === 'key') return String(path.at(-1));
  let value: Json | undefined = json;
  for (const step of path)
    if (typeof value === 'object') value = isList(value) ? value[Number(step)] : value[String(step)];
  return typeof value === 'string' ? value : '';
}

/** `json` with `text` at `place`. */
export function write(json: Json, { path, part }: Place, text: string): Json {
  const [step, ...rest] = path;
  if (step === undefined || typeof json !== 'object') return text;
  if (isList(json)) return json.map((item, index) => (index === step ? write(item, { path: rest, part }, text) : item));
  const isKey = part === 'key' && rest.length === 0;
  const entries = Object.entries(json).map(([key, value]): [string, Json] => {
    if (key !== step) return [key, value];
    return isKey ? [text, value] : [key, write(value, { path: rest, part }, text)];
  });
  return Object.fromEntries(entries);
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
