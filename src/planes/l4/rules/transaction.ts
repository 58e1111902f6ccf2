import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { L4Plan, NodePlan, ServicePlan } from '../../../compile/l4/l4-plan.ts';
import { announcedElement, balancerElement, hairpinElement, nodeElements, serviceElements } from './elements.ts';
import type { Element } from './element.ts';
import type { Command, TableName } from './command.ts';
import { AFFINITY_TABLE, FAMILIES, MAIN_TABLES, WORDS, type Family } from './names.ts';
import { renderBase, ruleInputs } from './ruleset.ts';

/** What the kernel takes all together or not at all: `commands`, after what these need. */
export interface Transaction {
  /**
   * Makes the chains, sets and maps that elements need, in a transaction of its own before: until the next one, a packet that is on its way
   * finds a chain empty that has just been made (`blob_gen_0` and `blob_gen_1` of nf_tables). Alone it changes nothing for any packet.
   */
  readonly ahead: readonly Command[];
  readonly commands: readonly Command[];
  readonly added: number;
  readonly removed: number;
  /** By how many more elements a chain, set or map is needed than before, or by how many less: `chain ip sluice cluster-3`. */
  readonly needs: ReadonlyMap<string, number>;
}

/** Chains, sets and maps that are there beyond the fixed ones. */
export interface Present {
  has(id: string): boolean;
}

/** Elements in one command: one a line costs twice as much to read. */
const ELEMENTS_PER_COMMAND = 500;

/**
 * Everything from nothing, in place of whatever stands in our tables. Pure; equal plans give equal
 * commands. Clients keep their endpoints over a restart of ours, unless affinity is to be forgotten,
 * as when its map has another form than ours.
 */
export function renderAll(plan: L4Plan, affinity: 'keep' | 'forget'): Transaction {
  const elements = [
    ...nodeElements(plan.node),
    ...plan.services.sorted().flatMap(([, service]) => serviceElements(service, plan.node)),
    ...plan.hairpins.sorted().map(([address]) => hairpinElement(address)),
    ...plan.balancerIps.sorted().map(([address]) => balancerElement(address)),
    ...plan.announcedIps.sorted().map(([address]) => announcedElement(address)),
  ];
  const commands = [
    ...FAMILIES.flatMap((family) => replaceTables(family, affinity)),
    ...FAMILIES.flatMap((family) => renderBase(family, plan.node)),
    ...declarations(elements, NOTHING),
    ...commandsOf('add', elements),
  ];
  return { ahead: [], commands, added: elements.length, removed: 0, needs: needsOf(elements, []) };
}

function replaceTables(family: Family, affinity: 'keep' | 'forget'): readonly Command[] {
  return [...MAIN_TABLES, ...(affinity === 'keep' ? [] : [AFFINITY_TABLE])].flatMap((name) =>
    deletion(`${WORDS[family].family} ${name}`),
  );
}

/** A table that is not there cannot be deleted, and `destroy` is too new for nft 1.0.6: added first, it always is. */
export function deletion(table: TableName): readonly Command[] {
  return [
    { do: 'add-table', table },
    { do: 'delete-table', table },
  ];
}

/**
 * From one plan to the next, visiting only what differs. Undefined where the rules themselves change,
 * so that everything is to be made anew. `present` are the chains, sets and maps that are there beyond the fixed ones.
 */
export function renderChange(before: L4Plan, after: L4Plan, present: Present): Transaction | undefined {
  if (before.node !== after.node && ruleInputs(before.node) !== ruleInputs(after.node)) return undefined;
  const change = new ElementChange();
  if (before.node !== after.node) change.replace(nodeElements(before.node), nodeElements(after.node));
  PersistentMap.diff(before.services, after.services, (_, left, right) => {
    change.replace(elementsOf(left, before.node), elementsOf(right, after.node));
  });
  for (const [of, elementFor] of [
    ['hairpins', hairpinElement],
    ['balancerIps', balancerElement],
    ['announcedIps', announcedElement],
  ] as const) {
    PersistentMap.diff(before[of], after[of], (address, left, right) => {
      change.replace(left === undefined ? [] : [elementFor(address)], right === undefined ? [] : [elementFor(address)]);
    });
  }
  return change.transaction(present);
}

/**
 * From one version of a Service to the next, alone: for finding the one that the kernel refuses. What
 * another Service still has is refused too, even where it looks the same: it would go with that one.
 */
export function renderServiceChange(
  before: ServicePlan | undefined,
  after: ServicePlan | undefined,
  node: NodePlan,
  present: Present,
): Transaction {
  const change = new ElementChange();
  change.replace(elementsOf(before, node), elementsOf(after, node));
  return change.transaction(present, 'create');
}

function elementsOf(service: ServicePlan | undefined, node: NodePlan): readonly Element[] {
  return service === undefined ? [] : serviceElements(service, node);
}

/** Gathers what goes and what comes. An element that only changes its value does both, which one transaction may. */
class ElementChange {
  readonly #removed: Element[] = [];
  readonly #added: Element[] = [];

  replace(before: readonly Element[], after: readonly Element[]): void {
    const kept = new Map(before.map((item) => [identityOf(item), item]));
    for (const item of after) {
      const known = kept.get(identityOf(item));
      kept.delete(identityOf(item));
      if (known !== undefined && known.value === item.value && known.comment === item.comment) continue;
      if (known !== undefined) this.#removed.push(known);
      this.#added.push(item);
    }
    this.#removed.push(...kept.values());
  }

  /** `create` refuses an element that is there already, where `add` takes it for the same one. */
  transaction(present: Present, verb: 'add' | 'create' = 'add'): Transaction {
    return {
      ahead: declarations(this.#added, present),
      commands: [...commandsOf('delete-elements', this.#removed), ...commandsOf(verb, this.#added)],
      added: this.#added.length,
      removed: this.#removed.length,
      needs: needsOf(this.#added, this.#removed),
    };
  }
}

function identityOf({ set, key }: Element): string {
  return `${set} ${key}`;
}

const NOTHING: Present = { has: () => false };

/** The commands for what elements need and what is not there yet, each after what it needs itself. */
function declarations(elements: readonly Element[], present: Present): readonly Command[] {
  const needed = new Map<string, readonly Command[]>();
  for (const { id, commands } of elements.flatMap(({ needs = [] }) => needs))
    if (!needed.has(id)) needed.set(id, present.has(id) ? [] : commands);
  return [...needed.values()].flat();
}

function needsOf(added: readonly Element[], removed: readonly Element[]): ReadonlyMap<string, number> {
  const needs = new Map<string, number>();
  const count = (elements: readonly Element[], by: number): void => {
    for (const { id } of elements.flatMap((item) => item.needs ?? [])) needs.set(id, (needs.get(id) ?? 0) + by);
  };
  count(added, 1);
  count(removed, -1);
  return needs;
}

function commandsOf(what: 'add' | 'create' | 'delete-elements', all: readonly Element[]): readonly Command[] {
  const bySet = Map.groupBy(all, (item) => item.set);
  return [...bySet].flatMap(([set, items]) =>
    chunksOf(items).map((elements): Command => ({ do: what, set, elements })),
  );
}

function chunksOf(items: readonly Element[]): readonly (readonly Element[])[] {
  const chunks: (readonly Element[])[] = [];
  for (let start = 0; start < items.length; start += ELEMENTS_PER_COMMAND)
    chunks.push(items.slice(start, start + ELEMENTS_PER_COMMAND));
  return chunks;
}
