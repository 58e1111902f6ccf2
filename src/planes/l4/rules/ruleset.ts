import type { LocalPods, NodePlan } from '../../../compile/l4/l4-plan.ts';
import { renderAffinityBase } from './affinity.ts';
import {
  baseChainCommands,
  chainCommands,
  setCommand,
  type BaseChain,
  type Declaration,
  type SetDeclaration,
} from './declaration.ts';
import { FROM_NODE, fromLocalPod, not, passedOn } from './local-sources.ts';
import { AFFINITY_TABLE, FAMILIES, ofProtocol, PROTOCOLS, REFUSE, SETS, TABLE, WORDS, type Family } from './names.ts';

/** Endpoints are found by number; the modulus here only tells nft the type of that number. */
const SLOT = 'numgen random mod 65536';

/**
 * The fixed part of a family's tables, as commands that each make one thing. All base chains are of
 * type nat, which only the first packet of a connection visits: what is established costs nothing.
 */
export function renderBase(family: Family, node: NodePlan): readonly string[] {
  const table = `${WORDS[family].family} ${TABLE}`;
  return [
    `add table ${table}`,
    ...mainSets(family).map((set) => setCommand(table, set)),
    ...chainCommands(table, REFUSE, ['meta l4proto tcp reject with tcp reset', 'reject']),
    ...chainCommands(table, 'services', serviceRules(family)),
    ...masqueradingChains(family, node).flatMap(([name, rules]) => chainCommands(table, name, rules)),
    ...mainChains().flatMap((chain) => baseChainCommands(table, chain)),
    ...renderAffinityBase(family),
  ];
}

/** Parts of every ruleset that other rules use, by which can be seen whether our tables are whole. */
export const ANCHORS = FAMILIES.flatMap((family) => [
  { kind: 'chain', family, table: TABLE, name: 'services' } as const,
  { kind: 'map', family, table: TABLE, name: SETS.services } as const,
  { kind: 'chain', family, table: AFFINITY_TABLE, name: 'remember-nodeports' } as const,
]);

function mainSets(family: Family): readonly SetDeclaration[] {
  const ip = WORDS[family].family;
  const vip = `${ip} daddr . meta l4proto . th dport`;
  const port = 'meta l4proto . th dport';
  return [
    { name: SETS.services, typeOf: vip, data: 'verdict', more: 'counter;' },
    { name: SETS.nodePorts, typeOf: port, data: 'verdict', more: 'counter;' },
    { name: SETS.shortCircuits, typeOf: vip, data: 'verdict' },
    { name: SETS.nodePortShortCircuits, typeOf: port, data: 'verdict' },
    ...endpointMaps(SETS.endpoints, `${vip} . ${SLOT}`, family),
    ...endpointMaps(SETS.nodePortEndpoints, `${port} . ${SLOT}`, family),
    { name: SETS.clusterIps, typeOf: `${ip} daddr` },
    { name: SETS.nodePortIps, typeOf: `${ip} daddr` },
    { name: SETS.podCidrs, typeOf: `${ip} saddr`, more: 'flags interval;' },
    { name: SETS.masqueraded, typeOf: vip },
    { name: SETS.masqueradedNodePorts, typeOf: port },
    { name: SETS.masqueradedOwn, typeOf: vip },
    { name: SETS.masqueradedOwnNodePorts, typeOf: port },
    { name: SETS.hairpins, typeOf: `${ip} saddr . ${ip} daddr` },
    { name: SETS.restricted, typeOf: vip },
    { name: SETS.allowedSources, typeOf: `${vip} . ${ip} saddr`, more: 'flags interval;' },
    { name: SETS.allowedOwnSources, typeOf: `${vip} . ${ip} saddr` },
  ];
}

/** A map to endpoints for each protocol. */
function endpointMaps(name: string, typeOf: string, family: Family): readonly SetDeclaration[] {
  return PROTOCOLS.map((protocol) => ({
    name: ofProtocol(name, protocol),
    typeOf,
    data: `${WORDS[family].family} daddr . ${protocol} dport`,
  }));
}

function mainChains(): readonly BaseChain[] {
  const services = ['jump services'];
  const masquerading = ['ct status dnat jump masquerading'];
  return [
    { name: 'prerouting', hook: 'prerouting', priority: -101, rules: services, comment: 'packets that come in' },
    { name: 'output', hook: 'output', priority: -101, rules: services, comment: 'packets of the node itself' },
    { name: 'postrouting', hook: 'postrouting', priority: 100, rules: masquerading, comment: 'sources to replace' },
  ];
}

