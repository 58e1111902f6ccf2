import type { Finding } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { AddressAssignments } from '../addresses/address-plan.ts';
import { compileAnnounce, type AnnounceInput } from './announce-compiler.ts';
import { AnnouncedAddressTable } from './announced-address-table.ts';
import type { AnnouncePlan } from './announce-plan.ts';
import type { AnnounceSettings, InterfaceFacts } from './announce-settings.ts';
import { nodesOf } from './eligibility.ts';

/** What a plan was made of. */
interface Made {
  readonly plan: AnnouncePlan;
  readonly assignments: AddressAssignments;
  readonly bgpAdvertisements: Snapshot['bgpAdvertisements'];
  readonly interfaces: readonly InterfaceFacts[];
  /** Of Findings. */
  readonly producers: readonly string[];
}

/** The plan, and Findings by producer, empty ones to clear. */
export interface AnnounceChange {
  readonly plan: AnnouncePlan;
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
}

/**
 * What this node announces, when a Service with an address changed, or what decides about all of them. Of addresses only those are looked up
 * again that the change reaches; into which groups they go is decided again for all.
 */
export class AnnounceTable {
  readonly #settings: AnnounceSettings;
  readonly #mode: 'standalone' | 'cluster';
  readonly #addresses: AnnouncedAddressTable;
  #last: Made | undefined;

  constructor(settings: AnnounceSettings, mode: 'standalone' | 'cluster') {
    this.#settings = settings;
    this.#mode = mode;
    this.#addresses = new AnnouncedAddressTable((snapshot) => nodesOf(snapshot, settings.nodeName));
  }

  compile(input: AnnounceInput, before: Snapshot, changed: ReadonlySet<string>): AnnounceChange {
    const last = this.#last;
    if (last !== undefined && isSame(last, input, before, changed)) return { plan: last.plan, findings: new Map() };
    const { assignments, interfaces } = input;
    const { bgpAdvertisements } = input.snapshot;
    const all = this.#addresses.update(assignments, changed, input.snapshot);
    const output = compileAnnounce(input, all, this.#settings, this.#mode);
    const plan = last !== undefined && samePlan(last.plan, output.plan) ? last.plan : output.plan;
    const cleared = (last?.producers ?? []).map((producer) => [producer, [] as readonly Finding[]] as const);
    this.#last = { plan, assignments, bgpAdvertisements, interfaces, producers: [...output.findings.keys()] };
    return { plan, findings: new Map([...cleared, ...output.findings]) };
  }
}

function isSame(
  last: Made,
  { snapshot, assignments, interfaces }: AnnounceInput,
  before: Snapshot,
  changed: ReadonlySet<string>,
): boolean {
  return (
    last.assignments === assignments &&
    last.bgpAdvertisements === snapshot.bgpAdvertisements &&
    last.interfaces === interfaces &&
    before.addressPools === snapshot.addressPools &&
    before.l2Advertisements === snapshot.l2Advertisements &&
    before.nodes === snapshot.nodes &&
    ![...changed].some((key) => assignments.has(key))
  );
}

function samePlan(a: AnnouncePlan, b: AnnouncePlan): boolean {
  return (
    a.isNodeEligible === b.isNodeEligible && JSON.stringify(a.routers.sorted()) === JSON.stringify(b.routers.sorted())
  );
}
