import { FROM_NODE } from './local-sources.ts';
import { LOCAL_SLOTS, ofProtocol, PROTOCOLS, SETS, WORDS, type Family } from './names.ts';

/** A chain that spreads connections over endpoints. There is one for each number of endpoints, shared by all Services. */
export interface BalanceChain {
  readonly name: string;
  readonly rules: readonly string[];
  /** Chains that it goes to, which must be there before it. */
  readonly needs?: readonly BalanceChain[];
}

/** How the destination of a packet is looked up: as an address with a port, or as a node port. */
export type KeySpace = 'address' | 'node-port';

/** All endpoints, or those on this node. */
type List = 'cluster' | 'local';

/** The expression that makes the key of a packet. */
export function keyOf(space: KeySpace, family: Family): string {
  return space === 'address' ? `${WORDS[family].family} daddr . meta l4proto . th dport` : 'meta l4proto . th dport';
}

/** The same in the maps of endpoints, each of which is of one protocol. */
function endpointKeyOf(space: KeySpace, family: Family): string {
  return space === 'address' ? `${WORDS[family].family} daddr . th dport` : 'th dport';
}

/** Where the endpoints of a list stand, as many as they are. */
export function endpointMap(space: KeySpace, list: List, count: number): string {
  if (count !== 1) return space === 'address' ? SETS.endpoints : SETS.nodePortEndpoints;
  if (list === 'cluster') return space === 'address' ? SETS.onlyEndpoint : SETS.nodePortOnlyEndpoint;
  return space === 'address' ? SETS.onlyLocalEndpoint : SETS.nodePortOnlyLocalEndpoint;
}

/** Spreads over `count` endpoints of a list. */
export function balanceChain(space: KeySpace, family: Family, list: List, count: number): BalanceChain {
  const name = `${prefixOf(space)}${list}-${String(count)}`;
  return { name, rules: [...translations(space, family, list, count, count), `goto ${changedChainName(space, list)}`] };
}

/**
 * For a packet that meets a change. A transaction is taken as a whole, but each look-up of a packet is made in the newest generation
 * (`nft_genmask_cur`): led to a chain by how many endpoints there were, it may find the maps as they are for how many there are now.
 * It gets the first of these. Where it finds none it is dropped, not refused: its client tries again, and meets what has become of the Service.
 */
export function changedChains(family: Family): readonly BalanceChain[] {
  return (['address', 'node-port'] as const).flatMap((space) =>
    (['cluster', 'local'] as const).map((list) => ({
      name: changedChainName(space, list),
      rules: [...translations(space, family, list, 1, 1), ...translations(space, family, list, MANY, 1), 'drop'],
    })),
  );
}

/** As many endpoints as have numbers. */
const MANY = 2;

function changedChainName(space: KeySpace, list: List): string {
  return `${prefixOf(space)}${list}-changed`;
}

function prefixOf(space: KeySpace): string {
  return space === 'address' ? '' : 'nodeport-';
}

/** To one of the first `among` of `count` endpoints. */
function translations(space: KeySpace, family: Family, list: List, count: number, among: number): readonly string[] {
  const map = endpointMap(space, list, count);
  const offset = list === 'local' ? ` offset ${String(LOCAL_SLOTS)}` : '';
  const slot = count === 1 ? '' : ` . numgen random mod ${String(among)}${offset}`;
  const key = `${endpointKeyOf(space, family)}${slot}`;
  return PROTOCOLS.map(
    (protocol) => `meta l4proto ${protocol} dnat ${WORDS[family].family} to ${key} map @${ofProtocol(map, protocol)}`,
  );
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
  const map = space === 'address' ? SETS.shortCircuits : SETS.nodePortShortCircuits;
  const lookUp = `${keyOf(space, family)} vmap @${map}`;
  const local = count === 0 ? undefined : balanceChain(space, family, 'local', count);
  return {
    name: `${prefixOf(space)}external-local-${String(count)}`,
    needs: local === undefined ? [] : [local],
    rules: [
      ...(fromOwnPod === undefined ? [] : [`${fromOwnPod} ${lookUp}`]),
      `${FROM_NODE} ${lookUp}`,
      local === undefined ? 'drop' : `goto ${local.name}`,
    ],
  };
}
