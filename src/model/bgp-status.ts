import type { IpAddress } from './grammar.ts';
import type { NodeStatus, ObservedNodeStatus } from './node-status.ts';

/** That a node announces addresses of a Service to peers, as a ServiceBGPStatus says it (metallb.io/v1beta1). */
export interface BgpStatus extends NodeStatus {
  /** Names of BGPPeers, sorted; whether their sessions are up is not said here. */
  readonly peers: readonly string[];
  /** Sorted. */
  readonly addresses: readonly IpAddress[];
}

/** Such an object as it is in the cluster. */
export type ObservedBgpStatus = ObservedNodeStatus<BgpStatus>;
