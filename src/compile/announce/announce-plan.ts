import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpFamily } from '../../lib/ip-number.ts';
import type { IpAddress } from '../../model/grammar.ts';

/** Which addresses this node answers for on its local networks, with whom it agrees about them, and how eager it is to. */
export interface AnnouncePlan {
  /** By {@link VirtualRouter.name}. */
  readonly routers: PersistentMap<VirtualRouter>;
  /** False where the node is to give everything up, as when it is drained. */
  readonly isNodeEligible: boolean;
}

/**
 * Addresses that one node of several has at a time, elected among them by VRRP (RFC 9568). Nodes that have a virtual router of one number
 * on one network agree about it; nothing else of it has to be equal.
 */
export interface VirtualRouter {
  /** Of letters, digits and `-`. */
  readonly name: string;
  /** The network interface on which the addresses are answered for. */
  readonly interface: string;
  /** The family in which nodes talk about it, which has nothing to do with that of the addresses: IPv6 where the interface has no IPv4. */
  readonly carrier: IpFamily;
  /** The virtual router identifier: 1 to 255, and one that nobody else on the network uses. */
  readonly id: number;
  /** 1 to 254; of the nodes that are eligible the one with the highest has the addresses, unless another one has them already. */
  readonly priority: number;
  /** Whether it takes the addresses back from a node with a lower priority: it is preferred. */
  readonly takesBack: boolean;
  /** Sorted, of both families. */
  readonly addresses: readonly IpAddress[];
  /** False where this node must not have the addresses now, as with externalTrafficPolicy Local and no endpoint here. */
  readonly isEligible: boolean;
}
