import { Command, InvalidArgumentError, Option } from 'commander';
import { hostname } from 'node:os';
import type { NodeOptions } from '../app/options.ts';
import { ROLES, type RoleName } from '../app/role.ts';
import {
  DEFAULT_L4,
  type AllocationSettings,
  type ExternalIpPolicy,
  type L4Settings,
  type LocalDetection,
} from '../compile/l4/l4-settings.ts';
import { Fault } from '../lib/fault.ts';
import type { Cidr } from '../model/cidr.ts';
import { isDnsSubdomain } from '../model/grammar.ts';
import { cidrsOf, interfaceOf, listenOn, portRangeOf } from './arguments.ts';

const DETECTION_MODES = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const;

/** Where addresses and ports come from that no API server gives. */
interface AllocationFlags {
  readonly serviceClusterIpRange?: readonly Cidr[];
  readonly serviceNodePortRange?: AllocationSettings['nodePorts'];
}

/** Flags on which depends whether an object is right. */
export interface ServiceFlags extends AllocationFlags {
  readonly externalIps: ExternalIpPolicy;
  /** Undefined: allowed in a folder of manifests, denied in a cluster. */
  readonly localExternalNames?: 'allow' | 'deny';
}

/** Flags about Service traffic in the kernel, named as kube-proxy names its own where it has them. */
export interface NodeFlags extends ServiceFlags {
  /** Undefined: all that this machine allows. */
  readonly role?: ReadonlySet<RoleName>;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly clusterCidr: readonly Cidr[];
  readonly detectLocalMode: (typeof DETECTION_MODES)[number];
  readonly podBridgeInterface?: string;
  readonly podInterfaceNamePrefix?: string;
  readonly masqueradeAll: boolean;
  readonly nodeportAddresses: 'primary' | readonly Cidr[];
  readonly localhostNodeports: boolean;
  readonly serviceProxyName?: string;
  readonly healthzAddress: string;
  readonly kernelSettings: boolean;
  readonly takeover: boolean;
}

/** What the flags are when nobody gives any. */
export const NODE_FLAG_DEFAULTS: NodeFlags = {
  clusterCidr: [],
  detectLocalMode: 'ClusterCIDR',
  masqueradeAll: DEFAULT_L4.masqueradesAll,
  nodeportAddresses: DEFAULT_L4.nodePortAddresses,
  localhostNodeports: false,
  externalIps: DEFAULT_L4.externalIps,
  healthzAddress: ':10256',
  kernelSettings: true,
  takeover: false,
};

/** Flags of {@link withNodeFlags} that other roles look at too, by what they set. */
const NOT_OF_NODE_ALONE: ReadonlySet<string> = new Set<keyof NodeFlags>([
  'role',
  'localExternalNames',
  'serviceClusterIpRange',
  'serviceNodePortRange',
]);

/** kubeadm's ranges, and those that kube-apiserver has unless it is told otherwise. */
const DEFAULT_ALLOCATION: AllocationSettings = {
  clusterIpRanges: cidrsOf('10.96.0.0/12,fd00:10:96::/112'),
  nodePorts: { first: 30_000, last: 32_767 },
};

/** Adds the flags of which `sluice check` has to know as well. */
export function withServiceFlags(command: Command): Command {
  return command
    .option(
      '--external-ips <allow|deny|cidr,...>',
      'which spec.externalIPs are served: any user could take over an address by them',
      externalIpsOf,
      NODE_FLAG_DEFAULTS.externalIps,
    )
    .addOption(
      new Option(
        '--local-external-names <allow|deny>',
        'whether ExternalName Services may lead to this machine itself, or to link-local addresses (default: allow with --manifests, else deny)',
      ).choices(['allow', 'deny']),
    )
    .option(
      '--service-cluster-ip-range <cidr[,cidr]>',
      'with --manifests: where ClusterIPs are taken from (default: 10.96.0.0/12,fd00:10:96::/112)',
      clusterIpRangesOf,
    )
    .option(
      '--service-node-port-range <first-last>',
      'with --manifests: where node ports are taken from (default: 30000-32767)',
      portRangeOf,
    );
}

