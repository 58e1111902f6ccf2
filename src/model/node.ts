import type { Cidr } from './cidr.ts';
import type { IpAddress } from './grammar.ts';
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
  /** Being deleted, or tainted `ToBeDeletedByClusterAutoscaler`: balancers outside should look elsewhere. */
  readonly isLeaving: boolean;
}
