import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import {
  addressOf,
  CLIENTS,
  entryOf,
  FAMILIES,
  GATEWAY,
  nodeOf,
  NODES,
  PLACES,
  podCidr,
  podGateway,
  POD_BRIDGE,
  POD_INTERFACE_PREFIX,
  PODS,
  PUBLIC_CIDRS,
  SERVICE_CIDRS,
  type ClientName,
  type Family,
  type NodeName,
  type Place,
  type PodName,
  type PodNetwork,
} from './topology.ts';

/** The namespace of the segment, which is a bridge and the gateway that drops whatever no node took. */
type Namespace = Place | 'lan';

const NAMESPACES: readonly Namespace[] = ['lan', ...PLACES];

const run = promisify(execFile);

let networks = 0;

/**
 * The namespaces of one lab, and the links, addresses and routes in them. Nothing of it touches the machine's own namespace: a
 * veth is made with both its ends already where they belong.
 */
export class Network {
  /** Begins the name of every namespace of this lab, and of no other. */
  readonly prefix: string;
  readonly #pods: PodNetwork;
  readonly #janitor: ChildProcess;

  private constructor(prefix: string, pods: PodNetwork) {
    this.prefix = prefix;
    this.#pods = pods;
    this.#janitor = startJanitor(NAMESPACES.map((place) => `${prefix}${place}`));
  }

