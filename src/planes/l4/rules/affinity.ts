import { createHash } from 'node:crypto';
import { invariant } from '../../../lib/invariant.ts';
import type { EndpointAddress, Frontend, ServicePlan } from '../../../compile/l4/l4-plan.ts';
import type { Command, TableName } from './command.ts';
import { chainCommands, declaredChain, type Declaration } from './declaration.ts';
import type { SourceMatches } from './local-sources.ts';
import { AFFINITY_SETS, AFFINITY_TABLE, PROTOCOL_WORDS, PROTOCOLS, WORDS, type Family } from './names.ts';

/**
 * Frontends of one Service port that hold a client to one endpoint together: a client that comes by
 * the ClusterIP one time and by a node port the next finds the same one (core/v1 sessionAffinity is of
 * the Service, not of an address). Frontends under another traffic policy are a group of their own,
 * since the endpoint of one may be forbidden to the other.
 */
export interface AffinityGroup {
  readonly family: Family;
  /** Unique, and readable in a listing: `shop/web/tcp/http`. */
  readonly id: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly timeoutS: number;
  /** None where it is there only for the {@link local} clients of another. */
  readonly frontends: readonly Frontend[];
  /** All that a client may be held to. */
  readonly endpoints: readonly EndpointAddress[];
  /**
   * The group that sources on this node belong to where they are short-circuited, since they have the endpoints of the whole cluster.
   * In a map of both, a client outside would be held to an endpoint elsewhere that somebody here with its address had before: pods'
   * addresses go from node to node where they are not of the node's podCIDR, and so do virtual addresses of nodes.
   */
  readonly local: AffinityGroup | undefined;
}

/** The affinity groups of a Service. */
export function affinityGroups(service: ServicePlan): readonly AffinityGroup[] {
  return service.ports.flatMap((port) => {
    const { affinityTimeoutS: timeoutS, family } = port;
    if (timeoutS === undefined) return [];
    const protocol = PROTOCOL_WORDS[port.protocol];
    const name = shortened(
      `${service.namespace}/${service.name}/${protocol}${port.name === '' ? '' : `/${port.name}`}`,
    );
    const groupOf = (policy: GroupPolicy, id: string, local?: AffinityGroup): AffinityGroup => {
      const frontends = port.frontends.filter((frontend) => policyOf(frontend) === policy);
      const endpoints = policy === 'cluster' ? port.cluster : port.local;
      return { family, id, protocol, timeoutS, frontends, endpoints, local };
    };
    const cluster = groupOf('cluster', name);
    const local = groupOf('local', `${name}/local`);
    const external = groupOf('external-local', `${name}/external-local`, cluster);
    return [cluster, local, external].filter(
      (group) => group.frontends.length > 0 || (group === cluster && external.frontends.length > 0),
    );
  });
}

type GroupPolicy = 'cluster' | 'local' | 'external-local';

function policyOf({ action }: Frontend): GroupPolicy | undefined {
  if (action.kind === 'reject') return undefined;
  if (action.hasShortCircuit) return 'external-local';
  return action.kind === 'drop' ? undefined : action.list;
}

/**
 * The map from clients of a group to the address of their endpoint, one for each port that endpoints
 * have: nft 1.0.6 aborts where a packet is to write an IPv6 address together with a port.
 */
export function clientsMap({ id }: AffinityGroup, endpointPort: number): string {
  return `clients-${id}/${String(endpointPort)}`;
}

/** The ports of a group's endpoints, sorted: almost always one. */
export function endpointPorts({ endpoints }: AffinityGroup): readonly number[] {
  return [...new Set(endpoints.map(({ port }) => port))].sort((a, b) => a - b);
}

/** The table of a family. */
export function affinityTable(family: Family): TableName {
  return `${WORDS[family].family} ${AFFINITY_TABLE}`;
}

/** The most clients that a group remembers, so that a flood of made-up sources fills a bounded piece of memory. */
const MAX_CLIENTS = 65_536;

/** The chain that sends a client where it went last, if it is known; the next table decides otherwise. */
export function recallDeclarations(group: AffinityGroup, sources: SourceMatches): readonly Declaration[] {
  const ip = WORDS[group.family].family;
  const rules = eachSource(group, sources, (match, of, port) => {
    const map = clientsMap(of, port);
    return `${match}meta l4proto ${of.protocol} dnat ${ip} to ${ip} saddr map @${map} : ${String(port)}`;
  });
  return chainDeclarations(group, recallChain(group), rules);
}

/** The chain that remembers where a client went. */
export function rememberDeclarations(group: AffinityGroup, sources: SourceMatches): readonly Declaration[] {
  const ip = WORDS[group.family].family;
  const rules = eachSource(group, sources, (match, of, port) => {
    const map = clientsMap(of, port);
    return `${match}${of.protocol} dport ${String(port)} update @${map} { ${ip} saddr timeout ${String(of.timeoutS)}s : ${ip} daddr }`;
  });
  return chainDeclarations(group, rememberChain(group), rules);
}

/** A rule for each port of a group, and where sources on this node are of another group, for each of them and port of that one. */
function eachSource(
  group: AffinityGroup,
  { local, others }: SourceMatches,
  rule: (match: string, of: AffinityGroup, port: number) => string,
): readonly string[] {
  const rulesOf = (match: string, of: AffinityGroup): readonly string[] =>
    endpointPorts(of).map((port) => rule(match, of, port));
  const of = group.local;
  if (of === undefined) return rulesOf('', group);
  const matching = (matches: readonly string[], whose: AffinityGroup): readonly string[] =>
    matches.flatMap((match) => rulesOf(`${match} `, whose));
  return [...matching(local, of), ...matching(others, group)];
}

