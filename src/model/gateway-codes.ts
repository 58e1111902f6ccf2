import type { CodeEntry } from './code-entry.ts';

/** The Findings about Gateway API. */
export const GATEWAY_CODES = {
  GatewayClassUnknown: {
    code: 'SLU701',
    severity: 'error',
    title: 'A Gateway names a GatewayClass that does not exist or belongs to another controller; it is not served.',
    remedy: 'Name a GatewayClass with controllerName: sluice.dev/gateway.',
  },
  GatewayNotAccepted: {
    code: 'SLU702',
    severity: 'error',
    title: 'A Gateway asks for something as a whole that it cannot have, such as an address or parameters.',
    remedy: 'Leave the field out, or ask for what the message names.',
  },
  ListenerNotServed: {
    code: 'SLU703',
    severity: 'error',
    title: 'A listener of a Gateway is not served, or not as it is written; its other listeners are.',
    remedy: 'Correct the listener as the message says.',
  },
  RouteNotAttached: {
    code: 'SLU704',
    severity: 'error',
    title: 'A route is not attached to a Gateway that it names, so that it gets no requests from there.',
    remedy: 'Compare parentRefs and hostnames of the route with the listeners of the Gateway and their allowedRoutes.',
  },
  RouteBackendUnresolved: {
    code: 'SLU705',
    severity: 'error',
    title: 'A backend of a route cannot be had; the requests that would go there are answered 500.',
    remedy: 'Create the Service or the ReferenceGrant, or correct the reference.',
  },
  RouteFeatureUnsupported: {
    code: 'SLU706',
    severity: 'error',
    title:
      'A route asks for something that is not served yet. Its rule answers 500, or takes no requests where only a condition tells which.',
    remedy: 'Remove the field, if the rule means the same without it.',
  },
  RouteBackendTlsInvalid: {
    code: 'SLU707',
    severity: 'error',
    title:
      'A BackendTLSPolicy for a backend of a route cannot be followed. Where nothing is left to verify endpoints by, its requests are answered 500.',
    remedy: 'Correct the policy or the ConfigMap that it refers to, as the message says.',
  },
} as const satisfies Readonly<Record<string, CodeEntry>>;
