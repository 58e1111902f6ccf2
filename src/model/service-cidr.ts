import type { Cidr } from './cidr.ts';
import type { ObjectMeta } from './object.ts';

/** A ServiceCIDR (networking.k8s.io/v1): where the API server takes ClusterIPs from. */
export interface ServiceCidr {
  readonly meta: ObjectMeta;
  /** `spec.cidrs`, at most one a family. */
  readonly cidrs: readonly Cidr[];
}
