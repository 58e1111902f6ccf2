import { DEFAULT_L4, type L4Settings, type LocalDetection } from '../../compile/l4/l4-settings.ts';
import type { ConntrackSettings } from '../../planes/l4/kernel/settings.ts';
import { option, optional, switchOff, switchOn, type FlagsFor } from './flag.ts';
import * as read from './readers.ts';

/** Flags about Service traffic in the kernel, named as kube-proxy names its own where it has them. */

/** What Services mean on a node. */
export const L4_FLAGS = {
  nodeName: optional({
    flag: '--node-name <name>',
    help: 'the Node object that this machine is',
    read: read.nodeNameOf,
    defaultText: 'its host name',
  }),
  zone: optional({
    flag: '--zone <name>',
    help: 'zone of this machine',
    read: read.textOf,
    defaultText: 'topology.kubernetes.io/zone of its Node',
    role: 'node',
  }),
  masqueradesAll: switchOn({
    flag: '--masquerade-all',
    help: 'replace the source of everything that comes in by a ClusterIP',
    role: 'node',
  }),
  nodePortAddresses: option({
    flag: '--nodeport-addresses <primary|cidr,...>',
    help: 'addresses of this machine that node ports and health check node ports answer on',
    read: read.nodePortAddressesOf,
    default: DEFAULT_L4.nodePortAddresses,
    role: 'node',
  }),
  externalIps: option({
    flag: '--external-ips <allow|deny|cidr,...>',
    help: 'which spec.externalIPs are served: any user could take over an address by them',
    read: read.externalIpsOf,
    default: DEFAULT_L4.externalIps,
    defaultText: 'deny',
    role: 'node',
    isChecked: true,
  }),
  proxyName: optional({
    flag: '--service-proxy-name <name>',
    help: 'serve the Services with this service.kubernetes.io/service-proxy-name',
    read: read.textOf,
    role: 'node',
  }),
} satisfies FlagsFor<{ readonly [Key in keyof L4Settings]: L4Settings[Key] | undefined }>;

/** How pods of this node are recognized. */
export const DETECTION_FLAGS = {
  mode: option({
    flag: '--detect-local-mode <mode>',
    help: 'how pods of this node are recognized: ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix',
    read: read.oneOf<LocalDetection['mode']>('ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'),
    default: 'ClusterCIDR',
    role: 'node',
  }),
  clusterCidrs: option({
    flag: '--cluster-cidr <cidr,...>',
    help: 'for --detect-local-mode ClusterCIDR: where pods have their addresses',
    read: read.cidrsOf,
    default: [],
    role: 'node',
  }),
  podBridge: optional({
    flag: '--pod-bridge-interface <name>',
    help: 'for --detect-local-mode BridgeInterface',
    read: read.interfaceOf,
    role: 'node',
  }),
  podInterfacePrefix: optional({
    flag: '--pod-interface-name-prefix <prefix>',
    help: 'for --detect-local-mode InterfaceNamePrefix',
    read: read.interfaceOf,
    role: 'node',
  }),
};

/** What the node role does beyond what compile has to know. */
export const NODE_FLAGS = {
  servesLocalhostNodePorts: switchOn({
    flag: '--localhost-nodeports',
    help: 'TCP node ports answer on 127.0.0.1 and ::1 too',
    role: 'node',
  }),
  healthzAddress: option({
    flag: '--healthz-address <host:port|none>',
    help: 'where balancers ask for /healthz of this node; :PORT is all addresses',
    read: read.listenOnOrNone,
    default: ':10256',
    role: 'node',
  }),
  changesKernelSettings: switchOff({
    flag: '--no-kernel-settings',
    help: 'leave what the kernel has of nf_conntrack settings as it is',
    role: 'node',
  }),
  proxyModeAddress: option({
    flag: '--proxy-mode-address <host:port|none>',
    help: 'where /proxyMode and /healthz answer as at the metrics address of kube-proxy',
    read: read.listenOnOrNone,
    default: '127.0.0.1:10249',
    role: 'node',
  }),
  takesOver: switchOn({
    flag: '--takeover',
    help: 'replace an active kube-proxy, without losing a connection',
    role: 'node',
  }),
};

