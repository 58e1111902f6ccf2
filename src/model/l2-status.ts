import type { IpAddress } from './grammar.ts';

/** That a node answers for addresses of a Service on its local network, as a ServiceL2Status says it (metallb.io/v1beta1). */
export interface L2Status {
  /** The name of the node. */
  readonly node: string;
  /** `namespace/name` of the Service. */
  readonly service: string;
  /** Sorted. */
  readonly interfaces: readonly string[];
  /** Those of the Service that the node has; sorted. */
  readonly addresses: readonly IpAddress[];
  /** RFC 3339. */
  readonly since: string;
  /** Why it is this node, in words. */
  readonly why: string;
}

/** Such an object as it is in the cluster. */
export interface ObservedL2Status extends L2Status {
  readonly uid: string;
}
