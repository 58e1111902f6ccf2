import { LABEL_SELECTOR, type ObjectShape } from '../field-shape.ts';

const REFERENCE: ObjectShape = { group: 'any', kind: 'any', namespace: 'any', name: 'any' };

const PARENT: ObjectShape = { ...REFERENCE, sectionName: 'any', port: 'any' };

const SERVICE_REFERENCE: ObjectShape = { ...REFERENCE, port: 'any' };

const NAMESPACES: ObjectShape = { from: 'any', selector: LABEL_SELECTOR };

const CLIENT_VALIDATION: ObjectShape = { validation: { caCertificateRefs: [REFERENCE], mode: 'any' } };

const HEADER_MODIFIER: ObjectShape = {
  set: [{ name: 'any', value: 'any' }],
  add: [{ name: 'any', value: 'any' }],
  remove: 'any',
};

const PATH_MODIFIER: ObjectShape = { type: 'any', replaceFullPath: 'any', replacePrefixMatch: 'any' };

const HTTP_FILTER: ObjectShape = {
  type: 'any',
  requestHeaderModifier: HEADER_MODIFIER,
  responseHeaderModifier: HEADER_MODIFIER,
  requestMirror: {
    backendRef: SERVICE_REFERENCE,
    percent: 'any',
    fraction: { numerator: 'any', denominator: 'any' },
  },
  requestRedirect: { scheme: 'any', hostname: 'any', path: PATH_MODIFIER, port: 'any', statusCode: 'any' },
  urlRewrite: { hostname: 'any', path: PATH_MODIFIER },
  cors: {
    allowOrigins: 'any',
    allowCredentials: 'any',
    allowMethods: 'any',
    allowHeaders: 'any',
    exposeHeaders: 'any',
    maxAge: 'any',
  },
  extensionRef: REFERENCE,
  externalAuth: 'any',
};

const HTTP_MATCH: ObjectShape = {
  path: { type: 'any', value: 'any' },
  headers: [{ type: 'any', name: 'any', value: 'any' }],
  queryParams: [{ type: 'any', name: 'any', value: 'any' }],
  method: 'any',
};

/** What each kind of Gateway API has besides apiVersion, kind and metadata, in the standard and in the experimental channel of 1.6. */
export const GATEWAY_FIELDS = {
  GatewayClass: { spec: { controllerName: 'any', parametersRef: REFERENCE, description: 'any' }, status: 'any' },
  Gateway: {
    spec: {
      gatewayClassName: 'any',
      listeners: [
        {
          name: 'any',
          hostname: 'any',
          port: 'any',
          protocol: 'any',
          tls: { mode: 'any', certificateRefs: [REFERENCE], options: 'any' },
          allowedRoutes: { namespaces: NAMESPACES, kinds: [{ group: 'any', kind: 'any' }] },
        },
      ],
      addresses: [{ type: 'any', value: 'any' }],
      infrastructure: { labels: 'any', annotations: 'any', parametersRef: REFERENCE },
      allowedListeners: { namespaces: NAMESPACES },
      tls: {
        backend: { clientCertificateRef: REFERENCE },
        frontend: { default: CLIENT_VALIDATION, perPort: [{ port: 'any', tls: CLIENT_VALIDATION }] },
      },
      defaultScope: 'any',
    },
    status: 'any',
  },
  HTTPRoute: {
    spec: {
      parentRefs: [PARENT],
      useDefaultGateways: 'any',
      hostnames: 'any',
      rules: [
        {
          name: 'any',
          matches: [HTTP_MATCH],
          filters: [HTTP_FILTER],
          backendRefs: [{ ...SERVICE_REFERENCE, weight: 'any', filters: [HTTP_FILTER] }],
          timeouts: { request: 'any', backendRequest: 'any' },
          retry: 'any',
          sessionPersistence: 'any',
        },
      ],
    },
    status: 'any',
  },
  GRPCRoute: {
    spec: {
      parentRefs: [PARENT],
      useDefaultGateways: 'any',
      hostnames: 'any',
      rules: [
        {
          name: 'any',
          matches: [
            {
              method: { type: 'any', service: 'any', method: 'any' },
              headers: [{ type: 'any', name: 'any', value: 'any' }],
            },
          ],
          filters: [HTTP_FILTER],
          backendRefs: [{ ...SERVICE_REFERENCE, weight: 'any', filters: [HTTP_FILTER] }],
          sessionPersistence: 'any',
        },
      ],
    },
    status: 'any',
  },
  BackendTLSPolicy: {
    spec: {
      targetRefs: [{ group: 'any', kind: 'any', name: 'any', sectionName: 'any' }],
      validation: {
        caCertificateRefs: [{ group: 'any', kind: 'any', name: 'any' }],
        wellKnownCACertificates: 'any',
        hostname: 'any',
        subjectAltNames: 'any',
      },
      options: 'any',
    },
    status: 'any',
  },
  ReferenceGrant: {
    spec: {
      from: [{ group: 'any', kind: 'any', namespace: 'any' }],
      to: [{ group: 'any', kind: 'any', name: 'any' }],
    },
  },
} as const satisfies Readonly<Record<string, ObjectShape>>;
