import type { BackoffBounds } from '../../lib/backoff.ts';
import { crash } from '../../lib/crash.ts';
import { Fault, messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { Turns } from '../../lib/turns.ts';
import type { Finding } from '../../model/finding.ts';
import type { L4Plan, ServicePlan } from '../../compile/l4/l4-plan.ts';
import type { Applied, Plane } from '../plane.ts';
import type { FlowDriver } from './kernel/conntrack.ts';
import { HealthChecks } from './health-check.ts';
import type { NftDriver } from './kernel/nft.ts';
import { isShortage, NftRefusedFault } from './kernel/nft-refusal.ts';
import { withoutObject, withStrays, type KernelState } from './kernel-state.ts';
import { ClientMemory } from './memory/client-memory.ts';
import { FlowKeeper } from './memory/flow-keeper.ts';
import { transitionsOf } from './memory/transition.ts';
import { Programming, type Programmed } from './programming.ts';
import { printCommands, type ObjectId } from './rules/command.ts';
import { anchorsIn, type Anchor } from './rules/anchors.ts';
import { RefusedServices } from './refused-services.ts';

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
  /** From how many elements on a replacement is made in pieces, unless as {@link Programming} has it. */
  readonly leastInPieces?: number;
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
  readonly #programming: Programming;
  readonly #clients: ClientMemory;
  readonly #flows: FlowKeeper;
  readonly #healthChecks: HealthChecks;
  readonly #refused: RefusedServices;
  readonly #turns = new Turns();
  /** What the kernel has; undefined when that is not known. */
  #state: KernelState | undefined;
  /** One that comes during an apply makes void what that apply has done. */
  #disturbances = 0;
  #collecting: NodeJS.Timeout | undefined;
  /** Whether it has been told that the first program is in place. */
  #isTold = false;
  #disturbed: (reason: string) => void = () => {};

  constructor(options: L4PlaneOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ plane: 'l4' });
    this.#programming = new Programming(options.nft, this.#logger, options.leastInPieces);
    this.#clients = new ClientMemory(options.nft, this.#logger);
    this.#flows = new FlowKeeper(options.conntrack, this.#logger);
    this.#healthChecks = new HealthChecks({
      logger: this.#logger,
      isHealthy: () => this.#state !== undefined,
      ...(options.onHealthCheckTaken === undefined ? {} : { onTaken: options.onHealthCheckTaken }),
    });
    this.#refused = new RefusedServices({
      logger: this.#logger,
      retryBounds: options.retryBounds ?? RETRY_BOUNDS,
      onRefused: options.onRefused,
      // What the kernel has is known, so the same plan again sends nothing but what was refused.
      onRetry: () => this.#disturbed('a Service that the kernel refused is tried again'),
    });
  }

  /** The Services as the kernel has them, what it remembers of clients included; undefined while that is not known. */
  get programmed(): L4Plan | undefined {
    return this.#state?.plan;
  }

  /** How many elements our tables have. */
  get elements(): number {
    return this.#state?.elements ?? 0;
  }

  /** How often our tables have been made as a whole; undefined while nobody knows whether they are there. */
  get generation(): number | undefined {
    return this.#programming.isReplacing ? undefined : this.#state?.generation;
  }

  /** Parts of our tables that rules of ours use, by which can be seen whether they are whole. */
  get anchors(): readonly Anchor[] {
    return anchorsIn(this.#state?.table);
  }

  /** A Finding for each Service that the kernel refuses. */
  get refused(): readonly Finding[] {
    return this.#refused.findings;
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  /** To be called when our tables are not as we left them: they are made anew. */
  disturb(reason: string): void {
    this.#disturbances += 1;
    this.#state = undefined;
    this.#disturbed(reason);
  }

  apply(want: L4Plan, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(() => this.#apply(want, signal));
  }

  /** Traffic goes on as it is programmed: a restart, or an upgrade, must cut nothing. `sluice uninstall` ends it. */
  async release(): Promise<void> {
    clearTimeout(this.#collecting);
    this.#refused.close();
    await this.#flows.close();
    await this.#healthChecks.close();
    this.#options.nft.close();
  }

  async #apply(want: L4Plan, signal: AbortSignal): Promise<Applied> {
    const disturbances = this.#disturbances;
    const before = this.#state;
    let shortage: Fault | undefined;
    try {
      const { state, changes, refused, ...programmed } = await this.#program(before, want, signal);
      shortage = programmed.shortage;
      this.#state = state;
      // Who is refused for an address that another one has is known once that one has been done.
      if (shortage === undefined) this.#refused.note(refused);
      if (!this.#isTold) await this.#options.onProgrammed();
      this.#isTold = true;
      this.#state = await this.#forgetClients(before, state, signal);
      this.#flows.note(before?.plan, state.plan);
      await this.#healthChecks.update(want.services, want.node.healthCheckAddresses);
      if (shortage !== undefined) throw shortage;
      return { changes };
    } catch (thrown) {
      // Refused although it fits what the kernel is known to have, or cut off in between: then that is not known. Nor is what it
      // remembers of clients, where the rules were taken and there was no memory for what came after.
      const isHalf = isShortage(thrown) && thrown !== shortage && this.#state !== before;
      if (isHalf || (thrown instanceof Fault && isOfNft(thrown))) this.#state = undefined;
      throw thrown;
    } finally {
      if (disturbances !== this.#disturbances) this.#state = undefined;
      this.#collectLater();
    }
  }

  async #program(before: KernelState | undefined, want: L4Plan, signal: AbortSignal): Promise<Programmed> {
    // Once before, so that no known client meets the rules without its endpoint, and again after, for those that came in between.
    if (before !== undefined)
      await this.#clients.forgetClients(transitionsOf(before.plan, want).values(), before.objects, signal);
    return this.#programming.program(before, want, signal);
  }

  /** After the rules are in place, what the kernel remembers of the old ones goes. */
  async #forgetClients(before: KernelState | undefined, after: KernelState, signal: AbortSignal): Promise<KernelState> {
    if (before === undefined) return withStrays(after, await this.#clients.forgetStrangers(after.plan, signal));
    await this.#clients.forgetClients(transitionsOf(before.plan, after.plan).values(), after.objects, signal);
    return after;
  }

  /** What nothing goes to any more is deleted a little later: the kernel before 6.2 lets go of it only after a while. */
  #collectLater(): void {
    if (this.#state === undefined || this.#state.unneeded.size === 0) return;
    this.#collecting ??= setTimeout(() => {
      this.#collecting = undefined;
      this.#turns.take(() => this.#collect()).catch(crash);
    }, COLLECT_AFTER_MS).unref();
  }

  async #collect(): Promise<void> {
    // Chains first: a map is held by the rules that use it.
    for (const [id] of this.#state?.unneeded.sorted() ?? []) {
      try {
        await this.#options.nft.apply(printCommands([{ do: 'delete', id: id as ObjectId }], this.#state?.table));
        if (this.#state !== undefined) this.#state = withoutObject(this.#state, id);
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        if (!(thrown instanceof NftRefusedFault)) {
          this.disturb(`nobody knows whether "delete ${id}" was done`);
          return;
        }
        // In use, or gone with its table. It costs a little memory, and is tried again with the next that goes.
        this.#logger.debug('cannot delete what is left over', { what: id, error: messageOf(thrown) });
      }
    }
  }
}

function isOfNft({ code }: Fault): boolean {
  return code === 'nft-refused' || code === 'nft-gone';
}
