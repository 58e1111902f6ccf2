import { Backoff, type BackoffBounds } from '../../lib/backoff.ts';
import { crash } from '../../lib/crash.ts';
import { Fault, messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { Turns } from '../../lib/turns.ts';
import type { L4Plan, ServicePlan } from '../../compile/l4/l4-plan.ts';
import type { Applied, Plane } from '../plane.ts';
import type { FlowDriver } from './kernel/conntrack.ts';
import { HealthChecks } from './health-check.ts';
import type { NftDriver } from './kernel/nft.ts';
import { NftRefusedFault } from './kernel/nft-refusal.ts';
import { KernelMemory } from './memory/kernel-memory.ts';
import { transitionsOf, type ServiceTransition } from './memory/transition.ts';
import { renderAll, renderChange, renderServiceChange, type Transaction } from './rules/transaction.ts';

export interface L4PlaneOptions {
  readonly nft: NftDriver;
  readonly conntrack: FlowDriver;
  readonly logger: Logger;
  /** Called after the first program is in place. */
  readonly onProgrammed: () => Promise<void>;
  /** Called when the kernel refuses a Service that it ought to take, with why. */
  readonly onRefused: (service: ServicePlan, message: string) => void;
  /** Called when the health check node port of a Service cannot be listened on, with why. */
  readonly onHealthCheckTaken?: (service: ServicePlan, message: string) => void;
  /** When a Service that was refused is tried again without a new plan; after one to eight minutes unless told. */
  readonly retryBounds?: BackoffBounds;
}

/** What became of a plan. */
interface Sent {
  readonly changes: number;
  readonly refused: readonly Refused[];
}

/** A Service that the kernel did not take, by `namespace/name`, and why. */
interface Refused {
  readonly transition: readonly [string, ServiceTransition];
  readonly message: string;
}

const RETRY_BOUNDS: BackoffBounds = { minMs: 60_000, maxMs: 480_000 };

/** How long what nothing goes to any more is left, in milliseconds. */
const COLLECT_AFTER_MS = 2_000;

/**
 * Service traffic in the kernel. What the kernel has is known, not read: our tables are replaced as a
 * whole at the start, and whenever somebody else has touched them; in between only what differs is sent.
 */
export class L4Plane implements Plane<L4Plan> {
  readonly name = 'l4';
  readonly #options: L4PlaneOptions;
  readonly #logger: Logger;
  readonly #healthChecks: HealthChecks;
  readonly #memory: KernelMemory;
  readonly #turns = new Turns();
  /** What the kernel has; undefined when that is not known. */
  #applied: L4Plan | undefined;
  /** The same, once what the kernel remembers has been brought into line. */
  #programmed: L4Plan | undefined;
  /** One that comes during an apply makes void what that apply has done. */
  #disturbances = 0;
  /** Elements of our tables when they were last made as a whole. */
  #elements = 0;
  /** Chains, sets and maps that are there beyond the fixed ones: `chain ip sluice cluster-3`. */
  #present = new Set<string>();
  /** Those among them that nothing goes to any more. */
  readonly #leftovers = new Set<string>();
  #collecting: NodeJS.Timeout | undefined;
  /** Those that the kernel has refused, by `namespace/name`. */
  #refused: ReadonlySet<string> = new Set();
  readonly #retryBackoff: Backoff;
  #retrying: NodeJS.Timeout | undefined;
  /** Whether it has been told that the first program is in place. */
  #isTold = false;
  #disturbed: (reason: string) => void = () => {};

  constructor(options: L4PlaneOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ plane: 'l4' });
    this.#memory = new KernelMemory(options.nft, options.conntrack, this.#logger);
    this.#healthChecks = new HealthChecks({
      logger: this.#logger,
      isHealthy: () => this.#applied !== undefined,
      ...(options.onHealthCheckTaken === undefined ? {} : { onTaken: options.onHealthCheckTaken }),
    });
    this.#retryBackoff = new Backoff(options.retryBounds ?? RETRY_BOUNDS);
  }

  /** The Services as the kernel has them, what it remembers of clients and flows included; undefined while that is not known. */
  get programmed(): L4Plan | undefined {
    return this.#programmed;
  }

  /** About how many elements our tables have. */
  get elements(): number {
    return this.#elements;
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  /** To be called when our tables are not as we left them: they are made anew. */
  disturb(reason: string): void {
    this.#disturbances += 1;
    this.#forgetAll();
    this.#disturbed(reason);
  }

  #forgetAll(): void {
    this.#applied = undefined;
    this.#programmed = undefined;
  }

  apply(want: L4Plan, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(() => this.#apply(want, signal));
  }

  /** Traffic goes on as it is programmed: a restart, or an upgrade, must cut nothing. `sluice uninstall` ends it. */
  async release(): Promise<void> {
    clearTimeout(this.#collecting);
    clearTimeout(this.#retrying);
    await this.#healthChecks.close();
    this.#options.nft.close();
  }

  async #apply(want: L4Plan, signal: AbortSignal): Promise<Applied> {
    const disturbances = this.#disturbances;
    try {
      return await this.#bringAbout(want, signal);
    } catch (thrown) {
      // Refused although it fits what the kernel is known to have, or cut off in between: then that is not known.
      if (thrown instanceof Fault && isOfNft(thrown)) this.#forgetAll();
      throw thrown;
    } finally {
      if (disturbances !== this.#disturbances) this.#forgetAll();
    }
  }

  async #bringAbout(want: L4Plan, signal: AbortSignal): Promise<Applied> {
    const before = this.#applied;
    const change = before === undefined ? undefined : renderChange(before, want, this.#present);
    // Once before, so that no known client meets the rules without its endpoint, and again after, for those that came in between.
    if (before !== undefined)
      await this.#memory.forgetClients(transitionsOf(before, want).values(), this.#present, signal);
    const { changes, refused } =
      before === undefined || change === undefined
        ? await this.#replaceAll(want, signal)
        : await this.#change(before, want, change, signal);
    this.#noteRefused(refused);
    if (!this.#isTold) await this.#options.onProgrammed();
    this.#isTold = true;
    await this.#forgetStale(this.#programmed, this.#applied ?? want, signal);
    this.#programmed = this.#applied;
    await this.#healthChecks.update(want.services, want.node.healthCheckAddresses);
    return { changes };
  }

  async #replaceAll(want: L4Plan, signal: AbortSignal): Promise<Sent> {
    for (const affinity of ['keep', 'forget'] as const) {
      const all = renderAll(want, affinity);
      try {
        await this.#send(all, signal);
        this.#present = new Set(all.needed);
        this.#elements = all.changes;
        this.#applied = want;
        return { changes: all.changes, refused: [] };
      } catch (thrown) {
        if (!(thrown instanceof NftRefusedFault)) throw thrown;
        this.#logger.error('the kernel refused the whole', { error: thrown.message, affinity });
      }
    }
    return this.#replaceOneByOne(want, signal);
  }

  /** The kernel took not everything at once: it gets the node's part, then Service by Service, so that one bad one is found. */
  async #replaceOneByOne(want: L4Plan, signal: AbortSignal): Promise<Sent> {
    const bare: L4Plan = { ...want, services: PersistentMap.empty() };
    const base = renderAll(bare, 'forget');
    await this.#send(base, signal);
    this.#present = new Set(base.needed);
    this.#applied = bare;
    const { changes, refused } = await this.#changeOneByOne(bare, want, signal);
    this.#elements = base.changes + changes;
    return { changes: this.#elements, refused };
  }

  async #change(before: L4Plan, want: L4Plan, change: Transaction, signal: AbortSignal): Promise<Sent> {
    if (change.commands.length === 0) {
      this.#applied = want;
      return { changes: 0, refused: [] };
    }
    try {
      await this.#send(change, signal);
      this.#applied = want;
      return { changes: change.changes, refused: [] };
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      this.#logger.error('the kernel refused a change; trying Service by Service', { error: thrown.message });
      return this.#changeOneByOne(before, want, signal);
    }
  }

  /** Each Service in a transaction of its own: what is refused stays as it was, and the rest goes on. */
  async #changeOneByOne(before: L4Plan, want: L4Plan, signal: AbortSignal): Promise<Sent> {
    const shared = renderChange(before, { ...want, services: before.services }, this.#present);
    if (shared !== undefined) await this.#send(shared, signal);
    let { services } = before;
    let changes = shared?.changes ?? 0;
    let pending: readonly (readonly [string, ServiceTransition])[] = [...transitionsOf(before, want)];
    // One that takes over an address is refused until the one that had it has let go, so the refused are tried until none gets any further.
    for (;;) {
      const refused: Refused[] = [];
      for (const transition of pending) {
        const [key, { before: left, after: right }] = transition;
        const change = renderServiceChange(left, right, want.node, this.#present);
        try {
          await this.#send(change, signal);
          services = right === undefined ? services.delete(key) : services.set(key, right);
          changes += change.changes;
        } catch (thrown) {
          if (!(thrown instanceof NftRefusedFault)) throw thrown;
          refused.push({ transition, message: thrown.message });
        }
      }
      if (refused.length === 0 || refused.length === pending.length) {
        this.#applied = { ...want, services };
        return { changes, refused };
      }
      pending = refused.map(({ transition }) => transition);
    }
  }

  /** Tells what was refused, and has it tried again after a while: what the kernel lacked may be there then. */
  #noteRefused(refused: readonly Refused[]): void {
    const keys = new Set(refused.map(({ transition: [key] }) => key));
    for (const key of this.#refused)
      if (!keys.has(key))
        this.#logger.info('a Service that the kernel refused is not refused any more', { service: key });
    this.#refused = keys;
    for (const { transition, message } of refused) {
      const [, { before, after }] = transition;
      const service = after ?? before;
      if (service !== undefined) this.#options.onRefused(service, message);
    }
    if (refused.length === 0) {
      clearTimeout(this.#retrying);
      this.#retrying = undefined;
      this.#retryBackoff.reset();
      return;
    }
    // What the kernel has is known, so the same plan again sends nothing but what was refused.
    this.#retrying ??= setTimeout(() => {
      this.#retrying = undefined;
      this.#disturbed('a Service that the kernel refused is tried again');
    }, this.#retryBackoff.nextMs()).unref();
  }

  async #send(transaction: Transaction, signal: AbortSignal): Promise<void> {
    if (transaction.commands.length === 0) return;
    await this.#options.nft.apply(transaction.commands.join('\n'), signal);
    for (const id of transaction.needed) {
      this.#present.add(id);
      this.#leftovers.delete(id);
    }
    this.#leave(transaction.leftovers);
  }

  /** After the rules are in place, what the kernel remembers of the old ones goes. */
  async #forgetStale(before: L4Plan | undefined, after: L4Plan, signal: AbortSignal): Promise<void> {
    const transitions = [...transitionsOf(before, after).values()];
    if (before === undefined) this.#leave(await this.#memory.forgetStrangers(after, signal));
    else await this.#memory.forgetClients(transitions, this.#present, signal);
    await this.#memory.forgetFlows(transitions, after.node);
  }

  /** What nothing goes to any more is deleted a little later: the kernel before 6.2 lets go of it only after a while. */
  #leave(ids: readonly string[]): void {
    for (const id of ids) this.#leftovers.add(id);
    if (this.#leftovers.size === 0) return;
    this.#collecting ??= setTimeout(() => {
      this.#collecting = undefined;
      this.#turns.take(() => this.#collect()).catch(crash);
    }, COLLECT_AFTER_MS).unref();
  }

  async #collect(): Promise<void> {
    // Chains first: a map is held by the rules that use it.
    const ids = [...this.#leftovers].sort();
    for (const id of ids) {
      try {
        await this.#options.nft.apply(`delete ${id}`);
        this.#present.delete(id);
        this.#leftovers.delete(id);
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        if (!(thrown instanceof NftRefusedFault)) {
          this.disturb(`nobody knows whether "delete ${id}" was done`);
          return;
        }
        // In use, or gone with its table. It costs a little memory, and the next start finds it.
        this.#logger.debug('cannot delete what is left over', { what: id, error: messageOf(thrown) });
        this.#leftovers.delete(id);
      }
    }
  }
}

function isOfNft({ code }: Fault): boolean {
  return code === 'nft-refused' || code === 'nft-gone';
}
