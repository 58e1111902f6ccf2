import { isRecord } from '../../../lib/is-record.ts';
import type { ServicePlan } from '../../../compile/l4/l4-plan.ts';
import {
  affinityGroups,
  affinityTable,
  clientsMap,
  endpointPorts,
  recallChain,
  rememberChain,
} from '../rules/affinity.ts';
import type { Command } from '../rules/command.ts';
import { AFFINITY_TABLE, WORDS, type Family } from '../rules/names.ts';
import type { ServiceTransition } from './transition.ts';

/** A map of clients, and the endpoints that a client may still be held to. */
export interface ClientsMap {
  readonly family: Family;
  readonly name: string;
  readonly endpoints: ReadonlySet<string>;
}

/** A client and the address of the endpoint it had last. */
export interface HeldClient {
  readonly map: string;
  readonly client: string;
  readonly endpoint: string;
}

/** Every map of clients that a Service has. */
export function clientsMapsOf(service: ServicePlan | undefined): readonly ClientsMap[] {
  return (service === undefined ? [] : affinityGroups(service)).flatMap((group) =>
    endpointPorts(group).map((port) => {
      const endpoints = group.endpoints.filter((endpoint) => endpoint.port === port).map(({ address }) => address);
      return { family: group.family, name: clientsMap(group, port), endpoints: new Set(endpoints) };
    }),
  );
}

/** The maps in which a change may have left clients that are held to an endpoint which is not there any more. */
export function disturbedMaps({ before, after }: ServiceTransition): readonly ClientsMap[] {
  const known = new Map(clientsMapsOf(before).map((map) => [`${String(map.family)} ${map.name}`, map]));
  return clientsMapsOf(after).filter((map) => {
    const old = known.get(`${String(map.family)} ${map.name}`);
    // One that is new to this plan may still be there from before, when its Service went and came back.
    return old === undefined || [...old.endpoints].some((address) => !map.endpoints.has(address));
  });
}

/** The clients of these maps that must be forgotten, because they would be sent where they may not go any more. */
export function staleClients(found: readonly HeldClient[], maps: readonly ClientsMap[]): readonly HeldClient[] {
  const endpoints = new Map(maps.map((map) => [map.name, map.endpoints]));
  return found.filter(({ map, endpoint }) => endpoints.get(map)?.has(endpoint) === false);
}

/** The chains and maps of Services that are listed, and that no Service of ours has: `chain ip sluice-affinity recall-…`. */
export function strayDeclarations(json: unknown, services: Iterable<ServicePlan>, family: Family): readonly string[] {
  const table = affinityTable(family);
  const wanted = new Set<string>();
  for (const service of services) {
    for (const group of affinityGroups(service)) {
      if (group.frontends.length > 0)
        wanted.add(`chain ${table} ${recallChain(group)}`).add(`chain ${table} ${rememberChain(group)}`);
      for (const port of endpointPorts(group)) wanted.add(`map ${table} ${clientsMap(group, port)}`);
    }
  }
  // Chains before maps, which their rules hold on to.
  const found = (['chain', 'map'] as const).flatMap((kind) =>
    objectsOf(json, kind).flatMap(({ name }) => (typeof name === 'string' ? `${kind} ${table} ${name}` : [])),
  );
  return found.filter((id) => / (?:recall|remember|clients)-/.test(id) && !wanted.has(id));
}

/** What to list for the chains of a family, in all tables: the one listing that costs the same whatever they hold. */
export function chainsArguments(family: Family): readonly string[] {
  return ['chains', WORDS[family].family];
}

/** The tables that packets enter by their routing, told by the chains that are listed. */
export function enteredTables(json: unknown): ReadonlySet<string> {
  const entered = objectsOf(json, 'chain').filter(({ name }) => name === 'prerouting');
  return new Set(entered.flatMap(({ table }) => (typeof table === 'string' ? [table] : [])));
}

/** Whether the table is there, and no Service has, or had, clients to remember: told by the chains that are listed. */
export function remembersNobody(json: unknown): boolean {
  const ours = objectsOf(json, 'chain').filter(({ table }) => table === AFFINITY_TABLE);
  return ours.length > 0 && ours.every(({ name }) => typeof name === 'string' && !name.startsWith('recall-'));
}

/** What to list for the whole table of a family. */
export function tableArguments(family: Family): readonly string[] {
  return ['table', WORDS[family].family, AFFINITY_TABLE];
}

/** What to list for one map. */
export function mapArguments({ family, name }: ClientsMap): readonly string[] {
  return ['map', WORDS[family].family, AFFINITY_TABLE, name];
}

/** Reads what nft lists (libnftables-json(5)). What does not look like a client is passed over. */
export function decodeClients(json: unknown): readonly HeldClient[] {
  return objectsOf(json, 'map').flatMap(({ name, elem }) => {
    if (typeof name !== 'string' || !Array.isArray(elem)) return [];
    return elem.flatMap((element: unknown) => decodeElement(name, element));
  });
}

function objectsOf(json: unknown, kind: 'chain' | 'map'): readonly Readonly<Record<string, unknown>>[] {
  const objects = isRecord(json) && Array.isArray(json['nftables']) ? json['nftables'] : [];
  return objects.flatMap((object: unknown) => {
    const found = isRecord(object) ? object[kind] : undefined;
    return isRecord(found) ? [found] : [];
  });
}

function decodeElement(map: string, element: unknown): readonly HeldClient[] {
  if (!Array.isArray(element)) return [];
  const [left, endpoint] = element as readonly unknown[];
  const client = isRecord(left) && isRecord(left['elem']) ? left['elem']['val'] : left;
  return typeof client === 'string' && typeof endpoint === 'string' ? [{ map, client, endpoint }] : [];
}

/** The commands that forget clients, one for each map. They fail where the kernel has forgotten one already. */
export function forget(clients: readonly HeldClient[], family: Family): readonly Command[] {
  return [...Map.groupBy(clients, ({ map }) => map)].map(([map, held]) => ({
    do: 'delete-elements',
    set: `${affinityTable(family)} ${map}`,
    elements: held.map(({ client }) => ({ key: client, value: undefined })),
  }));
}
