import type { IpAddress } from '../../model/grammar.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import type { Endpoint, EndpointPort, EndpointSlice, Service, ServicePort } from '../../model/service.ts';
import type { ResolvedName } from '../../model/snapshot.ts';
import type { BackendId, BackendPlan, BackendProtocol, ServerPlan } from '../plan.ts';

/** `appProtocol` values that mean HTTP/2 without TLS (KEP-3726; `grpc` is what gRPC users write). */
const H2C_PROTOCOLS: ReadonlySet<string> = new Set(['kubernetes.io/h2c', 'grpc', 'h2c']);

/** How the servers behind a Service port are spoken to. */
export function protocolOf(port: ServicePort | undefined): BackendProtocol {
  return port?.appProtocol !== undefined && H2C_PROTOCOLS.has(port.appProtocol) ? 'h2c' : 'http';
}

/**
 * The id of a backend. Underscores cannot stand in names of Kubernetes objects, so that the parts
 * never run into each other. The protocol is part of it because an engine cannot change it on a live server.
 */
export function backendId(namespace: string, service: string, port: number, protocol: BackendProtocol): BackendId {
  const suffix = protocol === 'h2c' ? '_h2c' : '';
  // The brand is given here, where the parts are known to be names of admitted objects and a number.
  return `${namespace}_${service}_${String(port)}${suffix}` as BackendId;
}

/** What a Service port looks like from a route. Pure. */
export function backendOf(
  service: Service,
  portNumber: number,
  slices: readonly EndpointSlice[],
  resolvedName: ResolvedName | undefined,
): BackendPlan {
  const { namespace, name } = service.meta;
  const port = service.ports.find((item) => item.port === portNumber && item.protocol === 'TCP');
  const protocol = protocolOf(port);
  const servers =
    service.type === 'ExternalName'
      ? externalServers(service, portNumber, port, resolvedName)
      : port === undefined
        ? []
        : sliceServers(port, slices);
  return {
    id: backendId(namespace, name, portNumber, protocol),
    namespace,
    service: name,
    port: portNumber,
    protocol,
    servers,
  };
}

function externalServers(
  service: Service,
  portNumber: number,
  port: ServicePort | undefined,
  resolvedName: ResolvedName | undefined,
): readonly ServerPlan[] {
  const target = typeof port?.targetPort === 'number' ? port.targetPort : portNumber;
  const literal = service.externalName === undefined ? undefined : ipAddressOf(service.externalName);
  const addresses = literal === undefined ? (resolvedName?.addresses ?? []) : [literal];
  return addresses.map((address) => ({ address, port: target, state: 'ready' as const }));
}

/**
 * The servers of one Service port from all its slices, merged and de-duplicated.
 *
 * While an endpoint is ready, terminating ones drain. With none ready, those that still serve while
 * terminating take the traffic (KEP-1669). Legacy Endpoints count only where there are no slices,
 * because in a cluster they are mirrored into slices.
 */
function sliceServers(port: ServicePort, slices: readonly EndpointSlice[]): readonly ServerPlan[] {
  const modern = slices.filter((slice) => slice.kind === 'EndpointSlice');
  const found = new Map<string, Candidate>();
  for (const { ports, endpoints } of (modern.length > 0 ? modern : slices).flatMap((slice) => slice.subsets)) {
    for (const slicePort of ports) {
      if (slicePort.name !== port.name || slicePort.protocol !== 'TCP') continue;
      for (const endpoint of endpoints) collect(found, endpoint, slicePort);
    }
  }
  const candidates = [...found.values()];
  const ready = candidates.filter((candidate) => candidate.ready);
  const terminating = candidates.filter((candidate) => !candidate.ready && candidate.serving && candidate.terminating);
  const servers =
    ready.length > 0
      ? [...ready.map((item) => serverOf(item, 'ready')), ...terminating.map((item) => serverOf(item, 'draining'))]
      : terminating.map((item) => serverOf(item, 'ready'));
  return servers.sort(byAddress);
}

interface Candidate {
  readonly address: IpAddress;
  readonly port: number;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** An address in two slices, as while the slices are rebalanced, is one server; the more able entry counts. */
function collect(found: Map<string, Candidate>, endpoint: Endpoint, slicePort: EndpointPort): void {
  const key = `${endpoint.address} ${String(slicePort.port)}`;
  const known = found.get(key);
  if (known !== undefined && rank(known) >= rank(endpoint)) return;
  const { address, ready, serving, terminating } = endpoint;
  found.set(key, { address, port: slicePort.port, ready, serving, terminating });
}

function rank(item: { readonly ready: boolean; readonly serving: boolean }): number {
  return item.ready ? 2 : item.serving ? 1 : 0;
}

function serverOf(candidate: Candidate, state: ServerPlan['state']): ServerPlan {
  return { address: candidate.address, port: candidate.port, state };
}

function byAddress(a: ServerPlan, b: ServerPlan): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}
