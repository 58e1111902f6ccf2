import type { IpAddress } from './grammar.ts';
import type { NodeStatus, ObservedNodeStatus } from './node-status.ts';

/** That a node answers for addresses of a Service on its local network, as a ServiceL2Status says it (metallb.io/v1beta1). */
export interface L2Status extends NodeStatus {
  /** Sorted. */
  readonly interfaces: readonly string[];
  /** Those of the Service that the node has; sorted. */
  readonly addresses: readonly IpAddress[];
  /** Why it is this node, in words. */
  readonly why: string;
}

/** Such an object as it is in the cluster. */
export type ObservedL2Status = ObservedNodeStatus<L2Status>;