  static async create(pods: PodNetwork = 'routed'): Promise<Network> {
    networks += 1;
    const network = new Network(`sluice-lab-${process.pid}-${networks}-`, pods);
    try {
      await network.#build();
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  /** The file that stands for a namespace, as nsenter wants it. */
  file(place: Namespace): string {
    return `/run/netns/${this.prefix}${place}`;
  }

  /** Runs a command in a namespace and returns what it wrote to standard output. */
  async command(place: Namespace, command: readonly string[]): Promise<string> {
    const { stdout } = await run('nsenter', [`--net=${this.file(place)}`, ...command], { maxBuffer: 1 << 28 });
    return stdout;
  }

  /** Takes the namespaces away. Whatever runs in them must have ended. */
  async remove(): Promise<void> {
    const ended = once(this.#janitor, 'exit');
    this.#janitor.stdin?.end();
    await ended;
  }

  async #build(): Promise<void> {
    await batch(
      [],
      NAMESPACES.map((place) => `netns add ${this.prefix}${place}`),
    );
    await Promise.all(NAMESPACES.map((place) => this.command(place, ['sysctl', '-qw', ...SYSCTLS])));
    await batch([], this.#links());
    await Promise.all(
      NAMESPACES.map(async (place) =>
        batch(['-n', `${this.prefix}${place}`], ['link set lo up', ...configOf(place, this.#pods)]),
      ),
    );
  }

  #links(): readonly string[] {
    const lines: string[] = [];
    const link = (place: Namespace, peer: Namespace, peerEnd: string): void => {
      const [near, far] = [`${this.prefix}${place}`, `${this.prefix}${peer}`];
      lines.push(`link add eth0 netns ${near} type veth peer name ${peerEnd} netns ${far}`);
    };
    for (const place of [...NODES, ...CLIENTS]) link(place, 'lan', place);
    for (const pod of PODS) link(pod, nodeOf(pod), vethOf(pod));
    return lines;
  }
}

/**
 * Set before there is any interface. Addresses are used at once (no duplicate address detection), and the reverse path is not
 * checked: replies of a node that answers for a Service take another way than the requests, as on real machines.
 */
const SYSCTLS = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv6.conf.default.forwarding=1',
  'net.ipv6.conf.all.accept_dad=0',
  'net.ipv6.conf.default.accept_dad=0',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  // An ICMP error per refused connect: the usual limit would make refusals silent.
  'net.ipv4.icmp_ratemask=0',
  'net.ipv6.icmp.ratelimit=0',
  'net.ipv4.ip_local_port_range=10000 65000',
];

function configOf(place: Namespace, pods: PodNetwork): readonly string[] {
  if (place === 'lan') return lanConfig();
  if (isOneOf(NODES, place)) return nodeConfig(place, pods);
  if (isOneOf(CLIENTS, place)) return clientConfig(place);
  return podConfig(place, pods);
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return names.some((each) => each === name);
}

function lanConfig(): readonly string[] {
  const ports = [...NODES, ...CLIENTS];
  return [
    'link add br0 type bridge forward_delay 0',
    'link set br0 up',
    ...ports.flatMap((port) => [`link set ${port} master br0`, `link set ${port} up`]),
    ...FAMILIES.flatMap((family) => [
      `address add ${GATEWAY[family]}/${segmentLength(family)} dev br0`,
      `route add blackhole ${everything(family)}`,
    ]),
  ];
}

/** A node, its pods, and the way to the other nodes' pods. */
function nodeConfig(node: NodeName, pods: PodNetwork): readonly string[] {
  return [
    ...onSegment(node),
    ...FAMILIES.map(
      // A connect to a Service address needs some route before the rules see it.
      (family) => `route add default via ${GATEWAY[family]}`,
    ),
    ...(pods === 'bridge' ? bridgedPods(node) : podsOf(node).flatMap(routedPod)),
    ...routesToPods(NODES.filter((other) => other !== node)),
  ];
}

function routedPod(pod: PodName): readonly string[] {
  return [
    `link set ${vethOf(pod)} up`,
    ...FAMILIES.flatMap((family) => [
      `address add ${podGateway(nodeOf(pod), family)}/${hostLength(family)} dev ${vethOf(pod)}`,
      `route add ${addressOf(pod, family)} dev ${vethOf(pod)}`,
    ]),
  ];
}

function bridgedPods(node: NodeName): readonly string[] {
  return [
    `link add ${POD_BRIDGE} type bridge forward_delay 0`,
    `link set ${POD_BRIDGE} up`,
    ...FAMILIES.map((family) => `address add ${podGateway(node, family)}/${segmentLength(family)} dev ${POD_BRIDGE}`),
    // Back to where it came from, for a pod that reaches itself by a Service.
    ...podsOf(node).flatMap((pod) => [
      `link set ${vethOf(pod)} master ${POD_BRIDGE} up`,
      `link set ${vethOf(pod)} type bridge_slave hairpin on`,
    ]),
  ];
}

function podsOf(node: NodeName): readonly PodName[] {
  return PODS.filter((pod) => nodeOf(pod) === node);
}

function vethOf(pod: PodName): string {
  return `${POD_INTERFACE_PREFIX}${pod}`;
}

function podConfig(pod: PodName, pods: PodNetwork): readonly string[] {
  const length = pods === 'bridge' ? segmentLength : hostLength;
  return [
    'link set eth0 up',
    ...FAMILIES.flatMap((family) => [
      `address add ${addressOf(pod, family)}/${length(family)} dev eth0`,
      `route add default via ${podGateway(nodeOf(pod), family)} dev eth0 onlink`,
    ]),
  ];
}

function clientConfig(client: ClientName): readonly string[] {
  return [
    ...onSegment(client),
    ...routesToPods(NODES),
    ...FAMILIES.flatMap((family) =>
      [SERVICE_CIDRS[family], ...PUBLIC_CIDRS[family]].map(
        (cidr) => `route add ${cidr} via ${addressOf(entryOf(client), family)}`,
      ),
    ),
  ];
}

function onSegment(place: NodeName | ClientName): readonly string[] {
  return [
    'link set eth0 up',
    ...FAMILIES.map((family) => `address add ${addressOf(place, family)}/${segmentLength(family)} dev eth0`),
  ];
}

function routesToPods(nodes: readonly NodeName[]): readonly string[] {
  return nodes.flatMap((node) =>
    FAMILIES.map((family) => `route add ${podCidr(node, family)} via ${addressOf(node, family)}`),
  );
}

function everything(family: Family): string {
  return family === 'IPv4' ? '0.0.0.0/0' : '::/0';
}

function segmentLength(family: Family): number {
  return family === 'IPv4' ? 24 : 64;
}

function hostLength(family: Family): number {
  return family === 'IPv4' ? 32 : 128;
}

/** Runs lines of `ip`, all in one process; the first that fails ends it. */
async function batch(flags: readonly string[], lines: readonly string[]): Promise<void> {
  const child = run('ip', [...flags, '-batch', '-']);
  child.child.stdin?.end(`${lines.join('\n')}\n`);
  await child;
}

/**
 * Deletes the namespaces when its standard input ends: when the lab is taken down, and as well when the test's process dies
 * without having had the time for that, as by SIGKILL.
 */
function startJanitor(namespaces: readonly string[]): ChildProcess {
  const script = 'cat >/dev/null; for name in "$@"; do [ ! -e "/run/netns/$name" ] || ip netns delete "$name"; done';
  return spawn('sh', ['-c', script, 'janitor', ...namespaces], {
    stdio: ['pipe', 'ignore', 'inherit'],
    // A session of its own: an interrupt from the keyboard is for the test.
    detached: true,
  });
}
