import type { ServiceTraffic } from '../../model/service.ts';
import type { ServiceEndpoint } from '../endpoints.ts';

/** Who chooses: the node, and where it stands. */
export interface Chooser {
  readonly nodeName: string;
  readonly zone: string | undefined;
  /**
   * Standalone: nobody writes hints, nor the zone of an endpoint, so that they follow from where endpoints stand. The zone of a node by
   * its name.
   */
  readonly derivesHints: { readonly zoneOf: (node: string) => string | undefined } | undefined;
}

/** The endpoints of a Service port for either traffic policy; sorted as they came. */
export interface ChosenEndpoints {
  readonly cluster: readonly ServiceEndpoint[];
  readonly local: readonly ServiceEndpoint[];
}

/**
 * Chooses endpoints as kube-proxy's topology.go does: ready ones, for policy Cluster narrowed by
 * hints; with none ready, those that still serve while terminating (KEP-1669), hints or not.
 * The two lists are independent of each other, and policy Local never leaves the node.
 */
export function chooseEndpoints(
  endpoints: readonly ServiceEndpoint[],
  distribution: ServiceTraffic['distribution'],
  chooser: Chooser,
): ChosenEndpoints {
  const onNode = endpoints.filter(({ placement }) => placement.nodeName === chooser.nodeName);
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return {
    cluster: ready.length > 0 ? narrowed(ready, distribution, chooser) : fallback(endpoints),
    local: orFallback(
      onNode.filter((endpoint) => endpoint.ready),
      onNode,
    ),
  };
}

function orFallback(ready: readonly ServiceEndpoint[], all: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
  return ready.length > 0 ? ready : fallback(all);
}

function fallback(endpoints: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
  return endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating);
}

interface Hints {
  readonly forNodes: readonly string[];
  readonly forZones: readonly string[];
}

/**
 * Hints for nodes before hints for zones (KEP-3015). A kind of hint counts only when every ready
 * endpoint has one and at least one is meant for us, so that a half-written slice narrows nothing.
 */
function narrowed(
  ready: readonly ServiceEndpoint[],
  distribution: ServiceTraffic['distribution'],
  chooser: Chooser,
): readonly ServiceEndpoint[] {
  const hinted = ready.map((endpoint) => ({ endpoint, hints: hintsOf(endpoint, distribution, chooser) }));
  for (const [kind, here] of [
    ['forNodes', chooser.nodeName],
    ['forZones', chooser.zone],
  ] as const) {
    if (here === undefined || hinted.some(({ hints }) => hints[kind].length === 0)) continue;
    const ours = hinted.filter(({ hints }) => hints[kind].includes(here));
    if (ours.length > 0) return ours.map(({ endpoint }) => endpoint);
  }
  return ready;
}

/** What the EndpointSlice controller would write for a trafficDistribution, where there is none. */
function hintsOf(
  { placement }: ServiceEndpoint,
  distribution: ServiceTraffic['distribution'],
  { derivesHints }: Chooser,
): Hints {
  const isHinted = placement.forNodes.length > 0 || placement.forZones.length > 0;
  if (isHinted || derivesHints === undefined || distribution === undefined) return placement;
  const { nodeName } = placement;
  const zone = placement.zone ?? (nodeName === undefined ? undefined : derivesHints.zoneOf(nodeName));
  return {
    forNodes: distribution === 'PreferSameNode' && nodeName !== undefined ? [nodeName] : [],
    forZones: zone === undefined ? [] : [zone],
  };
}
