import type { IpAddress } from '../model/grammar.ts';
import type { EndpointPort, EndpointSlice, Placement, ServicePort } from '../model/service.ts';

/** One endpoint of one Service port, from whichever of its slices. */
export interface ServiceEndpoint {
  readonly address: IpAddress;
  readonly port: number;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly placement: Placement;
}

/**
 * The endpoints of one Service port from all slices of its Service, merged and sorted by address and
 * port. They are matched by the port's name and protocol; targetPort is never read, because whoever
 * wrote the slices has resolved it (discovery.k8s.io/v1 EndpointPort).
 *
 * @param nodeName of two entries for one endpoint the one on this node counts, as for kube-proxy: policy Local may not miss it
 */
export function endpointsOf(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  nodeName?: string,
): readonly ServiceEndpoint[] {
  const found = new Map<string, ServiceEndpoint>();
  for (const { ports, endpoints } of slicesThatCount(slices).flatMap((slice) => slice.subsets)) {
    const matching = ports.filter((item) => isOf(item, port));
    for (const { port: number } of matching)
      for (const endpoint of endpoints) collect(found, { ...endpoint, port: number }, nodeName);
  }
  return [...found.values()].sort(byAddress);
}

/** Legacy Endpoints count only where there are no slices, because in a cluster they are mirrored into slices. */
export function slicesThatCount(slices: readonly EndpointSlice[]): readonly EndpointSlice[] {
  const modern = slices.filter((slice) => slice.kind === 'EndpointSlice');
  return modern.length > 0 ? modern : slices;
}

function isOf(slicePort: EndpointPort, port: ServicePort): boolean {
  return slicePort.name === port.name && slicePort.protocol === port.protocol;
}

/** An address in two slices, as while the slices are rebalanced, is one endpoint; the more able entry counts. */
function collect(found: Map<string, ServiceEndpoint>, endpoint: ServiceEndpoint, nodeName: string | undefined): void {
  const key = `${endpoint.address} ${String(endpoint.port)}`;
  const known = found.get(key);
  if (known === undefined || rank(known, nodeName) < rank(endpoint, nodeName)) found.set(key, endpoint);
}

function rank({ ready, serving, placement }: ServiceEndpoint, nodeName: string | undefined): number {
  const isHere = nodeName !== undefined && placement.nodeName === nodeName;
  return (isHere ? 3 : 0) + (ready ? 2 : serving ? 1 : 0);
}

/** One order for endpoints wherever they are listed. */
export function byAddress(
  a: { readonly address: string; readonly port: number },
  b: { readonly address: string; readonly port: number },
): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}
