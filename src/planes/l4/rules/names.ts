import { MOST_ENDPOINTS } from '../../../compile/l4/l4-plan.ts';

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
  /** address . protocol . port . slot : endpoint; one map for each protocol ({@link ofProtocol}). */
  endpoints: 'endpoints',
  nodePortEndpoints: 'nodeport-endpoints',
  clusterIps: 'cluster-ips',
  nodePortIps: 'nodeport-ips',
  podCidrs: 'pod-cidrs',
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
  podCidrs: SETS.podCidrs,
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
