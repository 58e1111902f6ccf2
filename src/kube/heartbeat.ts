import { withDeadline } from '../lib/deadline.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { ApiFault } from './api-fault.ts';
import { applyObject } from './apply.ts';
import { timedOut } from './connection-fault.ts';
import { leaseResource, microTime } from './lease.ts';
import { objectPath, type ObjectName } from './resource.ts';
import type { Transport } from './transport.ts';

/** How long a sign of life counts, and how often one is given. */
export interface HeartbeatTimings {
  /** A whole number of seconds on the wire. */
  readonly leaseDurationMs: number;
  readonly renewPeriodMs: number;
}

/** Those of the kubelet for its Node (KEP-589). */
export const defaultHeartbeatTimings: HeartbeatTimings = { leaseDurationMs: 40_000, renewPeriodMs: 10_000 };

export interface HeartbeatOptions {
  readonly transport: Transport;
  /** A Lease of this process alone. */
  readonly lease: ObjectName & { readonly namespace: string };
  /** Shown to people as the holder. */
  readonly identity: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fieldManager: string;
  readonly logger: Logger;
  readonly timings?: HeartbeatTimings | undefined;
}

/** Going away is not held up for long by an API server that does not answer, in milliseconds. */
const removeTimeoutMs = 3_000;

/**
 * Says that this process is alive, by a Lease of its own, and what others should know of it, by annotations there: as a kubelet does for
 * its Node, and an API server for itself (KEP-1965). Whoever watches these Leases sees a process end without being able to say so.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timings: HeartbeatTimings;
  #annotations: Readonly<Record<string, string>> = {};
  #wake: () => void = () => {};
  #fault: Fault | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timings = options.timings ?? defaultHeartbeatTimings;
  }

  /** Sets what others should know, at once. The same again is no news: a caller may say it with every change of anything. */
  annotate(annotations: Readonly<Record<string, string>>): void {
    if (JSON.stringify(annotations) === JSON.stringify(this.#annotations)) return;
    this.#annotations = annotations;
    this.#wake();
  }

  /** Keeps the Lease alive, whoever deletes it, until `signal` is aborted; then removes it. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const due = Promise.withResolvers<void>();
      this.#wake = due.resolve;
      await this.#renew(signal);
      const timer = setTimeout(due.resolve, this.#timings.renewPeriodMs);
      await due.promise;
      clearTimeout(timer);
    }
    await this.#remove();
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { transport, lease, identity, labels, fieldManager, logger } = this.#options;
    const leaseDurationSeconds = Math.ceil(this.#timings.leaseDurationMs / 1000);
    const fields = {
      metadata: { labels, annotations: this.#annotations },
      spec: { holderIdentity: identity, leaseDurationSeconds, renewTime: microTime() },
    };
    const onTimeout = (): Fault => new Fault(timedOut, 'the API server did not answer before the next renewal');
    try {
      await withDeadline({ timeoutMs: this.#timings.renewPeriodMs, signal, onTimeout }, (inTime) =>
        applyObject(transport, { resource: leaseResource, ...lease }, fields, {
          fieldManager,
          isForced: true,
          signal: inTime,
        }),
      );
      this.#fault = undefined;
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof Fault)) throw thrown;
      if (this.#fault?.code !== thrown.code)
        logger.warn('cannot report that this process is alive', { code: thrown.code, reason: thrown.message });
      this.#fault = thrown;
    }
  }

  /** Also when the last renewal failed for us: it may have reached the server all the same. */
  async #remove(): Promise<void> {
    const { transport, lease, logger } = this.#options;
    const onTimeout = (): Fault => new Fault(timedOut, `the API server did not answer within ${removeTimeoutMs} ms`);
    const path = objectPath(leaseResource, lease);
    try {
      await withDeadline({ timeoutMs: removeTimeoutMs, onTimeout }, (signal) =>
        transport.request({ method: 'DELETE', path, signal }),
      );
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown instanceof ApiFault && thrown.status === 404) return;
      logger.debug('the lease of this process was not removed', { code: thrown.code, reason: thrown.message });
    }
  }
}
