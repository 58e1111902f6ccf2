import type { NodePlan } from '../../../compile/l4/l4-plan.ts';
import { renderAffinityBase } from './affinity.ts';
import { changedChains } from './balance-chain.ts';
import type { Command, SetDeclaration, TableName } from './command.ts';
import { chainCommands, declaredChain, type Chain, type Declaration } from './declaration.ts';
import { FROM_NODE, fromInside, fromOwnPod, not, passedOn } from './local-sources.ts';
import { cidrText, FAMILIES, ofProtocol, PROTOCOLS, REFUSE, SETS, TABLE, WORDS, type Family } from './names.ts';

/** Endpoints are found by number; the modulus here only tells nft the type of that number. */
const SLOT = 'numgen random mod 65536';

/** The chain for addresses of load balancers that are no Service's at the port in question. */
const UNSERVED = 'unserved-balancer-ips';

/**
 * The fixed part of a family's tables, as commands that each make one thing. All base chains are of
 * type nat, which only the first packet of a connection visits: what is established costs nothing.
 */
export function renderBase(family: Family, node: NodePlan): readonly Command[] {
  const table: TableName = `${WORDS[family].family} ${TABLE}`;
  return [
    { do: 'add-table', table },
    ...mainSets(family).map((set): Command => ({ do: 'add-set', table, set })),
    ...mainChains(family, node).flatMap((chain) => chainCommands(table, chain)),
    ...renderAffinityBase(family),
  ];
}

