import { Namespace } from './namespace.ts';
import {
  addressSpace,
  addressText,
  ENDPOINT_PORT,
  firstEndpoint,
  firstService,
  SERVICE_PORT,
  type AddressSpace,
} from './synthetic-cluster.ts';

/** One way from the client to the server: through a node of its own, so that ways can be measured in turn without a change between. */
export interface Lane {
  readonly node: Namespace;
  readonly space: AddressSpace;
}

const SYSCTLS = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  // What a client remembers of each address it spoke to costs more the more addresses there are; it has no part in this.
  'net.ipv4.tcp_no_metrics_save=1',
  'net.ipv4.ip_local_port_range=10000 65000',
].map((setting) => `"${setting}"`);

/** Connections that were reset are forgotten soon, or conntrack's table would fill. */
const NODE_SYSCTLS = [...SYSCTLS, '"net.netfilter.nf_conntrack_tcp_timeout_close=1"'];

/** A client, a server that has every endpoint's address, and a node between them for every lane. */
export class Lanes {
  readonly client: Namespace;
  readonly server: Namespace;
  readonly lanes: readonly Lane[];

  private constructor(client: Namespace, server: Namespace, lanes: readonly Lane[]) {
    this.client = client;
    this.server = server;
    this.lanes = lanes;
  }

  static async open(count: number): Promise<Lanes> {
    const client = await Namespace.open(SYSCTLS);
    const server = await Namespace.open(SYSCTLS);
    const lanes: Lane[] = [];
    for (let index = 0; index < count; index += 1)
      lanes.push({ node: await Namespace.open(NODE_SYSCTLS), space: addressSpace(index) });
    const opened = new Lanes(client, server, lanes);
    for (const index of lanes.keys()) await opened.#link(index);
    return opened;
  }

  at(index: number): Lane {
    const lane = this.lanes[index];
    if (lane === undefined) throw new Error(`there is no lane ${String(index)}`);
    return lane;
  }

  async close(): Promise<void> {
    for (const namespace of [this.client, this.server, ...this.lanes.map(({ node }) => node)]) await namespace.close();
  }

  async #link(index: number): Promise<void> {
    const { node, space } = this.at(index);
    const lane = String(index);
    const endpoints = `${addressText(space.endpoints)}/12`;
    const services = `${addressText(space.services)}/16`;
    await batch(node, [
      `link add client type veth peer name lane${lane} netns ${this.client.pid}`,
      `link add server type veth peer name lane${lane} netns ${this.server.pid}`,
      `address add 10.1.${lane}.1/24 dev client`,
      `address add 10.2.${lane}.1/24 dev server`,
      'link set client up',
      'link set server up',
    ]);
    await batch(this.client, [
      `address add 10.1.${lane}.2/24 dev lane${lane}`,
      `link set lane${lane} up`,
      `route add ${endpoints} via 10.1.${lane}.1`,
      `route add ${services} via 10.1.${lane}.1`,
    ]);
    await batch(this.server, [
      `address add 10.2.${lane}.2/24 dev lane${lane}`,
      `link set lane${lane} up`,
      `route add local ${endpoints} dev lo`,
      `route add 10.1.${lane}.0/24 via 10.2.${lane}.1`,
    ]);
    await batch(node, [`route add ${endpoints} via 10.2.${lane}.2`]);
  }
}

/** What a client of a lane connects to: any of `count` addresses from `first` on. */
export interface Targets {
  readonly first: string;
  readonly count: number;
  readonly port: number;
}

export function endpointTargets({ space }: Lane, count: number): Targets {
  return { first: addressText(firstEndpoint(space)), count, port: ENDPOINT_PORT };
}

export function serviceTargets({ space }: Lane, services: number): Targets {
  return { first: addressText(firstService(space)), count: services, port: SERVICE_PORT };
}

/** Follows connections, and does nothing with them. */
export async function trackOnly({ node }: Lane): Promise<void> {
  const chain = 'type filter hook forward priority 0;';
  await nft(node, [
    'add table ip bench',
    `add chain ip bench c { ${chain} }`,
    'add rule ip bench c ct state new accept',
  ]);
}

/** The one rule that sends one Service to one endpoint: the least that translation can cost. */
export async function translateOne(lane: Lane): Promise<void> {
  const { node } = lane;
  const { first: service, port } = serviceTargets(lane, 1);
  const { first: endpoint, port: endpointPort } = endpointTargets(lane, 1);
  const chain = 'type nat hook prerouting priority -100;';
  await nft(node, [
    'add table ip bench',
    `add chain ip bench c { ${chain} }`,
    `add rule ip bench c ip daddr ${service} tcp dport ${String(port)} dnat to ${endpoint}:${String(endpointPort)}`,
  ]);
}

/**
 * One look-up that finds the Service, and one rule that sends all of them to one endpoint: the least that any ruleset costs in which
 * Services are data. There is no choice of an endpoint, no counter, and nothing at all after routing.
 */
export async function lookUpOne(lane: Lane, services: number): Promise<void> {
  const { node, space } = lane;
  const { first: endpoint, port: endpointPort } = endpointTargets(lane, 1);
  const elements = Array.from(
    { length: services },
    (_, n) => `${addressText(firstService(space) + n)} . tcp . ${String(SERVICE_PORT)} : goto translate`,
  );
  await nft(node, [
    'flush ruleset',
    'add table ip bench',
    'add chain ip bench translate',
    `add rule ip bench translate meta l4proto tcp dnat to ${endpoint}:${String(endpointPort)}`,
    'add map ip bench services { typeof ip daddr . meta l4proto . th dport : verdict; }',
    `add element ip bench services { ${elements.join(', ')} }`,
    'add chain ip bench c { type nat hook prerouting priority -100; }',
    'add rule ip bench c ip daddr . meta l4proto . th dport vmap @services',
  ]);
}

async function nft(node: Namespace, lines: readonly string[]): Promise<void> {
  await node.run(['nft', '-f', '-'], `${lines.join('\n')}\n`);
}

async function batch(namespace: Namespace, lines: readonly string[]): Promise<void> {
  await namespace.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}
