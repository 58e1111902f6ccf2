import { Fault } from '../../lib/fault.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IngressStatus, StatusPlan } from '../../compile/plan.ts';
import type { Finding } from '../../model/finding.ts';
import { nameOf } from '../../model/object.ts';
import type { Applied, Plane } from '../plane.ts';

/** What the status plane writes, for as long as this process leads. */
export interface StatusWant {
  readonly status: StatusPlan;
  readonly findings: PersistentMap<readonly Finding[]>;
}

/** How status reaches the objects; throws Faults. */
export interface StatusWriter {
  writeIngress(status: IngressStatus, signal: AbortSignal): Promise<void>;
  /** Tells of a Finding on the object itself. */
  recordFinding(finding: Finding, signal: AbortSignal): Promise<void>;
}

/** Nothing to be published. */
export const NO_STATUS: StatusPlan = { ingresses: PersistentMap.empty() };

const EMPTY: StatusWant = { status: NO_STATUS, findings: PersistentMap.empty() };

/** Writes under way at once: enough to hide latency, few enough not to crowd the API server. */
const CONCURRENCY = 8;

/**
 * Writes addresses to the status of Ingresses and Events for Findings. Only the leader writes; one
 * that stops leading writes nothing more and takes nothing back, since its successor will say the same.
 */
export class StatusPlane implements Plane<StatusWant> {
  readonly name = 'status';
  readonly #writer: StatusWriter;
  #applied: StatusWant = EMPTY;
  #isLeading = false;
  /** Grows whenever leadership comes or goes. */
  #term = 0;
  #disturbed: (reason: string) => void = () => {};

  constructor(writer: StatusWriter) {
    this.#writer = writer;
  }

  onDisturbed(listener: (reason: string) => void): void {
    this.#disturbed = listener;
  }

  /** A new leader writes everything once: what its predecessor has done is not known. */
  lead(isLeading: boolean): void {
    this.#isLeading = isLeading;
    this.#term += 1;
    this.#applied = EMPTY;
    if (isLeading) this.#disturbed('this process leads now');
  }

  async apply(want: StatusWant, signal: AbortSignal): Promise<Applied> {
    if (!this.#isLeading) return { changes: 0 };
    const term = this.#term;
    const writes: (() => Promise<void>)[] = [];
    PersistentMap.diff(this.#applied.status.ingresses, want.status.ingresses, (_, __, after) => {
      // Without addresses there is nothing to say, and another writer's status is left alone.
      if (after !== undefined && after.addresses.length > 0)
        writes.push(() => this.#writer.writeIngress(after, signal));
    });
    // Several producers may say the same, as the hosts of one TLS entry do.
    const told = new Set<string>();
    PersistentMap.diff(this.#applied.findings, want.findings, (_, before = [], after = []) => {
      const known = new Set(before.map(identityOf));
      for (const item of after) {
        const identity = identityOf(item);
        if (!known.has(identity) && !told.has(identity)) writes.push(() => this.#writer.recordFinding(item, signal));
        told.add(identity);
      }
    });
    await inParallel(writes);
    // Leadership may have come or gone meanwhile; then everything is due again.
    if (term === this.#term) this.#applied = want;
    return { changes: writes.length };
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

function identityOf(finding: Finding): string {
  return `${nameOf(finding.object)} ${finding.code} ${finding.field} ${finding.message}`;
}

/**
 * Does all writes, those after one that was refused too: an object that the API server refuses harms no other. Returns or
 * throws only when none is under way any more, so that no old write overtakes one of the next apply.
 */
async function inParallel(writes: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = writes.values();
  const refusals: unknown[] = [];
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const write of queue) await write().catch((thrown: unknown) => refusals.push(thrown));
    }),
  );
  // A bug goes before a Fault: it must end the program.
  const bug = refusals.find((thrown) => !(thrown instanceof Fault));
  if (refusals.length > 0) throw bug ?? refusals[0];
}
