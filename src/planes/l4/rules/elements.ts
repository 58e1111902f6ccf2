import { invariant } from '../../../lib/invariant.ts';
import type { EndpointAddress, Frontend, NodePlan, ServicePlan, ServicePortPlan } from '../../../compile/l4/l4-plan.ts';
import {
  affinityGroups,
  affinityTable,
  recallChain,
  recallDeclarations,
  rememberChain,
  rememberDeclarations,
  type AffinityGroup,
} from './affinity.ts';
import { balanceChain, endpointMap, externalLocalChain, type BalanceChain, type KeySpace } from './balance-chain.ts';
import { declaredChain, type Declaration } from './declaration.ts';
import type { TableName } from './command.ts';
import type { Element } from './element.ts';
import { fromOwnPod, lookedUpRanges, rangesOf, sourceMatches, sourceMatchesPastRouting } from './local-sources.ts';
import {
  addressText,
  AFFINITY_SETS,
  cidrText,
  FAMILIES,
  LOCAL_SLOTS,
  ofProtocol,
  PROTOCOL_WORDS,
  REFUSE,
  SETS,
  TABLE,
  WORDS,
  type Family,
  type ProtocolWord,
} from './names.ts';
import { sourcesDeclarations } from './ruleset.ts';

/** The elements that stand for one Service. No two Services share one, since compile has settled who has what. */
export function serviceElements(service: ServicePlan, node: NodePlan): readonly Element[] {
  const clusterIps = service.clusterIps.map((address) =>
    element(familyOf(address), SETS.clusterIps, addressText(address)),
  );
  return [
    ...clusterIps,
    ...service.ports.flatMap((port) => portElements(service, port, node)),
    ...affinityGroups(service).flatMap((group) => affinityElements(group, node)),
  ];
}

/** The elements that stand for the node itself. */
export function nodeElements(node: NodePlan): readonly Element[] {
  const addresses = node.nodePortAddresses.flatMap((address) => {
    const family = familyOf(address);
    return inBothTables(family, SETS.nodePortIps, addressText(address));
  });
  const ranges = FAMILIES.flatMap((family) => [
    ...lookedUpRanges(node, family).map((cidr) => element(family, SETS.podCidrs, cidrText(cidr))),
    ...rangesOf(node.ownPods, family).flatMap((cidr) => inBothTables(family, SETS.ownPodCidrs, cidrText(cidr))),
  ]);
  return [...addresses, ...ranges];
}

/** One of {@link SETS} that {@link AFFINITY_SETS} has too. */
function inBothTables(
  family: Family,
  set: (typeof SETS)['nodePortIps' | 'ownPodCidrs'],
  key: string,
): readonly [Element, Element] {
  return [element(family, set, key), { set: `${affinityTable(family)} ${set}`, key, value: undefined }];
}

/** The element for an endpoint that may reach itself. */
export function hairpinElement(address: string): Element {
  return element(familyOf(address), SETS.hairpins, `${addressText(address)} . ${addressText(address)}`);
}

/** The element for an address of a load balancer. */
export function balancerElement(address: string): Element {
  return element(familyOf(address), SETS.balancerIps, addressText(address));
}

/** The element for an address that this machine may have for a Service. */
export function announcedElement(address: string): Element {
  return element(familyOf(address), SETS.announcedIps, addressText(address));
}

function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

function portElements(service: ServicePlan, port: ServicePortPlan, node: NodePlan): readonly Element[] {
  const name = port.name === '' ? '' : `:${port.name}`;
  const comment = `${service.namespace}/${service.name}${name}`;
  return port.frontends.flatMap((frontend) => frontendElements(frontend, port, node, comment));
}

function frontendElements(
  frontend: Frontend,
  port: ServicePortPlan,
  node: NodePlan,
  comment: string,
): readonly Element[] {
  const { family } = port;
  const space: KeySpace = frontend.address === undefined ? 'node-port' : 'address';
  const key = frontendKey(frontend, PROTOCOL_WORDS[port.protocol]);
  const names = SETS_OF[space];
  const elements: Element[] = [verdict(names.verdicts, key, actionChain(frontend, port, node, space), family, comment)];
  const { action } = frontend;
  if (action.kind === 'reject') return [...elements, ...restrictions(frontend, family, key)];
  if (action.hasShortCircuit) {
    const chain = balanceChain(space, family, 'cluster', port.cluster.length);
    elements.push(verdict(names.shortCircuits, key, chain, family), element(family, names.masqueradedOwn, key));
  }
  if (action.hasShortCircuit || (action.kind === 'balance' && action.list === 'cluster'))
    elements.push(...slots(frontend, port, space, 'cluster'));
  if (action.kind === 'balance' && action.list === 'local') elements.push(...slots(frontend, port, space, 'local'));
  // Of ClusterIPs the ruleset knows itself when to masquerade.
  if (action.kind === 'balance' && action.masquerade === 'everybody' && frontend.kind !== 'ClusterIP')
    elements.push(element(family, names.masqueraded, key));
  return [...elements, ...restrictions(frontend, family, key)];
}

