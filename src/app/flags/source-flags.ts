import type { AddressSettings } from '../../compile/addresses/address-plan.ts';
import type { AllocationSettings } from '../../compile/l4/l4-settings.ts';
import { option, optional, switchOn, type FlagsFor } from './flag.ts';
import * as read from './readers.ts';

/** Where the objects come from. */
export const SOURCE_FLAGS = {
  manifests: optional({
    flag: '--manifests <dir>',
    help: 'folder of Kubernetes YAML and JSON, or one file; changes apply as files change',
    read: read.textOf,
  }),
  kubeconfig: optional({
    flag: '--kubeconfig <file>',
    help: 'API server to follow',
    read: read.textOf,
    defaultText: 'KUBECONFIG of the environment, several files too; else the ServiceAccount of the pod',
    isChecked: true,
  }),
  context: optional({
    flag: '--context <name>',
    help: 'context of the kubeconfig',
    read: read.textOf,
    defaultText: 'its current-context',
    source: { kind: 'cluster', otherwise: 'leave it out with --manifests' },
    isChecked: true,
  }),
  namespaces: optional({
    flag: '--watch-namespace <name[,name]>',
    help: 'read the objects of these namespaces alone, for which Roles in them are enough',
    read: read.namespacesOf,
    defaultText: 'all namespaces',
    source: { kind: 'cluster', otherwise: 'leave it out with --manifests' },
    isChecked: true,
  }),
  hasGatewayApi: switchOn({
    flag: '--gateway-api',
    help: 'in a cluster: serve the Gateways of GatewayClasses with controller sluice.dev/gateway, which without a cluster are served anyway',
    isChecked: true,
  }),
};

/** What addresses Gateways have. */
export const GATEWAY_FLAGS = {
  shareAddresses: switchOn({
    flag: '--shared-gateway-addresses',
    help: 'Gateways have the addresses and ports of the gateways together, instead of an address each',
    isChecked: true,
  }),
  innerPorts: option({
    flag: '--gateway-ports <first-last>',
    help: 'ports of HAProxy that those of the addresses of Gateways lead to, half of them for HTTP and half for TLS; the first 64 are opened with the first such Gateway, more when they are needed',
    read: read.portRangeOf,
    // Below what is used for connections to others, and below node ports.
    default: { first: 20_000, last: 20_999 },
    defaultText: '20000-20999',
    isChecked: true,
  }),
};

/** Of flags for what an API server does by itself. */
const ONLY_MANIFESTS = {
  kind: 'manifests',
  otherwise: 'with an API server, give it to kube-apiserver and leave it out here',
} as const;

/** Where addresses and ports come from that no API server allocates. */
export const ALLOCATION_FLAGS = {
  clusterIpRanges: option({
    flag: '--service-cluster-ip-range <cidr[,cidr]>',
    help: 'with --manifests: where ClusterIPs are taken from; given, packets to its unused addresses are dropped',
    read: read.clusterIpRangesOf,
    // kubeadm's ranges.
    default: read.cidrsOf('10.96.0.0/12,fd00:10:96::/112'),
    defaultText: '10.96.0.0/12,fd00:10:96::/112',
    source: ONLY_MANIFESTS,
    isChecked: true,
  }),
  nodePorts: option({
    flag: '--service-node-port-range <first-last>',
    help: 'with --manifests: where node ports are taken from',
    read: read.portRangeOf,
    default: { first: 30_000, last: 32_767 },
    defaultText: '30000-32767',
    source: ONLY_MANIFESTS,
    isChecked: true,
  }),
} satisfies FlagsFor<AllocationSettings>;

/** Where Services of type LoadBalancer have their addresses from, besides IPAddressPool objects. */
export const ADDRESS_FLAGS = {
  isOn: switchOn({
    flag: '--load-balancer',
    help: 'in a cluster: give Services of type LoadBalancer addresses of IPAddressPools, which without a cluster they have anyway',
    role: 'controller',
    isChecked: true,
  }),
  pool: option({
    flag: '--pool <first-last|cidr[,...]>',
    help: 'addresses for Services of type LoadBalancer, besides those of IPAddressPool objects',
    read: read.addressRangesOf,
    default: [],
    defaultText: 'none',
    isChecked: true,
  }),
  className: optional({
    flag: '--load-balancer-class <name>',
    help: 'give addresses to Services with this loadBalancerClass; by default to those without any',
    read: read.textOf,
    isChecked: true,
  }),
} satisfies FlagsFor<Omit<AddressSettings, 'reportsMissingPools'> & { readonly isOn: boolean }>;
