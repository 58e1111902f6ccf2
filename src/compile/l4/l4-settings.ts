import type { Cidr } from '../../model/cidr.ts';

/** What the operator decided about kernel traffic; fixed for the life of the process. */
export interface L4Settings {
  readonly nodeName: string;
  /** `--zone`: before the label of the Node object. */
  readonly zone: string | undefined;
  readonly localDetection: LocalDetection;
  readonly masqueradesAll: boolean;
  /** `primary`: the node's primary address of each family. A family without a range among these has all its addresses. */
  readonly nodePortAddresses: 'primary' | readonly Cidr[];
  readonly externalIps: ExternalIpPolicy;
  /** `--service-cluster-ip-range`, where it was given: nothing else has addresses in these. */
  readonly clusterIpRanges: readonly Cidr[];
  /** Ours, where a Service has the label `service.kubernetes.io/service-proxy-name`; usually only the Services without it are. */
  readonly proxyName: string | undefined;
}

/** What holds where the operator decides nothing. */
export const DEFAULT_L4: Omit<L4Settings, 'nodeName'> = {
  zone: undefined,
  localDetection: { mode: 'ClusterCIDR', cidrs: [] },
  masqueradesAll: false,
  nodePortAddresses: 'primary',
  externalIps: { kind: 'deny' },
  clusterIpRanges: [],
  proxyName: undefined,
};

/** `--detect-local-mode`, as kube-proxy names its modes. */
export type LocalDetection =
  | { readonly mode: 'ClusterCIDR'; readonly cidrs: readonly Cidr[] }
  | { readonly mode: 'NodeCIDR' }
  | { readonly mode: 'BridgeInterface'; readonly interface: string }
  | { readonly mode: 'InterfaceNamePrefix'; readonly prefix: string };

/** Which `spec.externalIPs` are believed: any user could otherwise take over any address (CVE-2020-8554, KEP-5707). */
export type ExternalIpPolicy =
  { readonly kind: 'allow' } | { readonly kind: 'deny' } | { readonly kind: 'ranges'; readonly cidrs: readonly Cidr[] };

/** Where a standalone Sluice takes addresses and ports from that no API server has allocated. */
export interface AllocationSettings {
  /** At most one range a family; the first is that of Services that do not say. */
  readonly clusterIpRanges: readonly Cidr[];
  readonly nodePorts: { readonly first: number; readonly last: number };
}
