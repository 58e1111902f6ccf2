import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { AddressAssignments } from '../addresses/address-plan.ts';
import { announcedAddressOf, type AnnouncedAddress } from './address-claims.ts';
import type { NodeLabels } from './profile.ts';

/** What decides about every address. */
type Deciding = Pick<Snapshot, 'addressPools' | 'l2Advertisements' | 'bgpAdvertisements' | 'nodes'>;

/** As {@link announcedAddresses}, brought up to date by what changed: only that is looked up again. */
export class AnnouncedAddressTable {
  readonly #nodesOf: (snapshot: Snapshot) => readonly NodeLabels[];
  #assignments: AddressAssignments = PersistentMap.empty();
  #made: Deciding | undefined;
  /** The Services of each address, sorted. */
  readonly #holders = new Map<IpAddress, readonly string[]>();
  readonly #items = new Map<IpAddress, AnnouncedAddress>();
  #sorted: readonly AnnouncedAddress[] = [];

  /** @param nodesOf those that may answer; none where it does not matter */
  constructor(nodesOf: (snapshot: Snapshot) => readonly NodeLabels[]) {
    this.#nodesOf = nodesOf;
  }

  /** Sorted by address. `changed` are the Services that are others than before, or have other endpoints. */
  update(
    assignments: AddressAssignments,
    changed: ReadonlySet<string>,
    snapshot: Snapshot,
  ): readonly AnnouncedAddress[] {
    const dirty = this.#reassign(assignments);
    for (const key of changed) for (const address of assignments.get(key)?.addresses ?? []) dirty.add(address);
    const isWhole = this.#made === undefined || !isSame(this.#made, snapshot);
    this.#made = snapshot;
    const isResized = this.#renew(isWhole ? new Set([...this.#holders.keys(), ...dirty]) : dirty, snapshot);
    if (isResized) this.#sorted = [...this.#items.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
    else if (dirty.size > 0 || isWhole)
      this.#sorted = this.#sorted.map((item) => this.#items.get(item.address) ?? item);
    return this.#sorted;
  }

  /** Takes over who has what. Returns the addresses whose Services are others. */
  #reassign(assignments: AddressAssignments): Set<IpAddress> {
    const dirty = new Set<IpAddress>();
    PersistentMap.diff(this.#assignments, assignments, (key, before, after) => {
      for (const address of before?.addresses ?? []) {
        dirty.add(address);
        const rest = (this.#holders.get(address) ?? []).filter((other) => other !== key);
        if (rest.length === 0) this.#holders.delete(address);
        else this.#holders.set(address, rest);
      }
      for (const address of after?.addresses ?? []) {
        dirty.add(address);
        this.#holders.set(address, [...(this.#holders.get(address) ?? []), key].sort());
      }
    });
    this.#assignments = assignments;
    return dirty;
  }

  /** Returns whether an address came or went. */
  #renew(addresses: ReadonlySet<IpAddress>, snapshot: Snapshot): boolean {
    if (addresses.size === 0) return false;
    const sizeBefore = this.#items.size;
    const make = announcedAddressOf(snapshot, this.#nodesOf(snapshot));
    let hasNew = false;
    for (const address of addresses) {
      const keys = this.#holders.get(address);
      if (keys === undefined) this.#items.delete(address);
      else {
        hasNew ||= !this.#items.has(address);
        this.#items.set(address, make(address, keys));
      }
    }
    return hasNew || this.#items.size !== sizeBefore;
  }
}

function isSame(a: Deciding, b: Deciding): boolean {
  return (
    a.addressPools === b.addressPools &&
    a.l2Advertisements === b.l2Advertisements &&
    a.bgpAdvertisements === b.bgpAdvertisements &&
    a.nodes === b.nodes
  );
}