/** Where loadBalancerSourceRanges is looked at: only once a Service has it, since every new connection comes by. */
export function sourcesDeclarations(family: Family): readonly Declaration[] {
  const ip = WORDS[family].family;
  const table = `${ip} ${TABLE}`;
  const vip = `${ip} daddr . meta l4proto . th dport`;
  const outside = `${vip} @${SETS.restricted} ${vip} . ${ip} saddr != @${SETS.allowedSources}`;
  const rules = [`${outside} drop`];
  const ownRules = [`${outside} ${vip} . ${ip} saddr != @${SETS.allowedOwnSources} drop`];
  const chains = [
    { name: 'sources', hook: 'prerouting', priority: -110, rules, comment: 'loadBalancerSourceRanges' },
    { name: 'own-sources', hook: 'output', priority: -110, rules: ownRules, comment: 'the same, from the node itself' },
  ] as const;
  return chains.map((chain) => ({
    id: `chain ${table} ${chain.name}`,
    commands: baseChainCommands(table, chain),
    isOwned: false,
  }));
}

function serviceRules(family: Family): readonly string[] {
  const ip = WORDS[family].family;
  return [
    `${ip} daddr . meta l4proto . th dport vmap @${SETS.services}`,
    `${ip} daddr @${SETS.nodePortIps} meta l4proto . th dport vmap @${SETS.nodePorts}`,
    // Ports that a Service does not have (KEP-3866): refused here, or the packet would look for the address elsewhere.
    `${ip} daddr @${SETS.clusterIps} goto ${REFUSE}`,
  ];
}

/**
 * Which connections get the node's address as their source, told by where they were meant to go: no
 * packet mark, which other programs use too (kube-proxy's 0x4000, Calico, Cilium).
 *
 * Every new connection comes by, so ClusterIPs, of which there are most, leave early, and what is dear
 * (`fib`, a look-up of a route) is asked last.
 */
function masqueradingChains(
  family: Family,
  node: NodePlan,
): readonly (readonly [name: string, rules: readonly string[]])[] {
  const ip = WORDS[family].family;
  const to = `ct original ${ip} daddr`;
  const hairpin = `${ip} saddr . ${ip} daddr @${SETS.hairpins} ${MASQUERADE}`;
  const clusterIps = node.masqueradesAll ? [MASQUERADE] : masqueradingForeign(node.localPods, family);
  const port = 'meta l4proto . ct original proto-dst';
  const nodePorts = [
    ...eachProtocol((protocol) => `${protocol} ${port} @${SETS.masqueradedNodePorts} ${MASQUERADE}`),
    ...eachProtocol((protocol) => `${protocol} ${port} @${SETS.masqueradedOwnNodePorts} ${FROM_NODE} ${MASQUERADE}`),
  ];
  return [
    ['masquerading-cluster-ips', [hairpin, ...clusterIps]],
    ['masquerading-nodeports', nodePorts],
    [
      'masquerading',
      [
        `${to} @${SETS.clusterIps} goto masquerading-cluster-ips`,
        ...eachProtocol((protocol) => `${protocol} ${to} . ${port} @${SETS.masqueraded} ${MASQUERADE}`),
        ...eachProtocol((protocol) => `${protocol} ${to} . ${port} @${SETS.masqueradedOwn} ${FROM_NODE} ${MASQUERADE}`),
        `${to} @${SETS.nodePortIps} jump masquerading-nodeports`,
        hairpin,
      ],
    ],
  ];
}

/** Not of the node to itself: its source is right already, and lo has no address to give. */
const MASQUERADE = 'oifname != "lo" masquerade fully-random';

/** `ct original proto-dst` has no type before the protocol is known, hence a rule for each (nft(8), CONNTRACK EXPRESSIONS). */
function eachProtocol(rule: (match: string) => string): readonly string[] {
  return PROTOCOLS.map((protocol) => rule(`meta l4proto ${protocol}`));
}

/** Replaces the source of what comes from anybody but a pod of this node, as postrouting sees it. */
function masqueradingForeign(localPods: LocalPods, family: Family): readonly string[] {
  const local = fromLocalPod(localPods, family);
  if (local === undefined) return [];
  const bridged = passedOn(local);
  return [...(bridged === undefined ? [] : [`${bridged.match} return`]), `${not(local)} ${MASQUERADE}`];
}
