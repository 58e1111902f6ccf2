import { Fault, messageOf } from '../../../lib/fault.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { L4Plan } from '../../../compile/l4/l4-plan.ts';
import { NftRefusedFault } from '../kernel/nft-refusal.ts';
import type { NftDriver } from '../kernel/nft.ts';
import { affinityTable } from '../rules/affinity.ts';
import { printCommands, type Command, type ObjectId } from '../rules/command.ts';
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
import type { ServiceTransition } from './transition.ts';

/** How many clients one transaction forgets. */
const CLIENTS_AT_ONCE = 500;

/**
 * Which endpoint each client of a Service with session affinity had, as the kernel remembers it. When endpoints leave, what leads to
 * them has to be forgotten.
 */
export class ClientMemory {
  readonly #nft: Pick<NftDriver, 'apply' | 'listJson'>;
  readonly #logger: Logger;

  constructor(nft: Pick<NftDriver, 'apply' | 'listJson'>, logger: Logger) {
    this.#nft = nft;
    this.#logger = logger;
  }

  /**
   * Forgets the clients that a change of these Services leaves without their endpoint. `present` are
   * the maps that are there: one that the change makes holds nobody yet.
   */
  async forgetClients(
    transitions: Iterable<ServiceTransition>,
    present: { has(id: string): boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const maps = [...transitions].flatMap(disturbedMaps).filter((map) => present.has(idOf(map)));
    for (const family of FAMILIES) {
      const ours = maps.filter((map) => map.family === family);
      const [first] = ours;
      if (first === undefined) continue;
      // To start nft costs more than to read a few maps too many.
      const words = ours.length === 1 ? mapArguments(first) : tableArguments(family);
      const listed = await this.#list(words);
      if (listed === undefined) await this.#forgetAll(ours, signal);
      else await this.#forget(staleClients(decodeClients(listed), ours), family, signal);
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
      const chains = await this.#list(chainsArguments(family));
      if (chains !== undefined && remembersNobody(chains)) continue;
      const maps = services.flatMap(clientsMapsOf).filter((map) => map.family === family);
      const listed = await this.#list(tableArguments(family));
      if (listed === undefined) {
        await this.#forgetAll(maps, signal);
        continue;
      }
      await this.#forget(staleClients(decodeClients(listed), maps), family, signal);
      strays.push(...strayDeclarations(listed, services, family));
    }
    return strays;
  }

  /**
   * Undefined where nft cannot say: that is no reason to hold anything else up.
   *
   * @throws NftRefusedFault where the table is not there, as when another program has just deleted it.
   */
  async #list(words: readonly string[]): Promise<unknown> {
    try {
      return await this.#nft.listJson(words);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || isOfMissing(thrown)) throw thrown;
      const message =
        'nft cannot list the clients of Services with sessionAffinity; all of them are forgotten in its place';
      this.#logger.warn(message, { code: thrown.code, error: messageOf(thrown) });
      return undefined;
    }
  }

  /** A client that is forgotten chooses anew; one that is kept might be held to an endpoint that is gone. */
  async #forgetAll(maps: readonly ClientsMap[], signal: AbortSignal): Promise<void> {
    const flushes = maps.map((map): Command => ({ do: 'flush', id: idOf(map) }));
    if (flushes.length > 0) await this.#nft.apply(printCommands(flushes), signal);
  }

  /** Many at once, since the change of the rules waits for it; where one has timed out since it was listed, half by half. */
  async #forget(clients: readonly HeldClient[], family: Family, signal: AbortSignal): Promise<void> {
    for (let start = 0; start < clients.length; start += CLIENTS_AT_ONCE)
      await this.#forgetTogether(clients.slice(start, start + CLIENTS_AT_ONCE), family, signal);
  }

  async #forgetTogether(clients: readonly HeldClient[], family: Family, signal: AbortSignal): Promise<void> {
    try {
      await this.#nft.apply(printCommands(forget(clients, family)), signal);
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      if (clients.length === 1) return;
      const half = Math.ceil(clients.length / 2);
      await this.#forgetTogether(clients.slice(0, half), family, signal);
      await this.#forgetTogether(clients.slice(half), family, signal);
    }
  }
}

function idOf({ family, name }: ClientsMap): ObjectId {
  return `map ${affinityTable(family)} ${name}`;
}

function isOfMissing(fault: Fault): boolean {
  return fault instanceof NftRefusedFault && fault.refusal === 'missing';
}
