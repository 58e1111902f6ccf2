import type { Cidr } from './cidr.ts';
import type { IpAddress } from './grammar.ts';
import type { Labels } from './label-selector.ts';
import type { ObjectMeta } from './object.ts';

/** A Node (core/v1), reduced to what traffic depends on. */
export interface Node {
  readonly meta: ObjectMeta;
  /** `status.addresses` of type InternalIP, in order: the first of a family is the node's primary address. */
  readonly internalIps: readonly IpAddress[];
  /** `status.addresses` of type ExternalIP. */
  readonly externalIps: readonly IpAddress[];
  /** `spec.podCIDRs`. */
  readonly podCidrs: readonly Cidr[];
  /** The label `topology.kubernetes.io/zone`. */
  readonly zone: string | undefined;
  readonly labels: Labels;
  /** The condition Ready, where there is one: false also where the node has not been heard of for a while. */
  readonly isReady: boolean;
  /** The condition NetworkUnavailable, which a network plugin sets that has not done its work yet. */
  readonly isNetworkUnavailable: boolean;
  /** Being deleted, or tainted `ToBeDeletedByClusterAutoscaler`: balancers outside should look elsewhere. */
  readonly isLeaving: boolean;
}