/** What the kernel is told of conntrack: flags, defaults and meaning as kube-proxy has them; 0 leaves a setting as it is. */
export const CONNTRACK_FLAGS = {
  maxPerCore: option({
    flag: '--conntrack-max-per-core <count>',
    help: 'flows that the kernel tracks at least, for each processor',
    read: read.countOrNone,
    default: 32_768,
    role: 'node',
  }),
  min: option({
    flag: '--conntrack-min <count>',
    help: 'flows that the kernel tracks at least, however few processors there are',
    read: read.countOrNone,
    default: 131_072,
    role: 'node',
  }),
  tcpEstablishedS: option({
    flag: '--conntrack-tcp-timeout-established <duration>',
    help: 'after how long without a packet a TCP connection is forgotten',
    read: read.durationAsS,
    default: 86_400,
    defaultText: '24h',
    role: 'node',
  }),
  tcpCloseWaitS: option({
    flag: '--conntrack-tcp-timeout-close-wait <duration>',
    help: 'the same for one that its client has closed and its endpoint has not',
    read: read.durationAsS,
    default: 3_600,
    defaultText: '1h',
    role: 'node',
  }),
  udpS: option({
    flag: '--conntrack-udp-timeout <duration>',
    help: 'the same for a UDP flow that nobody has answered',
    read: read.durationAsS,
    default: 0,
    defaultText: 'what the kernel has',
    role: 'node',
  }),
  udpStreamS: option({
    flag: '--conntrack-udp-timeout-stream <duration>',
    help: 'the same for a UDP flow that goes both ways',
    read: read.durationAsS,
    default: 0,
    defaultText: 'what the kernel has',
    role: 'node',
  }),
} satisfies FlagsFor<ConntrackSettings>;

/** How addresses of Services are answered for on the local network. */
export const ANNOUNCE_FLAGS = {
  isOn: switchOn({
    flag: '--announce',
    help: 'answer on the local network for the addresses of Services of type LoadBalancer, in turn with other nodes (keepalived, VRRP)',
    role: 'node',
  }),
  isUnit: switchOn({
    flag: '--keepalived-unit',
    help: 'for --announce: keepalived is run by sluice-keepalived, a unit or container of its own',
    role: 'node',
  }),
  routers: option({
    flag: '--virtual-router-ids <first-last>',
    help: 'for --announce and --load-balancer: identifiers of VRRP that nobody else uses on the network; the same everywhere',
    read: read.routerRangeOf,
    default: { first: 101, count: 150 },
    defaultText: '101-250',
  }),
  advertisementMs: option({
    flag: '--advertisement-interval <milliseconds>',
    help: 'for --announce: how often a node says that it lives; after three of these it is replaced',
    read: read.advertisementMsOf,
    default: 50,
    role: 'node',
  }),
  keepalivedPath: optional({
    flag: '--keepalived-path <file>',
    help: 'for --announce: the keepalived to use; by default the one on PATH',
    read: read.textOf,
    role: 'node',
  }),
};

/** How addresses of Services are announced to routers. */
export const BGP_FLAGS = {
  isOn: switchOn({
    flag: '--bgp',
    help: 'announce the addresses of Services of type LoadBalancer to routers, as BGPPeers and BGPAdvertisements say (BIRD)',
    role: 'node',
  }),
  listenPort: option({
    flag: '--bgp-port <port>',
    help: 'for --bgp: where routers open sessions; another one where something else on this machine speaks BGP already',
    read: read.portOf,
    default: 179,
    role: 'node',
  }),
  routeTable: option({
    flag: '--bgp-route-table <number>',
    help: 'for --bgp: a routing table of the kernel that nobody else uses, in which BIRD finds what to announce',
    read: read.routeTableOf,
    default: 179,
    role: 'node',
  }),
  drainMs: option({
    flag: '--bgp-drain <seconds>',
    help: 'for --bgp: when ended, withdraw the addresses, and serve what still comes for so long; with 0 they stay announced, as an upgrade needs',
    read: read.secondsAsMs,
    default: 0,
    role: 'node',
  }),
  birdPath: optional({
    flag: '--bird-path <file>',
    help: 'for --bgp: the BIRD 2 to use; by default the one on PATH',
    read: read.textOf,
    role: 'node',
  }),
};
