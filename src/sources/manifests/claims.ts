import { finding, type Finding } from '../../model/finding.ts';
import { nameOf } from '../../model/object.ts';
import type { Admission } from '../admit/admit.ts';
import type { Change } from '../change.ts';
import type { BelievedSection, Held } from './believed-file.ts';
import type { Place, PlaceTable } from './places.ts';
import { comparePaths, looksLikeCopy } from './precedence.ts';

/** A document that describes an object. */
export interface Claim {
  readonly path: string;
  readonly section: BelievedSection;
  readonly held: Held;
}

/** A claim that was made, and what has become of it. */
interface Claimant {
  claim: Claim;
  /** When it was first made, in steps of the folder. */
  readonly since: number;
  /** When its document went; undefined while it is there. */
  gone: { readonly step: number; readonly sinceMs: number } | undefined;
}

interface Entry {
  claimants: Claimant[];
  /** The one that counts. */
  owner: Claimant | undefined;
  /** Documents of which nothing can be used. */
  strays: Claim[];
  committed: Change | undefined;
  hasFindings: boolean;
  /** Where its Findings stand that are not of the document that counts. */
  places: ReadonlyMap<Finding, Place>;
}

/**
 * Which document counts for each object, while files come, change and go. One that counts goes on counting until it goes. When it goes,
 * one that came no earlier takes its place at once, as after a rename; without such a one the object stays as it was until
 * {@link expire} decides that it is gone.
 */
export class Claims {
  readonly #entries = new Map<string, Entry>();
  readonly #dirty = new Set<string>();
  readonly #missing = new Set<Claimant>();
  /** Admissions in the Store by the digests of their documents. */
  readonly #admitted = new Map<string, Admission>();
  #step = 0;
  #objects = 0;

  /** How many objects there are in the Store. */
  get objects(): number {
    return this.#objects;
  }

  /** Since when the objects are missing that went last and first; undefined when none is missing. */
  get missing(): { readonly firstMs: number; readonly lastMs: number } | undefined {
    let missing: { firstMs: number; lastMs: number } | undefined;
    for (const { gone } of this.#missing) {
      const { sinceMs } = gone ?? { sinceMs: 0 };
      missing = {
        firstMs: Math.min(missing?.firstMs ?? sinceMs, sinceMs),
        lastMs: Math.max(missing?.lastMs ?? sinceMs, sinceMs),
      };
    }
    return missing;
  }

  get hasChanges(): boolean {
    return this.#dirty.size > 0;
  }

  admission(digest: string): Admission | undefined {
    return this.#admitted.get(digest);
  }

  ofObject(key: string): Admission | undefined {
    return this.#entries.get(key)?.owner?.claim.held.admission;
  }

  /** Puts the claims of a file in place of those that it made before, and yields now and then. */
  *replace(before: Iterable<Claim>, after: Iterable<Claim>, nowMs: number): Generator<undefined, void> {
    this.#step += 1;
    const left = new Map<string, Claim[]>();
    for (const claim of before) {
      yield;
      const claims = left.get(claim.held.key);
      if (claims === undefined) left.set(claim.held.key, [claim]);
      else claims.push(claim);
    }
    for (const claim of after) {
      yield;
      const reused = left.get(claim.held.key)?.shift();
      this.#put(reused, claim, nowMs);
    }
    for (const claims of left.values()) {
      yield;
      for (const claim of claims) this.#withdraw(claim, nowMs);
    }
  }

  /** Believes of those that are missing since `untilMs` or earlier that they are gone. */
  expire(untilMs: number): void {
    for (const claimant of this.#missing) {
      if (claimant.gone === undefined || claimant.gone.sinceMs > untilMs) continue;
      const { key } = claimant.claim.held;
      const entry = this.#entry(key);
      entry.claimants = entry.claimants.filter((item) => item !== claimant);
      this.#missing.delete(claimant);
      this.#dirty.add(key);
    }
  }

  /** What has to be changed in the Store so that it has what counts. */
  *takeChanges(): Generator<undefined, Change[]> {
    const changes: Change[] = [];
    for (const key of this.#dirty) {
      yield;
      this.#settle(key, this.#entry(key), changes);
    }
    this.#dirty.clear();
    return changes;
  }

  /** Where everything stands. */
  places(): PlaceTable {
    const objects = new Map<string, Place>();
    const strays = new Map<Finding, Place>();
    for (const [key, { owner, places }] of this.#entries) {
      if (owner !== undefined) objects.set(key, placeOf(owner.claim));
      for (const [item, place] of places) strays.set(item, place);
    }
    return { objects, strays };
  }