/** Adds the flags to `sluice run`. */
export function withNodeFlags(command: Command): Command {
  const defaults = NODE_FLAG_DEFAULTS;
  return withServiceFlags(command)
    .option('--role <name,...>', `of ${ROLES.join(', ')} (default: all that this machine allows)`, rolesOf)
    .option('--node-name <name>', 'the Node object that this machine is (default: its host name)', nodeNameOf)
    .option('--zone <name>', 'zone of this machine (default: topology.kubernetes.io/zone of its Node)')
    .option(
      '--cluster-cidr <cidr,...>',
      'for --detect-local-mode ClusterCIDR: where pods have their addresses',
      cidrsOf,
      defaults.clusterCidr,
    )
    .addOption(
      new Option('--detect-local-mode <mode>', 'how pods of this node are told')
        .choices(DETECTION_MODES)
        .default(defaults.detectLocalMode),
    )
    .option('--pod-bridge-interface <name>', 'for --detect-local-mode BridgeInterface', interfaceOf)
    .option('--pod-interface-name-prefix <prefix>', 'for --detect-local-mode InterfaceNamePrefix', interfaceOf)
    .option('--masquerade-all', 'replace the source of everything that comes in by a ClusterIP', defaults.masqueradeAll)
    .option(
      '--nodeport-addresses <primary|cidr,...>',
      'addresses of this machine that node ports and health check node ports answer on',
      nodePortAddressesOf,
      defaults.nodeportAddresses,
    )
    .option('--localhost-nodeports', 'TCP node ports answer on 127.0.0.1 and ::1 too', defaults.localhostNodeports)
    .option('--service-proxy-name <name>', 'serve the Services with this service.kubernetes.io/service-proxy-name')
    .option(
      '--healthz-address <host:port|none>',
      'where balancers ask for /healthz of this node; :PORT is all addresses',
      healthzAddressOf,
      defaults.healthzAddress,
    )
    .option('--no-kernel-settings', 'leave nf_conntrack_tcp_be_liberal as it is')
    .option('--takeover', 'replace an active kube-proxy, without losing a connection', defaults.takeover);
}

/** The settings that compile needs. @throws Fault for flags that contradict. */
export function l4SettingsOf(flags: NodeFlags): L4Settings {
  return {
    nodeName: flags.nodeName ?? hostname().toLowerCase(),
    zone: flags.zone,
    localDetection: detectionOf(flags),
    masqueradesAll: flags.masqueradeAll,
    nodePortAddresses: flags.nodeportAddresses,
    externalIps: flags.externalIps,
    proxyName: flags.serviceProxyName,
  };
}

/** @throws Fault for flags of a parsed `sluice run` that nobody looks at, because `--role` leaves the role `node` out. */
export function refuseWithoutNodeRole(command: Command): void {
  const { role } = command.opts<NodeFlags>();
  if (role === undefined || role.has('node')) return;
  const idle = withNodeFlags(new Command()).options.filter((option) => {
    const name = option.attributeName();
    return !NOT_OF_NODE_ALONE.has(name) && command.getOptionValueSource(name) === 'cli';
  });
  if (idle.length === 0) return;
  const flags = idle.map(({ long }) => long).join(', ');
  const message = `only the role node looks at ${flags}: write --role node,${[...role].join(',')}, or leave out what is for a node`;
  throw new Fault('usage', message, { retryable: false });
}

/** @throws Fault for flags that nobody looks at, because an API server has allocated what they are about. */
export function refuseBesideApiServer(flags: AllocationFlags): void {
  const { serviceClusterIpRange, serviceNodePortRange } = flags;
  if (serviceClusterIpRange === undefined && serviceNodePortRange === undefined) return;
  const flag = serviceClusterIpRange === undefined ? '--service-node-port-range' : '--service-cluster-ip-range';
  const message = `${flag} is for a folder of manifests: with an API server, give it to kube-apiserver and leave it out here`;
  throw new Fault('usage', message, { retryable: false });
}

/** Whoever writes a folder of manifests runs Sluice; in a cluster it is anybody who may create a Service. */
export function allowsLocalExternalNames({ localExternalNames }: ServiceFlags, isStandalone: boolean): boolean {
  return localExternalNames === undefined ? isStandalone : localExternalNames === 'allow';
}

