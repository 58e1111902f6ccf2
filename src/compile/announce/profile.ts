import type { AddressPool } from '../../model/address-pool.ts';
import type { L2Advertisement } from '../../model/l2-advertisement.ts';
import { selects, type Labels } from '../../model/label-selector.ts';
import type { Node } from '../../model/node.ts';
import type { Service } from '../../model/service.ts';

/** Which nodes answer for an address, where, and which of them would rather. */
export interface Profile {
  /** Names of the nodes, sorted, those that would rather have it first. */
  readonly nodes: readonly string[];
  /** The nodes that take it back from others. */
  readonly preferred: ReadonlySet<string>;
  /** Empty: the interface that the address belongs to. */
  readonly interfaces: readonly string[];
  /**
   * What makes it this profile on every node. Of what the advertisements say and not of the nodes that they select: nodes come and go, and
   * do not see one another come at the same moment.
   */
  readonly key: string;
}

/** A node by what decides about it. */
export type NodeLabels = Pick<Node, 'labels'> & { readonly name: string };

/**
 * The profile of an address of `pool` that `services` have. Undefined where there are advertisements and none is for it: then nobody
 * answers. Several advertisements add up (MetalLB): any of them lets a node, or an interface, in.
 */
export function profileOf(
  pool: AddressPool | undefined,
  services: readonly Service[],
  advertisements: readonly L2Advertisement[],
  nodes: readonly NodeLabels[],
): Profile | undefined {
  if (advertisements.length === 0) return makeProfile('', nodes, [], () => 0);
  const matching = advertisements.filter((item) => isFor(item, pool, services));
  if (matching.length === 0) return undefined;
  const candidates = nodes.filter(({ labels }) =>
    matching.some(({ nodeSelectors }) => nodeSelectors.length === 0 || anySelects(nodeSelectors, labels)),
  );
  const isAnyInterface = matching.some(({ interfaces }) => interfaces.length === 0);
  const interfaces = isAnyInterface ? [] : [...new Set(matching.flatMap((item) => item.interfaces))].sort();
  return makeProfile(keyOf(matching), candidates, interfaces, ({ labels }) =>
    matching
      .flatMap((item) => item.preferredNodes)
      .reduce((sum, { weight, selector }) => sum + (selects(selector, labels) ? weight : 0), 0),
  );
}

function keyOf(advertisements: readonly L2Advertisement[]): string {
  const texts = advertisements.map(({ nodeSelectors, preferredNodes, interfaces }) =>
    JSON.stringify([nodeSelectors, preferredNodes, interfaces]),
  );
  return [...new Set(texts)].sort().join();
}

function makeProfile(
  key: string,
  nodes: readonly NodeLabels[],
  interfaces: readonly string[],
  weightOf: (node: NodeLabels) => number,
): Profile {
  const weights = new Map(nodes.map((node) => [node.name, weightOf(node)]));
  const names = [...weights.keys()].sort((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0) || (a < b ? -1 : 1));
  const most = Math.max(0, ...weights.values());
  const preferred = new Set(names.filter((name) => most > 0 && weights.get(name) === most));
  return { nodes: names, preferred, interfaces, key };
}

/** What advertisements of either kind say of the addresses that they are for. */
export type AdvertisedAddresses = Pick<L2Advertisement, 'pools' | 'poolSelectors' | 'serviceSelectors'>;

/** Whether an advertisement is for the addresses of `pool` that `services` have. */
export function isFor(
  advertisement: AdvertisedAddresses,
  pool: AddressPool | undefined,
  services: readonly Service[],
): boolean {
  return isOfPool(advertisement, pool) && isOfServices(advertisement, services);
}

/** Whether an advertisement is for a pool, for whatever Services. */
export function isOfPool({ pools, poolSelectors }: AdvertisedAddresses, pool: AddressPool | undefined): boolean {
  if (pools.length === 0 && poolSelectors.length === 0) return true;
  return pool !== undefined && (pools.includes(pool.meta.name) || anySelects(poolSelectors, pool.labels));
}

/** Of an address that several Services share, one that is selected is enough: it is the address that is answered for. */
function isOfServices({ serviceSelectors }: AdvertisedAddresses, services: readonly Service[]): boolean {
  if (serviceSelectors.length === 0) return true;
  return services.some(({ loadBalancer }) => anySelects(serviceSelectors, loadBalancer?.labels ?? {}));
}

/** Whether one of them does. */
export function anySelects(selectors: L2Advertisement['nodeSelectors'], labels: Labels): boolean {
  return selectors.some((selector) => selects(selector, labels));
}