  #put(reused: Claim | undefined, claim: Claim, nowMs: number): void {
    const { key, admission } = claim.held;
    const entry = this.#entry(key);
    const isUsable = admission.change !== undefined;
    const claimant = entry.claimants.find((item) => item.claim === reused);
    if (reused !== undefined && (claimant === undefined || !isUsable)) this.#withdraw(reused, nowMs);
    if (!isUsable) {
      entry.strays.push(claim);
      this.#dirty.add(key);
    } else if (claimant !== undefined) {
      const isSame = claimant.claim.held.admission === admission;
      claimant.claim = claim;
      if (!isSame || entry.claimants.length > 1) this.#dirty.add(key);
    } else {
      entry.claimants.push({ claim, since: this.#step, gone: undefined });
      this.#dirty.add(key);
    }
  }

  #withdraw(claim: Claim, nowMs: number): void {
    const entry = this.#entry(claim.held.key);
    const claimant = entry.claimants.find((item) => item.claim === claim);
    entry.strays = entry.strays.filter((stray) => stray !== claim);
    if (claimant === entry.owner && claimant !== undefined) {
      claimant.gone = { step: this.#step, sinceMs: nowMs };
      this.#missing.add(claimant);
    } else entry.claimants = entry.claimants.filter((item) => item !== claimant);
    this.#dirty.add(claim.held.key);
  }

  #entry(key: string): Entry {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = {
        claimants: [],
        owner: undefined,
        strays: [],
        committed: undefined,
        hasFindings: false,
        places: new Map(),
      };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #settle(key: string, entry: Entry, changes: Change[]): void {
    const owner = ownerOf(entry);
    // What has lost its place to another is not missed.
    for (const claimant of entry.claimants)
      if (claimant.gone !== undefined && claimant !== owner) this.#missing.delete(claimant);
    entry.claimants = entry.claimants.filter((claimant) => claimant.gone === undefined || claimant === owner);
    const change = owner?.claim.held.admission.change;
    if (change !== entry.committed) {
      if (change !== undefined) changes.push(change);
      else if (entry.committed !== undefined) changes.push({ ...entry.committed, value: undefined });
      this.#objects += Number(change !== undefined) - Number(entry.committed !== undefined);
    }
    this.#remember(entry, owner);
    entry.owner = owner;
    entry.committed = change;
    const places = new Map<Finding, Place>();
    for (const claim of entry.strays)
      for (const item of claim.held.admission.findings) places.set(item, placeOf(claim));
    for (const { claim } of entry.claimants.toSorted((a, b) => compareClaims(a.claim, b.claim)))
      if (owner !== undefined && claim !== owner.claim) places.set(duplicate(claim, owner.claim), placeOf(claim));
    entry.places = places;
    const findings = [...(owner?.claim.held.admission.findings ?? []), ...places.keys()];
    if (findings.length > 0 || entry.hasFindings)
      changes.push({ table: 'findings', key, value: findings.length > 0 ? findings : undefined });
    entry.hasFindings = findings.length > 0;
    if (owner === undefined && entry.strays.length === 0) this.#entries.delete(key);
  }

  #remember({ owner: before }: Entry, after: Claimant | undefined): void {
    const known = before?.claim.held;
    if (known !== undefined && this.#admitted.get(known.digest) === known.admission)
      this.#admitted.delete(known.digest);
    if (after !== undefined) this.#admitted.set(after.claim.held.digest, after.claim.held.admission);
  }
}

function ownerOf({ claimants, owner }: Entry): Claimant | undefined {
  const there = claimants.filter(({ gone }) => gone === undefined);
  if (owner === undefined || !claimants.includes(owner)) return firstOf(there);
  const { gone } = owner;
  return gone === undefined ? owner : (firstOf(there.filter(({ since }) => since >= gone.step)) ?? owner);
}

function firstOf(claimants: readonly Claimant[]): Claimant | undefined {
  return claimants.toSorted((a, b) => compareClaims(a.claim, b.claim))[0];
}

function compareClaims(a: Claim, b: Claim): number {
  const [left, right] = [placeOf(a), placeOf(b)];
  return comparePaths(left.path, right.path) || left.document - right.document || (left.item ?? 0) - (right.item ?? 0);
}

export function placeOf({ path, section, held }: Claim): Place {
  return { path, document: section.index + held.index, item: held.item, line: section.line - 1 + held.line };
}

function duplicate(claim: Claim, owner: Claim): Finding {
  const { ref } = claim.held.admission;
  const message = `${nameOf(ref)} in ${placeText(claim)} is already in ${placeText(owner)}, which counts${reasonWhy(claim, owner)}`;
  return finding('ObjectDuplicate', ref, '', message);
}

function reasonWhy(claim: Claim, owner: Claim): string {
  if (looksLikeCopy(claim.path) && !looksLikeCopy(owner.path)) return ': the other looks like a copy by its name';
  return compareClaims(owner, claim) < 0 ? ': it comes first' : ': it was there first';
}

function placeText(claim: Claim): string {
  const { path, line } = placeOf(claim);
  return `${path}:${String(line)}`;
}
