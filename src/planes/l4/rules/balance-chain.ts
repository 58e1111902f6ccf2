import { FROM_NODE } from './local-sources.ts';
import { LOCAL_SLOTS, ofProtocol, PROTOCOLS, REFUSE, SETS, WORDS, type Family } from './names.ts';

/** A chain that spreads connections over endpoints. There is one for each number of endpoints, shared by all Services. */
export interface BalanceChain {
  readonly name: string;
  readonly rules: readonly string[];
  /** Chains that it goes to, which must be there before it. */
  readonly needs?: readonly BalanceChain[];
}

/** How the destination of a packet is looked up: as an address with a port, or as a node port. */
export type KeySpace = 'address' | 'node-port';

/** The expression that makes the key of a packet. */
export function keyOf(space: KeySpace, family: Family): string {
  return space === 'address' ? `${WORDS[family].family} daddr . meta l4proto . th dport` : 'meta l4proto . th dport';
}

/** The same in the maps of endpoints, each of which is of one protocol. */
function endpointKeyOf(space: KeySpace, family: Family): string {
  return space === 'address' ? `${WORDS[family].family} daddr . th dport` : 'th dport';
}

/** Where the endpoints of a list stand, as many as they are. */
export function endpointMap(space: KeySpace, list: 'cluster' | 'local', count: number): string {
  if (count !== 1) return space === 'address' ? SETS.endpoints : SETS.nodePortEndpoints;
  if (list === 'cluster') return space === 'address' ? SETS.onlyEndpoint : SETS.nodePortOnlyEndpoint;
  return space === 'address' ? SETS.onlyLocalEndpoint : SETS.nodePortOnlyLocalEndpoint;
}

/**
 * Spreads over `count` endpoints of a list. A slot that is missing, which the order of changes
 * excludes, would let the packet leave untranslated; it is refused instead.
 */
export function balanceChain(space: KeySpace, family: Family, list: 'cluster' | 'local', count: number): BalanceChain {
  const prefix = space === 'address' ? '' : 'nodeport-';
  const map = endpointMap(space, list, count);
  const offset = list === 'local' ? ` offset ${String(LOCAL_SLOTS)}` : '';
  const slot = count === 1 ? '' : ` . numgen random mod ${String(count)}${offset}`;
  const key = `${endpointKeyOf(space, family)}${slot}`;
  const translations = PROTOCOLS.map(
    (protocol) => `meta l4proto ${protocol} dnat ${WORDS[family].family} to ${key} map @${ofProtocol(map, protocol)}`,
  );
  return { name: `${prefix}${list}-${String(count)}`, rules: [...translations, `goto ${REFUSE}`] };
}

/**
 * For externalTrafficPolicy Local: sources on this node use the endpoints of the whole cluster, since
 * they have not come in from outside; all others those on this node, or none (count 0).
 */
export function externalLocalChain(
  space: KeySpace,
  family: Family,
  count: number,
  fromOwnPod: string | undefined,
): BalanceChain {
  const prefix = space === 'address' ? '' : 'nodeport-';
  const map = space === 'address' ? SETS.shortCircuits : SETS.nodePortShortCircuits;
  const lookUp = `${keyOf(space, family)} vmap @${map}`;
  const local = count === 0 ? undefined : balanceChain(space, family, 'local', count);
  return {
    name: `${prefix}external-local-${String(count)}`,
    needs: local === undefined ? [] : [local],
    rules: [
      ...(fromOwnPod === undefined ? [] : [`${fromOwnPod} ${lookUp}`]),
      `${FROM_NODE} ${lookUp}`,
      local === undefined ? 'drop' : `goto ${local.name}`,
    ],
  };
}
