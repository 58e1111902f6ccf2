import type { PersistentMap } from '../../lib/persistent-map.ts';
import { cidrHas } from '../../model/cidr.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import type { LocalPods, NodePlan } from './l4-plan.ts';

/**
 * Tells pods of this node by its podCIDRs for as long as these mean anything: a network that gives addresses by a plan of its own, as
 * Calico's does, leaves them to lie, and an endpoint on this node that has another address gives that away.
 */
export class OwnPods {
  #asked: { readonly node: NodePlan; readonly endpoints: PersistentMap<true> } | undefined;
  #isMisled = false;
  #misled: { readonly node: NodePlan; readonly instead: NodePlan } | undefined;

  /**
   * The node itself, or one whose pods are told as all clients inside of the cluster are. `endpoints` are the addresses of those that are
   * certain to be on it. The same object for the same arguments.
   */
  settle(node: NodePlan, endpoints: PersistentMap<true>): NodePlan {
    if (this.#asked?.node !== node || this.#asked.endpoints !== endpoints) {
      this.#asked = { node, endpoints };
      this.#isMisled = [...endpoints.keys()].some((text) => {
        const address = ipAddressOf(text);
        return address !== undefined && givesAway(address, node);
      });
    }
    if (!this.#isMisled) return node;
    if (this.#misled?.node !== node) this.#misled = { node, instead: { ...node, ownPods: node.localPods } };
    return this.#misled.instead;
  }
}

/** Whether a pod can have the address, and not by the podCIDRs. */
function givesAway(address: IpAddress, { addresses, localPods, ownPods }: NodePlan): boolean {
  if (addresses.includes(address) || has(ownPods, address)) return false;
  return localPods.kind === 'cidrs' ? has(localPods, address) : localPods.kind === 'unknown';
}

function has(pods: LocalPods, address: IpAddress): boolean {
  return pods.kind === 'cidrs' && pods.cidrs.some((cidr) => cidrHas(cidr, address));
}