/** Where addresses and ports come from that no API server has allocated. */
export function allocationOf(flags: AllocationFlags): AllocationSettings {
  return {
    clusterIpRanges: flags.serviceClusterIpRange ?? DEFAULT_ALLOCATION.clusterIpRanges,
    nodePorts: flags.serviceNodePortRange ?? DEFAULT_ALLOCATION.nodePorts,
  };
}

/** What the node role is told beyond that. */
export function nodeOptionsOf(flags: NodeFlags): NodeOptions {
  return {
    healthzAddress: flags.healthzAddress === 'none' ? undefined : flags.healthzAddress,
    servesLocalhostNodePorts: flags.localhostNodeports,
    changesKernelSettings: flags.kernelSettings,
    takesOver: flags.takeover,
    podBridge: flags.podBridgeInterface,
  };
}

function detectionOf(flags: NodeFlags): LocalDetection {
  refuseOfOtherModes(flags);
  switch (flags.detectLocalMode) {
    case 'ClusterCIDR':
      return { mode: 'ClusterCIDR', cidrs: flags.clusterCidr };
    case 'NodeCIDR':
      return { mode: 'NodeCIDR' };
    case 'BridgeInterface':
      if (flags.podBridgeInterface === undefined)
        throw needs('BridgeInterface', '--pod-bridge-interface NAME, the bridge of the pods of this node');
      return { mode: 'BridgeInterface', interface: flags.podBridgeInterface };
    case 'InterfaceNamePrefix':
      if (flags.podInterfaceNamePrefix === undefined)
        throw needs(
          'InterfaceNamePrefix',
          '--pod-interface-name-prefix PREFIX, as the interfaces of pods are named here',
        );
      return { mode: 'InterfaceNamePrefix', prefix: flags.podInterfaceNamePrefix };
  }
}

/** A mode looks at one of these flags at most: another would be believed to count. */
function refuseOfOtherModes(flags: NodeFlags): void {
  const given = [
    ['ClusterCIDR', '--cluster-cidr', flags.clusterCidr.length > 0],
    ['BridgeInterface', '--pod-bridge-interface', flags.podBridgeInterface !== undefined],
    ['InterfaceNamePrefix', '--pod-interface-name-prefix', flags.podInterfaceNamePrefix !== undefined],
  ] as const;
  for (const [mode, flag, isGiven] of given) {
    if (!isGiven || mode === flags.detectLocalMode) continue;
    const message = `${flag} is for --detect-local-mode ${mode}, and the mode is ${flags.detectLocalMode}: write --detect-local-mode ${mode}, or leave ${flag} out`;
    throw new Fault('usage', message, { retryable: false });
  }
}

function needs(mode: string, flag: string): Fault {
  return new Fault('usage', `--detect-local-mode ${mode} needs ${flag}`, { retryable: false });
}

function rolesOf(text: string): ReadonlySet<RoleName> {
  const roles = text.split(',').map((item) => {
    const role = ROLES.find((name) => name === item.trim());
    if (role === undefined) throw new InvalidArgumentError(`"${item}" is none of ${ROLES.join(', ')}.`);
    return role;
  });
  return new Set(roles);
}

function nodeNameOf(text: string): string {
  if (!isDnsSubdomain(text)) throw new InvalidArgumentError('Give the name of a Node object.');
  return text;
}

function nodePortAddressesOf(text: string): NodeFlags['nodeportAddresses'] {
  return text === 'primary' ? text : cidrsOf(text);
}

function externalIpsOf(text: string): ExternalIpPolicy {
  return text === 'allow' || text === 'deny' ? { kind: text } : { kind: 'ranges', cidrs: cidrsOf(text) };
}

function clusterIpRangesOf(text: string): readonly Cidr[] {
  const ranges = cidrsOf(text);
  const families = new Set(ranges.map(({ family }) => family));
  if (families.size !== ranges.length) throw new InvalidArgumentError('Give one range a family.');
  return ranges;
}

function healthzAddressOf(text: string): string {
  return text === 'none' ? text : listenOn(text);
}
