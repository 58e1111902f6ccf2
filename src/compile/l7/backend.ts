import { digestOf } from '../../lib/digest.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { connectionKey, type EndpointConnection } from '../../model/http/endpoint-connection.ts';
import type { EndpointSlice, Service, ServicePort } from '../../model/service.ts';
import { endpointsOf } from '../endpoints.ts';
import type { BackendClass, BackendId, BackendPlan, BackendProtocol, ServerPlan } from '../plan.ts';

/**
 * Values of `appProtocol` that do not mean plain HTTP/1.1 (KEP-3726, and the service names of IANA): HTTP/2 without TLS, for which gRPC
 * users write `grpc`; and HTTP in TLS, of which WebSockets are a part.
 */
const PROTOCOLS: Readonly<Record<string, BackendProtocol>> = {
  'kubernetes.io/h2c': 'h2c',
  h2c: 'h2c',
  grpc: 'h2c',
  https: 'https',
  'kubernetes.io/wss': 'https',
  wss: 'https',
};

/** The port of a Service that a route names by its number: what it forwards speaks TCP. */
export function portOf(service: Service | undefined, number: number): ServicePort | undefined {
  return service?.ports.find((item) => item.port === number && item.protocol === 'TCP');
}

/** How the servers behind a Service port are spoken to, where a route may say otherwise. */
export function protocolOf(port: ServicePort | undefined, connection: EndpointConnection | undefined): BackendProtocol {
  const appProtocol = port?.appProtocol ?? '';
  const declared = Object.hasOwn(PROTOCOLS, appProtocol) ? (PROTOCOLS[appProtocol] ?? 'http') : 'http';
  const { version, tls } = connection ?? {};
  const isHttp2 = version === undefined ? declared === 'h2c' : version === 'h2';
  const isTls = tls === undefined ? declared === 'https' : tls !== 'none';
  if (isTls) return isHttp2 ? 'h2s' : 'https';
  return isHttp2 ? 'h2c' : 'http';
}

/**
 * The id of a backend. Underscores cannot stand in names of Kubernetes objects, so that the parts
 * never run into each other. The protocol is part of it because an engine cannot change it on a live server, the class because it cannot
 * change that of a backend. So is what is verified of endpoints and shown to them: other authorities are another backend, to which its
 * routes change over.
 */
export function backendId(
  namespace: string,
  service: string,
  port: number,
  protocol: BackendProtocol,
  backendClass: BackendClass,
  connection: EndpointConnection | undefined,
): BackendId {
  const parts = [namespace, service, String(port)];
  if (protocol !== 'http') parts.push(protocol);
  if (backendClass !== 'plain') parts.push(backendClass);
  // What a route says of it has a name of its own, also where the Service port says the same: each of the two goes when its routes do.
  const connected = connectionKey(connection);
  if (connected !== '') parts.push(`t${digestOf(connected)}`);
  // The brand is given here, where the parts are known to be names of admitted objects, a number, and words of ours.
  return parts.join('_') as BackendId;
}

/** What a route says of TLS to the servers. */
export function tlsOf(connection: EndpointConnection | undefined): BackendPlan['tls'] {
  return connection?.tls === 'none' ? undefined : connection?.tls;
}

/** What a Service port looks like from routes of a class that speak to it alike; `external` is where an ExternalName Service leads. Pure. */
export function backendOf(
  service: Service,
  portNumber: number,
  backendClass: BackendClass,
  connection: EndpointConnection | undefined,
  slices: readonly EndpointSlice[],
  external: readonly IpAddress[],
): BackendPlan {
  const { namespace, name } = service.meta;
  const port = portOf(service, portNumber);
  const protocol = protocolOf(port, connection);
  const servers =
    service.type === 'ExternalName'
      ? externalServers(portNumber, port, external)
      : port === undefined
        ? []
        : sliceServers(port, slices);
  return {
    id: backendId(namespace, name, portNumber, protocol, backendClass, connection),
    class: backendClass,
    namespace,
    service: name,
    port: portNumber,
    protocol,
    tls: tlsOf(connection),
    servers,
  };
}

function externalServers(
  portNumber: number,
  port: ServicePort | undefined,
  addresses: readonly IpAddress[],
): readonly ServerPlan[] {
  const target = typeof port?.targetPort === 'number' ? port.targetPort : portNumber;
  return addresses.map((address) => ({ address, port: target, state: 'ready' as const }));
}

/**
 * While an endpoint is ready, terminating ones drain. With none ready, those that still serve while
 * terminating take the traffic (KEP-1669).
 */
function sliceServers(port: ServicePort, slices: readonly EndpointSlice[]): readonly ServerPlan[] {
  const candidates = endpointsOf(port, slices);
  const hasReady = candidates.some((candidate) => candidate.ready);
  return candidates.flatMap((candidate) => {
    const { address, port: number, ready, serving, terminating } = candidate;
    if (ready) return [{ address, port: number, state: 'ready' }];
    if (!serving || !terminating) return [];
    return [{ address, port: number, state: hasReady ? 'draining' : 'ready' }];
  });
}