function mainSets(family: Family): readonly SetDeclaration[] {
  const ip = WORDS[family].family;
  const vip = `${ip} daddr . meta l4proto . th dport`;
  const port = 'meta l4proto . th dport';
  const endpoint = `${ip} daddr . th dport`;
  return [
    { name: SETS.services, typeOf: vip, data: 'verdict' },
    { name: SETS.nodePorts, typeOf: port, data: 'verdict' },
    { name: SETS.shortCircuits, typeOf: vip, data: 'verdict' },
    { name: SETS.nodePortShortCircuits, typeOf: port, data: 'verdict' },
    ...endpointMaps(SETS.endpoints, `${endpoint} . ${SLOT}`, family),
    ...endpointMaps(SETS.nodePortEndpoints, `th dport . ${SLOT}`, family),
    ...endpointMaps(SETS.onlyEndpoint, endpoint, family),
    ...endpointMaps(SETS.nodePortOnlyEndpoint, 'th dport', family),
    ...endpointMaps(SETS.onlyLocalEndpoint, endpoint, family),
    ...endpointMaps(SETS.nodePortOnlyLocalEndpoint, 'th dport', family),
    { name: SETS.clusterIps, typeOf: `${ip} daddr` },
    { name: SETS.balancerIps, typeOf: `${ip} daddr` },
    { name: SETS.announcedIps, typeOf: `${ip} daddr` },
    { name: SETS.nodePortIps, typeOf: `${ip} daddr` },
    { name: SETS.podCidrs, typeOf: `${ip} saddr`, more: 'flags interval;' },
    { name: SETS.ownPodCidrs, typeOf: `${ip} saddr`, more: 'flags interval;' },
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

const REFUSAL: Chain = { name: REFUSE, rules: ['meta l4proto tcp reject with tcp reset', 'reject'] };

/**
 * Has {@link TABLE} drop what it refuses, while it is being replaced: a packet that is on its way through it when it is deleted finds its maps
 * empty, and is to be sent again and not refused. `reject` takes that back.
 */
export function renderRefusal(by: 'drop' | 'reject'): readonly Command[] {
  const chain: Chain = by === 'reject' ? REFUSAL : { name: REFUSE, rules: ['drop'] };
  return FAMILIES.flatMap((family): readonly Command[] => {
    const table: TableName = `${WORDS[family].family} ${TABLE}`;
    return [{ do: 'add-table', table }, ...chainCommands(table, chain)];
  });
}

/** A map to endpoints for each protocol. */
function endpointMaps(name: string, typeOf: string, family: Family): readonly SetDeclaration[] {
  return PROTOCOLS.map((protocol) => ({
    name: ofProtocol(name, protocol),
    typeOf,
    data: `${WORDS[family].family} daddr . ${protocol} dport`,
  }));
}

/**
 * A port that no Service has, at an address of a load balancer.
 *
 * Refused where the packet would go back out by the interface that it came in by, or the router, which sends whatever is for that address
 * here, would send it again, as often as its TTL lets it. Refused as well where this machine has the address for Services, or its programs
 * that listen on all addresses would be reached by it; pings and neighbours that look for the address are answered. What goes on to a balancer elsewhere, or to an address that
 * the machine has for another reason, goes its way.
 */
function unservedRules(family: Family): readonly string[] {
  const announced = `${WORDS[family].family} daddr @${SETS.announcedIps}`;
  return [
    `fib daddr . iif oif exists goto ${REFUSE}`,
    `${announced} meta l4proto { ${PROTOCOLS.join(', ')} } fib daddr type local goto ${REFUSE}`,
  ];
}

/** Each after those that it goes to. */
function mainChains(family: Family, node: NodePlan): readonly Chain[] {
  const services = ['jump services'];
  const comingIn = [...services, `${WORDS[family].family} daddr @${SETS.balancerIps} jump ${UNSERVED}`];
  const masquerading = ['ct status dnat jump masquerading'];
  return [
    REFUSAL,
    ...changedChains(family),
    { name: 'services', rules: serviceRules(family, node) },
    { name: UNSERVED, rules: unservedRules(family) },
    ...masqueradingChains(family, node).map(([name, rules]) => ({ name, rules })),
    {
      name: 'prerouting',
      rules: comingIn,
      hook: { hook: 'prerouting', priority: -101, comment: 'packets that come in' },
    },
    {
      name: 'output',
      rules: services,
      hook: { hook: 'output', priority: -101, comment: 'packets of the node itself' },
    },
    {
      name: 'postrouting',
      rules: masquerading,
      hook: { hook: 'postrouting', priority: 100, comment: 'sources to replace' },
    },
  ];
}

/** Where loadBalancerSourceRanges is looked at: only once a Service has it, since every new connection comes by. */
export function sourcesDeclarations(family: Family): readonly Declaration[] {
  const ip = WORDS[family].family;
  const table: TableName = `${ip} ${TABLE}`;
  const vip = `${ip} daddr . meta l4proto . th dport`;
  const outside = `${vip} @${SETS.restricted} ${vip} . ${ip} saddr != @${SETS.allowedSources}`;
  const own = `${outside} ${vip} . ${ip} saddr != @${SETS.allowedOwnSources}`;
  return [
    declaredChain(table, {
      name: 'sources',
      rules: [`${outside} drop`],
      hook: { hook: 'prerouting', priority: -110, comment: 'loadBalancerSourceRanges' },
    }),
    declaredChain(table, {
      name: 'own-sources',
      rules: [`${own} drop`],
      hook: { hook: 'output', priority: -110, comment: 'the same, from the node itself' },
    }),
  ];
}

function serviceRules(family: Family, node: NodePlan): readonly string[] {
  const ip = WORDS[family].family;
  const vip = `${ip} daddr . meta l4proto . th dport`;
  return [
    `${vip} vmap @${SETS.services}`,
    `${ip} daddr @${SETS.nodePortIps} meta l4proto . th dport vmap @${SETS.nodePorts}`,
    // Looked for once more: the kernel before 6.17 may miss an element that a transaction is just replacing by another value.
    `${ip} daddr @${SETS.clusterIps} ${vip} vmap @${SETS.services}`,
    // Ports that a Service does not have (KEP-3866): refused here, or the packet would look for the address elsewhere.
    `${ip} daddr @${SETS.clusterIps} goto ${REFUSE}`,
    // Dropped before conntrack confirms the connection: it would keep it untranslated, and a client that tries again as it was until after
    // its Service came. Not what the node itself has bound.
    ...(node.ownsClusterIpRanges
      ? clusterIpRanges(node, family).map((range) => `${ip} daddr ${range} fib daddr type != local drop`)
      : []),
  ];
}

function clusterIpRanges(node: NodePlan, family: Family): readonly string[] {
  return node.clusterIpRanges.filter((cidr) => cidr.family === family).map(cidrText);
}

/**
 * Which connections get the node's address as their source, told by where they were meant to go: no
 * packet mark, which other programs use too (kube-proxy's 0x4000, Calico, Cilium).
 *
 * Every new connection comes by, so ClusterIPs, of which there are most, leave early, by a comparison with their range and not a look-up
 * among all of them; and what is dear (`fib`, a look-up of a route) is asked last.
 */
function masqueradingChains(
  family: Family,
  node: NodePlan,
): readonly (readonly [name: string, rules: readonly string[]])[] {
  const ip = WORDS[family].family;
  const to = `ct original ${ip} daddr`;
  const port = 'meta l4proto . ct original proto-dst';
  const nodePorts = [
    ...eachProtocol((protocol) => `${protocol} ${port} @${SETS.masqueradedNodePorts} ${MASQUERADE}`),
    ...eachProtocol((protocol) => `${protocol} ${port} @${SETS.masqueradedOwnNodePorts} ${FROM_NODE} ${MASQUERADE}`),
  ];
  const strangers = masqueradingForeign(node, family);
  const hairpin = hairpinRule(family);
  return [
    ['masquerading-cluster-ips', strangers ?? [hairpin]],
    ['masquerading-nodeports', nodePorts],
    [
      'masquerading',
      [
        // Where nobody is told apart, a ClusterIP is as any other address that is not masqueraded.
        ...(strangers === undefined
          ? []
          : clusterIpRanges(node, family).map((range) => `${to} ${range} goto masquerading-cluster-ips`)),
        ...eachProtocol((protocol) => `${protocol} ${to} . ${port} @${SETS.masqueraded} ${MASQUERADE}`),
        ...eachProtocol((protocol) => `${protocol} ${to} . ${port} @${SETS.masqueradedOwn} ${FROM_NODE} ${MASQUERADE}`),
        `${to} @${SETS.nodePortIps} jump masquerading-nodeports`,
        // Those outside of the ranges that are known.
        ...(strangers === undefined ? [] : [`${to} @${SETS.clusterIps} goto masquerading-cluster-ips`]),
        hairpin,
      ],
    ],
  ];
}

function hairpinRule(family: Family): string {
  const ip = WORDS[family].family;
  return `${ip} saddr . ${ip} daddr @${SETS.hairpins} ${MASQUERADE}`;
}

/** Not of the node to itself: its source is right already, and lo has no address to give. */
const MASQUERADE = 'oifname != "lo" masquerade fully-random';

/** `ct original proto-dst` has no type before the protocol is known, hence a rule for each (nft(8), CONNTRACK EXPRESSIONS). */
function eachProtocol(rule: (match: string) => string): readonly string[] {
  return PROTOCOLS.map((protocol) => rule(`meta l4proto ${protocol}`));
}

/**
 * Replaces the source of what comes from anybody but a client inside of the cluster, as postrouting sees it, and of what comes back to its
 * sender; undefined where that is all there is to do, because nobody can be told apart.
 */
function masqueradingForeign(node: NodePlan, family: Family): readonly string[] | undefined {
  if (node.masqueradesAll) return [MASQUERADE];
  const inside = fromInside(node, family);
  if (inside === undefined) return undefined;
  const bridged = passedOn(inside);
  const hairpin = hairpinRule(family);
  const stranger = `${not(inside)} ${MASQUERADE}`;
  return bridged === undefined ? [stranger, hairpin] : [hairpin, `${bridged.match} return`, stranger];
}

/** What the rules of a family say of the node, apart from the elements that they look for: where this differs, all is made anew. */
export function ruleInputs(node: NodePlan): string {
  const byFamily = FAMILIES.map((family) => [
    masqueradingForeign(node, family),
    fromOwnPod(node, family),
    clusterIpRanges(node, family),
  ]);
  return JSON.stringify([byFamily, node.ownsClusterIpRanges]);
}
