import { Fault, messageOf } from '../../../lib/fault.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { L4Plan, NodePlan } from '../../../compile/l4/l4-plan.ts';
import type { FlowDriver } from '../kernel/conntrack.ts';
import { NftRefusedFault } from '../kernel/nft-refusal.ts';
import type { NftDriver } from '../kernel/nft.ts';
import { affinityTable } from '../rules/affinity.ts';
import { FAMILIES, type Family } from '../rules/names.ts';
import {
  chainsArguments,
  clientsMapsOf,
  decodeClients,
  disturbedMaps,
  forget,
  mapArguments,
  remembersNobody,
  staleClients,
  strayDeclarations,
  tableArguments,
  type ClientsMap,
  type HeldClient,
} from './stale-clients.ts';
import { staleFlows, touchesUdp } from './stale-flows.ts';
import type { ServiceTransition } from './transition.ts';

/** How many clients one transaction forgets. */
const CLIENTS_AT_ONCE = 500;

/**
 * What the kernel remembers beyond the rules: which endpoint a client with session affinity had, and
 * where UDP flows go. When endpoints leave, what leads to them has to be forgotten.
 */
export class KernelMemory {
  readonly #nft: NftDriver;
  readonly #conntrack: FlowDriver;
  readonly #logger: Logger;

  constructor(nft: NftDriver, conntrack: FlowDriver, logger: Logger) {
    this.#nft = nft;
    this.#conntrack = conntrack;
    this.#logger = logger;
  }

  /**
   * Forgets the clients that a change of these Services leaves without their endpoint. `present` are
   * the maps that are there: one that the change makes holds nobody yet.
   */
  async forgetClients(
    transitions: Iterable<ServiceTransition>,
    present: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const maps = [...transitions].flatMap(disturbedMaps).filter((map) => present.has(idOf(map)));
    for (const family of FAMILIES) {
      const ours = maps.filter((map) => map.family === family);
      const [first] = ours;
      if (first === undefined) continue;
      // To start nft costs more than to read a few maps too many.
      const words = ours.length === 1 ? mapArguments(first) : tableArguments(family);
      const held = decodeClients(await this.#nft.listJson(words));
      await this.#forget(staleClients(held, ours), family, signal);
    }
  }

  /**
   * After a start: what an earlier run remembered is kept as far as it still holds. Returns the chains
   * and maps of Services that are not there any more.
   */
  async forgetStrangers(plan: L4Plan, signal: AbortSignal): Promise<readonly string[]> {
    const services = [...plan.services.values()];
    const strays: string[] = [];
    for (const family of FAMILIES) {
      // To list a table, nft 1.0.6 reads every element of every table: seconds, at fifty thousand Services.
      if (remembersNobody(await this.#nft.listJson(chainsArguments(family)))) continue;
      const listed = await this.#nft.listJson(tableArguments(family));
      const maps = services.flatMap(clientsMapsOf).filter((map) => map.family === family);
      await this.#forget(staleClients(decodeClients(listed), maps), family, signal);
      strays.push(...strayDeclarations(listed, services, family));
    }
    return strays;
  }

  /** Forgets the UDP flows of these Services that lead elsewhere than their endpoints. To be called once the rules are in place. */
  async forgetFlows(transitions: Iterable<ServiceTransition>, node: NodePlan): Promise<void> {
    const udp = [...transitions].filter(touchesUdp);
    if (udp.length === 0) return;
    try {
      for (const family of FAMILIES) {
        const flows = await this.#conntrack.listUdp(family);
        await this.#conntrack.delete(staleFlows(flows, udp, node, family));
      }
    } catch (thrown) {
      // New flows go where they should in any case, so this is no reason to hold anything else up.
      if (!(thrown instanceof Fault)) throw thrown;
      const message = 'cannot forget UDP flows to endpoints that are gone; clients that never pause keep going there';
      this.#logger.error(message, { code: thrown.code, error: messageOf(thrown) });
    }
  }

  /** Many at once, since the change of the rules waits for it; where one has timed out since it was listed, half by half. */
  async #forget(clients: readonly HeldClient[], family: Family, signal: AbortSignal): Promise<void> {
    for (let start = 0; start < clients.length; start += CLIENTS_AT_ONCE)
      await this.#forgetTogether(clients.slice(start, start + CLIENTS_AT_ONCE), family, signal);
  }

  async #forgetTogether(clients: readonly HeldClient[], family: Family, signal: AbortSignal): Promise<void> {
    try {
      await this.#nft.apply(clients.map((client) => forget(client, family)).join('\n'), signal);
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      if (clients.length === 1) return;
      const half = Math.ceil(clients.length / 2);
      await this.#forgetTogether(clients.slice(0, half), family, signal);
      await this.#forgetTogether(clients.slice(half), family, signal);
    }
  }
}

function idOf({ family, name }: ClientsMap): string {
  return `map ${affinityTable(family)} ${name}`;
}
