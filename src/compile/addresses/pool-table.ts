import type { IpFamily } from '../../lib/ip-number.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { familyOf, rangesOverlap, rangeText, type AddressRange } from '../../model/address-range.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { selects, type Labels } from '../../model/label-selector.ts';
import { byAge, keyOf, nameOf, type ObjectRef } from '../../model/object.ts';
import type { LoadBalancerWish } from '../../model/service.ts';
import type { PoolUsage } from './address-plan.ts';
import { PoolSpace } from './pool-space.ts';

/** A pool with what is free in it. */
export interface PoolState {
  readonly pool: AddressPool;
  readonly name: string;
  readonly spaces: ReadonlyMap<IpFamily, PoolSpace>;
  /** Its object is gone: who has an address of it keeps it for now, and nobody gets one. */
  readonly isGone: boolean;
}

/** Asks of a pool's `serviceAllocation`, for a Service and the labels of its namespace. */
export interface PoolCustomer {
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly wish: LoadBalancerWish;
}

/** The pools, without the ranges that an older one has already. Pools are known by their names, as annotations name them. */
export class PoolTable {
  #states: readonly PoolState[] = [];
  /** Only of pools with something wrong. */
  #findings: ReadonlyMap<string, readonly Finding[]> = new Map();

  /** Pools that give addresses by themselves come in the order in which they are asked: by priority, 0 last, then by name. */
  get states(): readonly PoolState[] {
    return this.#states;
  }

  /** A pool that there is an object of. */
  find(name: string): PoolState | undefined {
    return this.#states.find((state) => state.name === name && !state.isGone);
  }

  /** Whether there is a pool that addresses can be had from. */
  get hasAny(): boolean {
    return this.#states.some(({ isGone }) => !isGone);
  }

  /** The pool that an address is in. */
  poolOf(address: IpAddress): PoolState | undefined {
    return this.#states.find(({ spaces }) => spaces.get(familyOf(address))?.has(address) === true);
  }

  get usage(): readonly PoolUsage[] {
    return this.#states.flatMap(({ name, spaces }) =>
      [...spaces].map(([family, space]) => ({ pool: name, family, ...space.counts })),
    );
  }

  /**
   * Takes over new pools; those that are `gone` have what no other one has. In which order addresses were given back is remembered; what is taken is the caller's to say again. Returns
   * Findings by producer, empty ones to clear.
   */
  replace(
    pools: Iterable<AddressPool>,
    gone: ReadonlySet<AddressPool> = new Set(),
  ): ReadonlyMap<string, readonly Finding[]> {
    const returned = this.#states.flatMap(({ spaces }) => [...spaces.values()].flatMap((space) => [...space.returned]));
    const used: { readonly range: AddressRange; readonly owner: AddressPool }[] = [];
    const found = new Map([...this.#findings.keys()].map((key) => [key, [] as readonly Finding[]]));
    const faulty = new Map<string, readonly Finding[]>();
    const names = new Set<string>();
    const states = [...[...pools].sort((a, b) => byAge(a.meta, b.meta)), ...gone].flatMap((pool) => {
      const producer = `pool:${keyOf(pool.meta)}`;
      const isGone = gone.has(pool);
      if (names.has(pool.meta.name) && !isGone) {
        faulty.set(producer, [sameName(pool)]);
        return [];
      }
      names.add(pool.meta.name);
      const findings: Finding[] = [];
      const ranges = pool.ranges.filter((range, index) => {
        const other = used.find((item) => rangesOverlap(item.range, range));
        if (other !== undefined) findings.push(overlap(pool, index, other.range, other.owner));
        else used.push({ range, owner: pool });
        return other === undefined;
      });
      if (findings.length > 0 && !isGone) faulty.set(producer, findings);
      return [stateOf(pool, ranges, isGone)];
    });
    this.#states = states.sort((a, b) => rankOf(a) - rankOf(b) || (a.name < b.name ? -1 : 1));
    this.#findings = faulty;
    for (const address of returned) this.poolOf(address)?.spaces.get(familyOf(address))?.giveBack(address);
    return new Map([...found, ...faulty]);
  }
}

/** Whether a pool may serve a Service at all. */
export function isFor({ reserved }: AddressPool, { namespace, namespaceLabels, wish }: PoolCustomer): boolean {
  if (reserved === undefined) return true;
  const { namespaces, namespaceSelectors, serviceSelectors } = reserved;
  const isAnyNamespace = namespaces.length === 0 && namespaceSelectors.length === 0;
  const isNamespace =
    isAnyNamespace ||
    namespaces.includes(namespace) ||
    namespaceSelectors.some((selector) => selects(selector, namespaceLabels));
  const isService =
    serviceSelectors.length === 0 || serviceSelectors.some((selector) => selects(selector, wish.labels));
  return isNamespace && isService;
}

function stateOf(pool: AddressPool, ranges: readonly AddressRange[], isGone: boolean): PoolState {
  const spaces = new Map<IpFamily, PoolSpace>();
  for (const family of [4, 6] as const) {
    const own = ranges.filter((range) => range.family === family);
    if (own.length > 0) spaces.set(family, new PoolSpace(own, pool.avoidsBuggyAddresses));
  }
  return { pool, name: pool.meta.name, spaces, isGone };
}

/** Those that are kept for some Services go first, the most important one before the others. */
function rankOf({ pool }: PoolState): number {
  if (pool.reserved === undefined) return Number.MAX_SAFE_INTEGER;
  return pool.reserved.priority === 0 ? Number.MAX_SAFE_INTEGER - 1 : pool.reserved.priority;
}

/** Services name a pool by its name alone. */
function sameName({ meta }: AddressPool): Finding {
  const ref: ObjectRef = { kind: 'IPAddressPool', namespace: meta.namespace, name: meta.name };
  return finding(
    'ObjectDuplicate',
    ref,
    'metadata.name',
    `an older pool in another namespace is called ${meta.name}, too, and counts`,
  );
}

function overlap(pool: AddressPool, index: number, range: AddressRange, owner: AddressPool): Finding {
  const ref: ObjectRef = { kind: 'IPAddressPool', namespace: pool.meta.namespace, name: pool.meta.name };
  const where = owner === pool ? 'this pool' : nameOf({ ...ref, ...refOf(owner) });
  const message = `the range overlaps ${rangeText(range)} of ${where}, and is left out`;
  return finding('AddressPoolOverlap', ref, `spec.addresses[${String(index)}]`, message);
}

function refOf({ meta }: AddressPool): Pick<ObjectRef, 'namespace' | 'name'> {
  return { namespace: meta.namespace, name: meta.name };
}
