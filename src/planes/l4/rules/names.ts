import { MOST_ENDPOINTS } from '../../../compile/l4/l4-plan.ts';
import { invariant } from '../../../lib/invariant.ts';
import type { Cidr } from '../../../model/cidr.ts';

/** An address family: each has tables of its own. */
export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];

/** Words of nft that differ by family: the family itself, and the expressions for addresses. */
export const WORDS: Readonly<Record<Family, { readonly family: 'ip' | 'ip6' }>> = {
  4: { family: 'ip' },
  6: { family: 'ip6' },
};

/** Our tables. Nothing else on the machine is ours. */
export const TABLE = 'sluice';
/** The same, put together in pieces while {@link TABLE} serves, which takes its place; then {@link TABLE} is the spare one. */
export const SPARE_TABLE = 'sluice-spare';
export const MAIN_TABLES = [TABLE, SPARE_TABLE] as const;
export type MainTable = (typeof MAIN_TABLES)[number];
/** Client affinity stands in a table of its own: nft 1.0.6 reads a whole table to list any part of it. */
export const AFFINITY_TABLE = 'sluice-affinity';

/** Sets and maps of {@link TABLE}. Concatenations are written in the order of their names. */
export const SETS = {
  /** address . protocol . port : what to do with a new connection. */
  services: 'services',
  /** protocol . node port : the same. */
  nodePorts: 'nodeports',
  /** As {@link services}, for pods of this node and the node itself where the policy is Local. */
  shortCircuits: 'short-circuits',
  nodePortShortCircuits: 'nodeport-short-circuits',
  /** address . port . slot : endpoint; one map for each protocol ({@link ofProtocol}). */
  endpoints: 'endpoints',
  nodePortEndpoints: 'nodeport-endpoints',
  /** address . port : endpoint, where there is one alone to choose from: nobody has to draw a number. */
  onlyEndpoint: 'only-endpoint',
  nodePortOnlyEndpoint: 'nodeport-only-endpoint',
  onlyLocalEndpoint: 'only-local-endpoint',
  nodePortOnlyLocalEndpoint: 'nodeport-only-local-endpoint',
  clusterIps: 'cluster-ips',
  balancerIps: 'balancer-ips',
  announcedIps: 'announced-ips',
  nodePortIps: 'nodeport-ips',
  /** Where clients inside of the cluster have their addresses, if in more than one range. */
  podCidrs: 'pod-cidrs',
  /** Where pods of this node have theirs. */
  ownPodCidrs: 'own-pod-cidrs',
  /** Connections through these get the node's address as their source. */
  masqueraded: 'masqueraded',
  masqueradedNodePorts: 'masqueraded-nodeports',
  /** Only connections of the node itself do. */
  masqueradedOwn: 'masqueraded-own',
  masqueradedOwnNodePorts: 'masqueraded-own-nodeports',
  /** endpoint . endpoint: who reaches itself. */
  hairpins: 'hairpins',
  restricted: 'restricted',
  allowedSources: 'allowed-sources',
  /** As {@link allowedSources}, for the node itself. */
  allowedOwnSources: 'allowed-own-sources',
} as const;

/** Sets and maps of {@link AFFINITY_TABLE}, besides those of each Service (affinity.ts). */
export const AFFINITY_SETS = {
  /** address . protocol . port : whose clients to look for. */
  recalled: 'recalled',
  recalledNodePorts: 'recalled-nodeports',
  /** address . protocol . port : whose clients to remember. */
  remembered: 'remembered',
  rememberedNodePorts: 'remembered-nodeports',
  /** The same as in {@link TABLE}: no rule can look into a set of another table. */
  nodePortIps: SETS.nodePortIps,
  ownPodCidrs: SETS.ownPodCidrs,
} as const;

/** The protocols of Services as nft names them. */
export const PROTOCOL_WORDS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;
export const PROTOCOLS = Object.values(PROTOCOL_WORDS);
export type ProtocolWord = (typeof PROTOCOLS)[number];

/**
 * The map of one protocol. No map whose values hold a port can serve them all: nft makes the protocol of the port in its type
 * (`tcp dport`) a condition of every rule that takes a destination from it, and 1.0.6 takes no `th dport` there.
 */
export function ofProtocol(map: string, protocol: ProtocolWord): string {
  return `${map}-${protocol}`;
}

/** The first slot of an endpoint on this node; those of the whole cluster start at 0. */
export const LOCAL_SLOTS = MOST_ENDPOINTS;

export const REFUSE = 'refuse';

/** An address as nft reads it; checked again although it has a brand, because it becomes syntax here. */
export function addressText(address: string): string {
  invariant(/^[0-9a-f.:]+$/.test(address), `${JSON.stringify(address)} is an address`);
  return address;
}

/** A range as nft reads it, checked in the same way. */
export function cidrText({ text }: Cidr): string {
  invariant(/^[0-9a-f.:]+\/\d{1,3}$/.test(text), `${JSON.stringify(text)} is a range`);
  return text;
}
