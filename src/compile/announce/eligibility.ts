import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { Node } from '../../model/node.ts';
import type { EndpointSlice } from '../../model/service.ts';
import { fnv1a } from '../../lib/hash.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { NodeLabels, Profile } from './profile.ts';

/** Nodes with this label, whatever its value, are not to receive traffic from balancers (KEP-1143). */
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * Why a node is to have no addresses, in words that follow its name; undefined where it may.
 *
 * A node that is not ready yields to those that are; where none is, it is those who judge that are at fault, and nobody yields. Of a node that
 * nobody knows anything nothing is known against it. One that is cordoned keeps what it has, as with MetalLB.
 */
export function whyNotEligible(nodeName: string, nodes: PersistentMap<Node>): string | undefined {
  const node = nodes.get(nodeName);
  if (node === undefined) return undefined;
  if (node.isLeaving) return 'is being deleted';
  if (node.isNetworkUnavailable) return 'has the condition NetworkUnavailable';
  if (node.labels[EXCLUDED_LABEL] !== undefined) return `has the label ${EXCLUDED_LABEL}`;
  return node.isReady || ![...nodes.values()].some(({ isReady }) => isReady) ? undefined : 'is not ready';
}

/** The nodes that there are objects of; without any this machine is the only one. */
export function nodesOf({ nodes }: Snapshot, nodeName: string): readonly NodeLabels[] {
  const known = [...nodes.values()].map(({ meta, labels }) => ({ name: meta.name, labels }));
  return known.some(({ name }) => name === nodeName) ? known : [...known, { name: nodeName, labels: {} }];
}

/** Of nodes that would as well have it as others the order is another one for each router. */
export function nodesInOrder({ nodes, preferred }: Profile, id: number): readonly string[] {
  const order = (name: string): number => fnv1a(`${String(id)} ${name}`);
  return nodes.toSorted(
    (a, b) => Number(preferred.has(b)) - Number(preferred.has(a)) || order(a) - order(b) || (a < b ? -1 : 1),
  );
}

/**
 * Whether there is an endpoint, on the node that is named if one is. One that still serves while it is being ended counts: it finishes what it has, and others
 * may not be ready yet (KEP-1669).
 */
export function hasEndpoint(slices: readonly EndpointSlice[], nodeName?: string): boolean {
  return slices.some(({ subsets }) =>
    subsets.some(({ endpoints }) =>
      endpoints.some(
        ({ placement, ready, serving }) =>
          (nodeName === undefined || placement.nodeName === nodeName) && (ready || serving),
      ),
    ),
  );
}