const SETS_OF = {
  address: {
    verdicts: SETS.services,
    shortCircuits: SETS.shortCircuits,
    masqueraded: SETS.masqueraded,
    masqueradedOwn: SETS.masqueradedOwn,
  },
  'node-port': {
    verdicts: SETS.nodePorts,
    shortCircuits: SETS.nodePortShortCircuits,
    masqueraded: SETS.masqueradedNodePorts,
    masqueradedOwn: SETS.masqueradedOwnNodePorts,
  },
} as const;

/** The key under which a frontend stands in the maps of its key space. */
export function frontendKey({ address, port }: Frontend, protocol: ProtocolWord): string {
  const rest = `${protocol} . ${String(port)}`;
  return address === undefined ? rest : `${addressText(address)} . ${rest}`;
}

function actionChain(
  { action }: Frontend,
  port: ServicePortPlan,
  node: NodePlan,
  space: KeySpace,
): BalanceChain | 'drop' | typeof REFUSE {
  const { family } = port;
  if (action.kind === 'reject') return REFUSE;
  if (action.hasShortCircuit) return externalLocalChain(space, family, port.local.length, fromOwnPod(node, family));
  if (action.kind === 'drop') return 'drop';
  return balanceChain(space, family, action.list, port[action.list].length);
}

function verdict(
  set: string,
  key: string,
  target: BalanceChain | 'drop' | typeof REFUSE,
  family: Family,
  comment?: string,
): Element {
  const table: TableName = `${WORDS[family].family} ${TABLE}`;
  const noted = comment === undefined ? {} : { comment };
  if (target === 'drop') return { set: `${table} ${set}`, key, value: 'drop', ...noted };
  if (target === REFUSE) return { set: `${table} ${set}`, key, value: `goto ${REFUSE}`, ...noted };
  return { set: `${table} ${set}`, key, value: `goto ${target.name}`, needs: declarationsOf(table, target), ...noted };
}

/** A chain and those that it goes to, which come first. Services share them. */
function declarationsOf(table: TableName, chain: BalanceChain): readonly Declaration[] {
  return [...(chain.needs ?? []), chain].map((needed) => declaredChain(table, needed));
}

/** Where the endpoints of a list stand for a frontend: by number, unless there is one alone. */
function slots(
  { address, port: number }: Frontend,
  port: ServicePortPlan,
  space: KeySpace,
  list: 'cluster' | 'local',
): readonly Element[] {
  const endpoints = port[list];
  invariant(endpoints.length <= LOCAL_SLOTS, 'a Service port has fewer endpoints than there are slots');
  const map = ofProtocol(endpointMap(space, list, endpoints.length), PROTOCOL_WORDS[port.protocol]);
  const set = `${WORDS[port.family].family} ${TABLE} ${map}`;
  const key = address === undefined ? String(number) : `${addressText(address)} . ${String(number)}`;
  const first = list === 'cluster' ? 0 : LOCAL_SLOTS;
  return endpoints.map((endpoint, index) => ({
    set,
    key: endpoints.length === 1 ? key : `${key} . ${String(first + index)}`,
    value: valueOf(endpoint),
  }));
}

function valueOf({ address, port }: EndpointAddress): string {
  return `${addressText(address)} . ${String(port)}`;
}

/** What makes the clients of a group be looked for, and remembered. */
function affinityElements(group: AffinityGroup, node: NodePlan): readonly Element[] {
  if (group.frontends.length === 0) return [];
  const table = affinityTable(group.family);
  const comingIn = sourceMatches(node, group.family);
  const pastRouting = sourceMatchesPastRouting(node, group.family);
  const recall = { value: `goto ${recallChain(group)}`, needs: recallDeclarations(group, comingIn) };
  const remember = { value: `goto ${rememberChain(group)}`, needs: rememberDeclarations(group, pastRouting) };
  return group.frontends.flatMap((frontend) => {
    const key = frontendKey(frontend, group.protocol);
    const isNodePort = frontend.address === undefined;
    const recalled = isNodePort ? AFFINITY_SETS.recalledNodePorts : AFFINITY_SETS.recalled;
    const remembered = isNodePort ? AFFINITY_SETS.rememberedNodePorts : AFFINITY_SETS.remembered;
    return [
      { set: `${table} ${recalled}`, key, ...recall },
      { set: `${table} ${remembered}`, key, ...remember },
    ];
  });
}

function restrictions(frontend: Frontend, family: Family, key: string): readonly Element[] {
  if (frontend.sourceRanges === undefined) return [];
  return [
    { ...element(family, SETS.restricted, key), needs: sourcesDeclarations(family) },
    ...frontend.sourceRanges.map((range) => element(family, SETS.allowedSources, `${key} . ${cidrText(range)}`)),
    ...frontend.ownSources.map((source) => element(family, SETS.allowedOwnSources, `${key} . ${addressText(source)}`)),
  ];
}

function element(family: Family, set: string, key: string): Element {
  return { set: `${WORDS[family].family} ${TABLE} ${set}`, key, value: undefined };
}
