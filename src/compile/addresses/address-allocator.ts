import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpFamily } from '../../lib/ip-number.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { familyOf } from '../../model/address-range.ts';
import type { Finding } from '../../model/finding.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { byAge, keyOf, type ObjectRef } from '../../model/object.ts';
import type { LoadBalancerWish, Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { DependencyIndex } from '../dependency-index.ts';
import { AddressHolders } from './address-holders.ts';
import {
  FLAG_POOL,
  type AddressAssignment,
  type AddressAssignments,
  type AddressSettings,
  type HeldAddresses,
  type PoolUsage,
} from './address-plan.ts';
import { fitsFamilies, inOrder, wantedFamilies, type WantedFamilies } from './address-wish.ts';
import { pendingFindings, type FullPool, type Pending } from './pending.ts';
import { isFor, PoolTable, type PoolCustomer, type PoolState } from './pool-table.ts';

/** As many Services are named in a Finding about a full pool. */
const MOST_HOLDERS_NAMED = 8;

/**
 * For how long addresses of a pool whose object is gone are kept, in milliseconds. When a CRD is deleted its objects go one by one; by then
 * the last of them is gone as well, and nothing is taken back at all.
 */
const GONE_POOL_MS = 10_000;

/** What an update did. */
export interface AddressChange {
  /** Services whose assignment is another one now. */
  readonly moved: ReadonlySet<string>;
  /** Of every Service and pool that was looked at, by producer; empty ones to clear. */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
}

/** A Service of ours that is being given addresses. */
interface Candidate {
  readonly key: string;
  readonly service: Service;
  readonly wish: LoadBalancerWish;
  readonly customer: PoolCustomer;
  /** Undefined where what is asked for cannot be. */
  readonly families: WantedFamilies | undefined;
}

/**
 * Gives Services of type LoadBalancer addresses from pools (metallb.io/v1beta1, whose users find here what they know: the order in which
 * pools are asked, requests by name, sharing).
 *
 * Who has an address keeps it for as long as it may have it: through restarts and changes of leader, since what stands in the status of a
 * Service is looked at first, and through edits of pools that still contain it. Of two that claim one, the older Service has it. Those
 * that ask for an address by name go before those that take any. What is given back is given out last.
 */
export class AddressAllocator {
  readonly #settings: AddressSettings;
  readonly #heldBefore: HeldAddresses;
  readonly #pools = new PoolTable();
  readonly #holders = new AddressHolders();
  /** The Services that have addresses of a pool. */
  readonly #holdersOf = new DependencyIndex();
  /** Services that wait for an address. */
  readonly #waiting = new Set<string>();
  /** Pools whose objects are gone, and since when, in milliseconds since 1970. */
  readonly #gone = new Map<AddressPool, number>();
  #before: Pick<Snapshot, 'addressPools' | 'namespaces'> | undefined;
  assignments: AddressAssignments = PersistentMap.empty();

  /** `heldBefore`: where no status says who has what, because there is no API server, what an earlier run gave out. */
  constructor(settings: AddressSettings, heldBefore: HeldAddresses = PersistentMap.empty()) {
    this.#settings = settings;
    this.#heldBefore = heldBefore;
  }

  /** How full the pools are, in the order in which they are asked. */
  get usage(): readonly PoolUsage[] {
    return this.#pools.usage;
  }

  /**
   * Brings assignments up to date with changed Services, pools and namespaces. Without any pool nothing is given and nothing taken back:
   * an API server that has lost its CRDs must not cost anybody an address.
   */
  update(changed: ReadonlySet<string>, snapshot: Snapshot, nowMs: number): AddressChange {
    const findings = new Map<string, readonly Finding[]>();
    const moved = new Set<string>();
    const dirty = new Set([...changed, ...this.#takePools(snapshot, nowMs, findings)]);
    const candidates = new Map<string, Candidate>();
    for (const key of dirty) {
      const candidate = this.#candidateOf(key, snapshot);
      if (candidate !== undefined) candidates.set(key, candidate);
    }
    if (!this.#pools.hasAny) {
      this.#withoutPools(dirty, candidates, moved, findings);
      return { moved, findings };
    }
    const freed = this.#reclaim(dirty, candidates, moved);
    // Whoever waits may have what was given back.
    if (freed) for (const key of this.#waiting) if (!candidates.has(key)) this.#addWaiting(key, snapshot, candidates);
    this.#serve(candidates, moved, findings);
    for (const key of dirty) if (!candidates.has(key)) this.#forget(key, findings);
    return { moved, findings };
  }

  /** Returns the Services that have to be looked at because pools or namespaces are others now. */
  #takePools(snapshot: Snapshot, nowMs: number, findings: Map<string, readonly Finding[]>): Iterable<string> {
    const before = this.#before;
    this.#before = snapshot;
    const areSamePools = before?.addressPools === snapshot.addressPools;
    if (before !== undefined && !areSamePools) this.#noteGone(before.addressPools, snapshot.addressPools, nowMs);
    const isSame = this.#expireGone(nowMs) && areSamePools;
    if (isSame && before.namespaces === snapshot.namespaces) return [];
    const pools = [...this.#poolOfFlag(), ...snapshot.addressPools.values()];
    if (!isSame)
      for (const [producer, found] of this.#pools.replace(pools, new Set(this.#gone.keys())))
        findings.set(producer, found);
    return snapshot.services.keys();
  }

  #noteGone(before: Snapshot['addressPools'], after: Snapshot['addressPools'], nowMs: number): void {
    PersistentMap.diff(before, after, (_, left, right) => {
      if (left !== undefined && right === undefined && this.#holdersOf.ownersOf(left.meta.name).size > 0)
        this.#gone.set(left, nowMs);
    });
    for (const pool of this.#gone.keys()) if (after.has(keyOf(pool.meta))) this.#gone.delete(pool);
  }

  /** While there is no pool at all, nothing expires. Returns whether nothing has. */
  #expireGone(nowMs: number): boolean {
    const expired = [...this.#gone].filter(([, sinceMs]) => nowMs >= sinceMs + GONE_POOL_MS || nowMs < sinceMs);
    if (expired.length === 0 || !this.#pools.hasAny) return true;
    for (const [pool] of expired) this.#gone.delete(pool);
    return false;
  }

  #poolOfFlag(): readonly AddressPool[] {
    const { pool: ranges } = this.#settings;
    if (ranges.length === 0) return [];
    const meta = { namespace: '', name: FLAG_POOL, uid: '', createdMs: 0 };
    return [{ meta, labels: {}, ranges, isAutomatic: true, avoidsBuggyAddresses: false, reserved: undefined }];
  }

  #candidateOf(key: string, { services, namespaces }: Snapshot): Candidate | undefined {
    const service = services.get(key);
    const wish = service?.loadBalancer;
    if (service === undefined || wish === undefined || wish.className !== this.#settings.className) return undefined;
    const { namespace } = service.meta;
    const namespaceLabels = namespaces.get(namespace)?.labels ?? { 'kubernetes.io/metadata.name': namespace };
    return {
      key,
      service,
      wish,
      customer: { namespace, namespaceLabels, wish },
      families: wantedFamilies(service),
    };
  }

  #addWaiting(key: string, snapshot: Snapshot, candidates: Map<string, Candidate>): void {
    const candidate = this.#candidateOf(key, snapshot);
    if (candidate !== undefined) candidates.set(key, candidate);
  }

  /**
   * Who may keep its addresses does, in order of age; what nobody keeps is given back. Returns whether somebody else may have an address
   * now that could not before.
   */
  #reclaim(dirty: ReadonlySet<string>, candidates: ReadonlyMap<string, Candidate>, moved: Set<string>): boolean {
    const loose = new Set<IpAddress>();
    let freed = false;
    for (const key of dirty)
      for (const address of this.assignments.get(key)?.addresses ?? []) {
        const service = candidates.get(key)?.service;
        freed ||= service === undefined || this.#holders.hasOtherTerms(address, service, key);
        if (this.#holders.remove(address, key)) loose.add(address);
      }
    for (const candidate of byAgeOf(candidates.values())) {
      const kept = this.#kept(candidate);
      if (kept !== undefined) this.#assign(candidate, kept.addresses, kept.pool, moved);
    }
    for (const key of dirty) {
      const { addresses } = this.assignments.get(key) ?? { addresses: [] };
      if (addresses.every((address) => this.#holders.holds(address, key))) continue;
      this.#drop(key, moved);
      freed = true;
    }
    for (const address of loose) {
      if (!this.#holders.isFree(address)) continue;
      this.#pools.poolOf(address)?.spaces.get(familyOf(address))?.giveBack(address);
      freed = true;
    }
    return freed;
  }

  /** What its status says that it has, or else what it was given and may not stand there yet. */
  #kept(candidate: Candidate): { readonly addresses: readonly IpAddress[]; readonly pool: PoolState } | undefined {
    const { service, key } = candidate;
    const given = this.assignments.get(key)?.addresses ?? this.#heldBefore.get(key) ?? [];
    for (const addresses of [service.traffic.loadBalancerIps, given]) {
      const [first] = addresses;
      const pool = first === undefined ? undefined : this.#pools.poolOf(first);
      if (pool !== undefined && this.#mayKeep(candidate, addresses, pool)) return { addresses, pool };
    }
    return undefined;
  }

  #mayKeep(candidate: Candidate, addresses: readonly IpAddress[], pool: PoolState): boolean {
    const { key, service, wish, customer, families } = candidate;
    const { request } = wish;
    if (families === undefined || !fitsFamilies(addresses, families) || request.kind === 'unusable') return false;
    const isAsked = request.kind === 'any' || sameSet(request.addresses, addresses);
    const isOfPool = wish.pool === undefined || wish.pool === pool.name;
    return (
      isAsked &&
      isOfPool &&
      isFor(pool.pool, customer) &&
      addresses.every((address) => this.#pools.poolOf(address) === pool) &&
      addresses.every((address) => this.#holders.inTheWay(address, service, key).length === 0)
    );
  }

  /** Gives addresses to all that have none, or may have a second one: first to those that ask by name, then to the others, by age. */
  #serve(
    candidates: ReadonlyMap<string, Candidate>,
    moved: Set<string>,
    findings: Map<string, readonly Finding[]>,
  ): void {
    const { named = [], any = [] } = Object.groupBy(byAgeOf(candidates.values()), ({ wish }) =>
      wish.request.kind === 'addresses' ? 'named' : 'any',
    );
    for (const candidate of [...named, ...any]) this.#settle(candidate, this.#serveOne(candidate, moved), findings);
  }

  #settle({ key, service }: Candidate, pending: Pending | undefined, findings: Map<string, readonly Finding[]>): void {
    if (pending === undefined) this.#waiting.delete(key);
    else this.#waiting.add(key);
    findings.set(`address:${key}`, pending === undefined ? [] : pendingFindings(service, pending));
  }

  #serveOne(candidate: Candidate, moved: Set<string>): Pending | undefined {
    const { key, wish, families } = candidate;
    if (families === undefined) return { kind: 'single-stack' };
    const held = this.assignments.get(key);
    if (held !== undefined) {
      this.#addFamily(candidate, held, families, moved);
      return undefined;
    }
    if (wish.request.kind === 'unusable') return { kind: 'reported' };
    if (wish.request.kind === 'addresses') return this.#giveAsked(candidate, wish.request.addresses, families, moved);
    return this.#giveAny(candidate, families, moved);
  }

  /** A second family in the same pool, for a Service that prefers two and had to do with one. */
  #addFamily(candidate: Candidate, held: AddressAssignment, families: WantedFamilies, moved: Set<string>): void {
    const pool = this.#pools.find(held.pool);
    const missing = families.families.filter(
      (family) => !held.addresses.some((address) => familyOf(address) === family),
    );
    if (pool === undefined || missing.length === 0 || candidate.wish.request.kind !== 'any') return;
    const more = missing.flatMap((family) => this.#free(candidate, pool, family) ?? []);
    if (more.length > 0) this.#assign(candidate, [...held.addresses, ...more], pool, moved);
  }

  #giveAsked(
    candidate: Candidate,
    addresses: readonly IpAddress[],
    families: WantedFamilies,
    moved: Set<string>,
  ): Pending | undefined {
    const { key, service, wish, customer } = candidate;
    if (!fitsFamilies(addresses, families)) return { kind: 'wrong-families', addresses, families: families.families };
    for (const address of addresses) {
      const pool = this.#pools.poolOf(address);
      if (pool === undefined || pool.isGone) return { kind: 'outside-pools', address };
      if (!isFor(pool.pool, customer)) return { kind: 'not-for-service', pool: pool.name };
      if (wish.pool !== undefined && wish.pool !== pool.name)
        return { kind: 'other-pool', address, pool: pool.name, asked: wish.pool };
      const owners = this.#holders.inTheWay(address, service, key);
      if (owners.length > 0) return { kind: 'in-use', address, owners };
    }
    const [first] = addresses;
    const pool = first === undefined ? undefined : this.#pools.poolOf(first);
    const isOnePool = addresses.every((address) => this.#pools.poolOf(address) === pool);
    if (pool === undefined || !isOnePool) return { kind: 'two-pools', addresses };
    this.#assign(candidate, addresses, pool, moved);
    return undefined;
  }

  #giveAny(candidate: Candidate, families: WantedFamilies, moved: Set<string>): Pending | undefined {
    const { wish, customer } = candidate;
    const asked = wish.pool === undefined ? undefined : this.#pools.find(wish.pool);
    if (wish.pool !== undefined && asked === undefined)
      return { kind: 'unknown-pool', pool: wish.pool, pools: this.#pools.states.map(({ name }) => name) };
    if (asked !== undefined && !isFor(asked.pool, customer)) return { kind: 'not-for-service', pool: asked.name };
    const pools = asked === undefined ? this.#automaticPools(customer) : [asked];
    // A pool with all families first, whichever it is; then, for who can do with one, the family it would rather have.
    const choices = families.needsAll
      ? [families.families]
      : [families.families, ...families.families.map((one) => [one])];
    for (const choice of choices) {
      for (const pool of pools) {
        const addresses = choice.flatMap((family) => this.#free(candidate, pool, family) ?? []);
        if (addresses.length < choice.length) continue;
        this.#assign(candidate, addresses, pool, moved);
        return undefined;
      }
    }
    return this.#whyNone(pools, families);
  }

  #whyNone(pools: readonly PoolState[], { families, needsAll }: WantedFamilies): Pending {
    if (pools.length === 0) return { kind: 'no-pool-for-service', pools: this.#pools.states.map(({ name }) => name) };
    const able = pools.filter(({ spaces }) =>
      needsAll ? families.every((family) => spaces.has(family)) : families.some((family) => spaces.has(family)),
    );
    return able.length === 0
      ? { kind: 'no-family', families, pools: pools.map(({ name }) => name) }
      : { kind: 'exhausted', pools: able.map((pool) => this.#fullPool(pool)) };
  }

  #automaticPools(customer: PoolCustomer): readonly PoolState[] {
    return this.#pools.states.filter(({ pool, isGone }) => !isGone && pool.isAutomatic && isFor(pool, customer));
  }

  /** An address that those with the same sharing key have, if this one may have it too; else the next free one. */
  #free({ key, service, wish }: Candidate, pool: PoolState, family: IpFamily): IpAddress | undefined {
    const space = pool.spaces.get(family);
    for (const address of wish.sharingKey === undefined ? [] : this.#holders.sharedBy(wish.sharingKey))
      if (space?.has(address) === true && this.#holders.inTheWay(address, service, key).length === 0) return address;
    return space?.next;
  }

  #fullPool({ name }: PoolState): FullPool {
    const holders = this.#holdersOf.ownersOf(name);
    return { name, holders: holders.size > MOST_HOLDERS_NAMED ? holders.size : [...holders].sort() };
  }

  #assign(
    { key, service, families }: Candidate,
    addresses: readonly IpAddress[],
    pool: PoolState,
    moved: Set<string>,
  ): void {
    const ordered = families === undefined ? addresses : inOrder(addresses, families);
    for (const address of ordered) {
      pool.spaces.get(familyOf(address))?.take(address);
      this.#holders.add(address, service, key);
    }
    const before = this.assignments.get(key);
    if (before?.pool === pool.name && before.addresses.join() === ordered.join()) return;
    const { namespace, name } = service.meta;
    const ref: ObjectRef = { kind: 'Service', namespace, name };
    this.assignments = this.assignments.set(key, { ref, addresses: ordered, pool: pool.name });
    this.#holdersOf.set(key, [pool.name]);
    moved.add(key);
  }

  #drop(key: string, moved: Set<string>): void {
    if (!this.assignments.has(key)) return;
    this.assignments = this.assignments.delete(key);
    this.#holdersOf.set(key, []);
    moved.add(key);
  }

  #forget(key: string, findings: Map<string, readonly Finding[]>): void {
    this.#waiting.delete(key);
    findings.set(`address:${key}`, []);
  }

  /** Everybody keeps what it was given; that there is no pool is said of those that have nothing. */
  #withoutPools(
    dirty: ReadonlySet<string>,
    candidates: ReadonlyMap<string, Candidate>,
    moved: Set<string>,
    findings: Map<string, readonly Finding[]>,
  ): void {
    for (const key of dirty) {
      const candidate = candidates.get(key);
      if (candidate === undefined) {
        for (const address of this.assignments.get(key)?.addresses ?? []) this.#holders.remove(address, key);
        this.#drop(key, moved);
        this.#forget(key, findings);
      } else {
        const hasAddress = candidate.service.publishedAddresses.length > 0 || this.assignments.has(key);
        const isReported = this.#settings.reportsMissingPools && !hasAddress;
        this.#settle(candidate, { kind: isReported ? 'no-pools' : 'reported' }, findings);
      }
    }
  }
}

function byAgeOf(candidates: Iterable<Candidate>): readonly Candidate[] {
  return [...candidates].sort((a, b) => byAge(a.service.meta, b.service.meta));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}
