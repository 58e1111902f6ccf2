/**
 * Who is in the lab and where. Three nodes with pods, and two clients outside, all on one segment without a way out:
 *
 *     ext    lbc    node-a (zone a)   node-b (zone b)   node-c (zone c)
 *      |      |        |   \             |   \             |   \
 *      |      |        |    a1 a2 a3     |    b1 b2        |    c1
 *     -+------+--------+-----------------+-----------------+------ lan
 *
 * Pods hang on veths of their own that the node routes, as the ptp and Calico plugins do it, or on a bridge of their node
 * ({@link PodNetwork}). `ext` reaches Service addresses through node-a and `lbc` through node-b, as a router with a route per address
 * would have it.
 */

export type NodeName = 'node-a' | 'node-b' | 'node-c';
export type PodName = 'a1' | 'a2' | 'a3' | 'b1' | 'b2' | 'c1';
export type ClientName = 'ext' | 'lbc';
/** A namespace that a process of the lab runs in. */
export type Place = NodeName | PodName | ClientName;

export type Family = 'IPv4' | 'IPv6';
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

export const NODES: readonly NodeName[] = ['node-a', 'node-b', 'node-c'];
export const PODS: readonly PodName[] = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'];
export const CLIENTS: readonly ClientName[] = ['ext', 'lbc'];
export const PLACES: readonly Place[] = [...NODES, ...PODS, ...CLIENTS];

/**
 * How pods reach their node: `routed`, or a `bridge` as the bridge plugin and flannel make it. Then pods of one node reach each other past
 * the node, and it is br_netfilter, which is on in every new namespace, that shows the rules what goes by.
 */
export type PodNetwork = 'routed' | 'bridge';

/** The bridge of a node's pods. */
export const POD_BRIDGE = 'cni0';

/** What the names of the veths begin with that routed pods hang on. */
export const POD_INTERFACE_PREFIX = 'pod-';

type ByFamily<T> = Readonly<Record<Family, T>>;

export const CLUSTER_CIDRS = '10.80.0.0/16,fd80::/48';
export const SERVICE_CIDRS: ByFamily<string> = { IPv4: '10.96.0.0/16', IPv6: 'fd96::/108' };
/** Where LoadBalancer addresses and externalIPs come from. */
export const PUBLIC_CIDRS: ByFamily<readonly string[]> = {
  IPv4: ['203.0.113.0/24', '198.51.100.0/24'],
  IPv6: ['2001:db8:113::/64', '2001:db8:51::/64'],
};

export const GATEWAY: ByFamily<string> = { IPv4: '10.90.0.1', IPv6: 'fd90::1' };

const HOSTS: Readonly<Record<NodeName | ClientName, number>> = {
  'node-a': 11,
  'node-b': 12,
  'node-c': 13,
  ext: 100,
  lbc: 101,
};

export function isNode(place: Place): place is NodeName {
  return NODES.some((node) => node === place);
}

export function isPod(place: Place): place is PodName {
  return PODS.some((pod) => pod === place);
}

export function zoneOf(node: NodeName): string {
  return `zone-${node.slice(-1)}`;
}

export function nodeOf(pod: PodName): NodeName {
  return pod.startsWith('a') ? 'node-a' : pod.startsWith('b') ? 'node-b' : 'node-c';
}

/** The node that a client of the outside reaches Service addresses through. */
export function entryOf(client: ClientName): NodeName {
  return client === 'ext' ? 'node-a' : 'node-b';
}

function subnetOf(node: NodeName): number {
  return NODES.indexOf(node) + 1;
}

/** The address of the node on its pods' side. */
export function podGateway(node: NodeName, family: Family): string {
  return family === 'IPv4' ? `10.80.${subnetOf(node)}.1` : `fd80:0:0:${subnetOf(node)}::1`;
}

export function podCidr(node: NodeName, family: Family): string {
  return family === 'IPv4' ? `10.80.${subnetOf(node)}.0/24` : `fd80:0:0:${subnetOf(node)}::/64`;
}

export function addressOf(place: Place, family: Family): string {
  if (!isPod(place)) return family === 'IPv4' ? `10.90.0.${HOSTS[place]}` : `fd90::${HOSTS[place]}`;
  const host = 10 + Number(place.slice(1));
  const subnet = subnetOf(nodeOf(place));
  return family === 'IPv4' ? `10.80.${subnet}.${host}` : `fd80:0:0:${subnet}::${host}`;
}

export function addressesOf(place: Place): readonly string[] {
  return FAMILIES.map((family) => addressOf(place, family));
}

/** Every address that a connection may seem to come from when the node masqueraded it. */
export function masqueradesOf(node: NodeName): readonly string[] {
  return FAMILIES.flatMap((family) => [addressOf(node, family), podGateway(node, family)]);
}
