import type { L4Plan, ServicePlan } from '../../src/compile/l4/l4-plan.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { affinityTable } from '../../src/planes/l4/rules/affinity.ts';
import { FAMILIES, type Family } from '../../src/planes/l4/rules/names.ts';
import {
  clientsMapsOf,
  decodeClients,
  disturbedMaps,
  forget,
  staleClients,
  strayDeclarations,
} from '../../src/planes/l4/memory/stale-clients.ts';
import { printCommand } from '../../src/planes/l4/rules/command.ts';
import { renderAll, renderChange, type Present } from '../../src/planes/l4/rules/transaction.ts';
import {
  changedState,
  replacedState,
  withoutObject,
  withStrays,
  type KernelState,
} from '../../src/planes/l4/kernel-state.ts';
import { FakeNft } from '../fakes/nft/fake-nft.ts';
import { listed } from '../fakes/nft/nft-in-memory.ts';
import { FakeNftRefusal } from '../fakes/nft/refusal.ts';

/** The order in which the plane does things, with the fake in the place of nft. */
export class KernelCopy {
  readonly nft = new FakeNft();
  #state: KernelState | undefined;

  /** Chains, sets and maps that are there beyond the fixed ones. */
  get present(): Present {
    return this.#state?.objects ?? { has: () => false };
  }

  /** Returns the transactions that it came to. */
  apply(plan: L4Plan): readonly (readonly string[])[] {
    const before = this.#state;
    const change = before === undefined ? undefined : renderChange(before.plan, plan, before.objects);
    const transaction = change ?? renderAll(plan, 'keep');
    const ahead = transaction.ahead.map(printCommand);
    const commands = transaction.commands.map(printCommand);
    this.nft.apply(ahead);
    this.nft.apply(commands);
    const isChange = before !== undefined && change !== undefined;
    this.#state = isChange ? changedState(before, plan, transaction) : replacedState(plan, transaction, 1, 'sluice');
    const stale = before === undefined ? this.#allStale(plan) : this.#stale(before.plan, plan);
    this.nft.apply(stale);
    if (before === undefined) this.#state = withStrays(this.#state, this.#strays(plan));
    // Chains before the maps that their rules hold on to.
    const deletions = this.#state.unneeded.sorted().flatMap(([id]) => this.#deleted(id));
    return [ahead, commands, stale, ...deletions].filter((lines) => lines.length > 0);
  }

  /** The next plan comes from a process that knows nothing of this one. */
  restart(): void {
    this.#state = undefined;
  }

  #deleted(id: string): readonly (readonly string[])[] {
    const deletion = [`delete ${id}`];
    if (this.#state === undefined || !this.#takes(deletion)) return [];
    this.#state = withoutObject(this.#state, id);
    return [deletion];
  }

  /** What is still in use after the rules were made anew stays until the next start. */
  #takes(deletion: readonly string[]): boolean {
    try {
      this.nft.apply(deletion);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof FakeNftRefusal) || !thrown.message.includes('busy')) throw thrown;
      return false;
    }
  }

  #allStale(plan: L4Plan): readonly string[] {
    return FAMILIES.flatMap((family) => {
      const maps = [...plan.services.values()].flatMap(clientsMapsOf).filter((map) => map.family === family);
      return forget(staleClients(decodeClients(this.#list(family)), maps), family).map(printCommand);
    });
  }

  #stale(before: L4Plan, after: L4Plan): readonly string[] {
    const commands: string[] = [];
    PersistentMap.diff(before.services, after.services, (_, left: ServicePlan | undefined, right) => {
      for (const map of disturbedMaps({ before: left, after: right })) {
        const held = decodeClients(this.#list(map.family)).filter((client) => client.map === map.name);
        commands.push(...forget(staleClients(held, [map]), map.family).map(printCommand));
      }
    });
    return commands;
  }

  #strays(plan: L4Plan): readonly string[] {
    return FAMILIES.flatMap((family) => strayDeclarations(this.#list(family), plan.services.values(), family));
  }

  /** The affinity table of a family as `nft -j list table` prints it. */
  #list(family: Family): unknown {
    return listed(this.nft, (table) => table === affinityTable(family));
  }
}