function chainDeclarations(group: AffinityGroup, name: string, rules: readonly string[]): readonly Declaration[] {
  return [
    ...hookDeclarations(group.family),
    ...(group.local === undefined ? [] : clientsMaps(group.local)),
    ...clientsMaps(group),
    declaredChain(affinityTable(group.family), { name, rules }),
  ];
}

/** Names say what the rules depend on, so that a chain never has to change its rules while packets go through it. */
export function recallChain(group: AffinityGroup): string {
  return `recall-${group.id}/${portsText(group)}`;
}

export function rememberChain(group: AffinityGroup): string {
  return `remember-${group.id}/${String(group.timeoutS)}s/${portsText(group)}`;
}

function portsText(group: AffinityGroup): string {
  const groups = group.local === undefined ? [group] : [group, group.local];
  return shortened(groups.map((each) => endpointPorts(each).join('-')).join('/'));
}

/** The kernel takes names of up to 255 bytes (NFT_NAME_MAXLEN), which a name, its ports and our own words share. */
const LONGEST_PART = 100;

/** A text as it is, or where it is too long its beginning and a digest of the whole. */
function shortened(text: string): string {
  if (text.length <= LONGEST_PART) return text;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 32);
  return `${text.slice(0, LONGEST_PART - digest.length - 1)}-${digest}`;
}

function clientsMaps(group: AffinityGroup): readonly Declaration[] {
  invariant(/^[a-z0-9./-]+$/.test(group.id), `${JSON.stringify(group.id)} is made of names`);
  const ip = WORDS[group.family].family;
  const table = affinityTable(group.family);
  return endpointPorts(group).map((port) => {
    const name = clientsMap(group, port);
    const more = `flags dynamic,timeout; size ${String(MAX_CLIENTS)};`;
    const set = { name, typeOf: `${ip} saddr`, data: `${ip} daddr`, more };
    return { id: `map ${table} ${name}`, commands: [{ do: 'add-set', table, set }] };
  });
}

/** The fixed part of the table of a family. What clients had stays in it; the rest is told anew. */
export function renderAffinityBase(family: Family): readonly Command[] {
  const ip = WORDS[family].family;
  const table = affinityTable(family);
  const vip = `${ip} daddr . meta l4proto . th dport`;
  const port = 'meta l4proto . th dport';
  const { recalled, recalledNodePorts, remembered, rememberedNodePorts, nodePortIps, ownPodCidrs } = AFFINITY_SETS;
  const maps = [
    { name: recalled, typeOf: vip, data: 'verdict' },
    { name: recalledNodePorts, typeOf: port, data: 'verdict' },
    { name: remembered, typeOf: vip, data: 'verdict' },
    { name: rememberedNodePorts, typeOf: port, data: 'verdict' },
  ];
  const sets = [
    { name: nodePortIps, typeOf: `${ip} daddr` },
    { name: ownPodCidrs, typeOf: `${ip} saddr`, more: 'flags interval;' },
  ];
  return [
    { do: 'add-table', table },
    ...[...maps, ...sets].map((set): Command => ({ do: 'add-set', table, set })),
    ...maps.map(({ name }): Command => ({ do: 'flush', id: `map ${table} ${name}` })),
    ...sets.map(({ name }): Command => ({ do: 'flush', id: `set ${table} ${name}` })),
    ...rememberChains(family).flatMap(([name, rules]) => chainCommands(table, { name, rules })),
  ];
}

/** Where packets enter the table. Only once there is a group: they cost every new connection 0.7 µs, and few clusters have any. */
function hookDeclarations(family: Family): readonly Declaration[] {
  const ip = WORDS[family].family;
  const table = affinityTable(family);
  const port = 'meta l4proto . th dport';
  const { recalled, recalledNodePorts, nodePortIps } = AFFINITY_SETS;
  const recall = [
    `${ip} daddr . ${port} vmap @${recalled}`,
    `${ip} daddr @${nodePortIps} ${port} vmap @${recalledNodePorts}`,
  ];
  const chains = [
    { name: 'prerouting', priority: -102, rules: recall, comment: 'clients that are known' },
    { name: 'output', priority: -102, rules: recall, comment: 'the same, on the node itself' },
    ...(['input', 'postrouting'] as const).map((name) => ({
      name,
      priority: 90,
      rules: ['ct status dnat jump remember'],
      comment: 'before sources are replaced',
    })),
  ] as const;
  return chains.map(({ name, priority, rules, comment }) =>
    declaredChain(table, { name, rules, hook: { hook: name, priority, comment } }),
  );
}

/** `ct original proto-dst` has no type before the protocol is known, hence a rule for each (nft(8), CONNTRACK EXPRESSIONS). */
function rememberChains(family: Family): readonly (readonly [name: string, rules: readonly string[]])[] {
  const to = `ct original ${WORDS[family].family} daddr`;
  const port = 'meta l4proto . ct original proto-dst';
  const { remembered, rememberedNodePorts, nodePortIps } = AFFINITY_SETS;
  return [
    [
      'remember-nodeports',
      PROTOCOLS.map((protocol) => `meta l4proto ${protocol} ${port} vmap @${rememberedNodePorts}`),
    ],
    [
      'remember',
      [
        ...PROTOCOLS.map((protocol) => `meta l4proto ${protocol} ${to} . ${port} vmap @${remembered}`),
        `${to} @${nodePortIps} jump remember-nodeports`,
      ],
    ],
  ];
}
