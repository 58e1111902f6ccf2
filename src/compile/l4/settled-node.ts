import type { PersistentMap } from '../../lib/persistent-map.ts';
import { cidrHas } from '../../model/cidr.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import type { LocalPods, NodePlan } from './l4-plan.ts';
import { sameNodePlan } from './node-plan.ts';

/** What Services say about a node beyond what it says itself. */
export interface NodeEvidence {
  /** Addresses of endpoints that are certain to be on the node. */
  readonly ownEndpoints: PersistentMap<true>;
  readonly isClusterIp: (address: IpAddress) => boolean;
}

/** Takes what is said of a node for what it can mean. */
export class SettledNode {
  #last: NodePlan | undefined;

  /** The same object as long as nothing differs. */
  settle(node: NodePlan, evidence: NodeEvidence): NodePlan {
    const misplacedRanges = misplaced(node, evidence);
    const next: NodePlan = {
      ...node,
      ownPods: isMisled(node, evidence) ? node.localPods : node.ownPods,
      clusterIpRanges: node.clusterIpRanges.filter((range) => !misplacedRanges.includes(range)),
      misplacedRanges,
    };
    if (this.#last === undefined || !sameNodePlan(this.#last, next)) this.#last = next;
    return this.#last;
  }
}

/** A cache for names binds the ClusterIP of the DNS Service on each node, and kube-proxy in IPVS mode binds all of them. */
function misplaced(
  { addresses, clusterIpRanges }: NodePlan,
  { isClusterIp }: NodeEvidence,
): NodePlan['misplacedRanges'] {
  return clusterIpRanges.filter((range) =>
    addresses.some((address) => cidrHas(range, address) && !isClusterIp(address)),
  );
}

/**
 * Whether podCIDRs mean nothing: a network that gives addresses by a plan of its own, as Calico's does, leaves them to lie, and an
 * endpoint on this node that has another address gives that away.
 */
function isMisled(node: NodePlan, { ownEndpoints }: NodeEvidence): boolean {
  if (node.ownPods.kind !== 'cidrs') return false;
  return [...ownEndpoints.keys()].some((text) => {
    const address = ipAddressOf(text);
    return address !== undefined && givesAway(address, node);
  });
}

/** Whether a pod can have the address, and not by the podCIDRs. */
function givesAway(address: IpAddress, { addresses, localPods, ownPods }: NodePlan): boolean {
  if (addresses.includes(address) || has(ownPods, address)) return false;
  return localPods.kind === 'cidrs' ? has(localPods, address) : localPods.kind === 'unknown';
}

function has(pods: LocalPods, address: IpAddress): boolean {
  return pods.kind === 'cidrs' && pods.cidrs.some((cidr) => cidrHas(cidr, address));
}
