import { withDeadline } from '../lib/deadline.ts';
import { Fault } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import { ApiFault } from './api-fault.ts';
import { timedOut } from './connection-fault.ts';
import { decodeObject, type RawObject } from './raw-object.ts';
import { collectionPath, objectPath, type ObjectName, type Resource } from './resource.ts';
import type { Transport } from './transport.ts';

/** The three durations of client-go's leader election. */
export interface LeaseTimings {
  /** How long others leave a lease alone that is not renewed. A whole number of seconds on the wire. */
  readonly leaseDurationMs: number;
  /** How long a leader goes on without a successful renewal. Must be shorter than the lease. */
  readonly renewDeadlineMs: number;
  /** Pause between two tries. */
  readonly retryPeriodMs: number;
}

export const defaultLeaseTimings: LeaseTimings = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

export interface LeaderElectorOptions {
  readonly transport: Transport;
  /** The Lease object that all candidates share. It is created if it does not exist. */
  readonly lease: ObjectName & { readonly namespace: string };
  /** Different for every candidate, and new after a restart. */
  readonly identity: string;
  readonly logger: Logger;
  readonly onStartedLeading: () => void;
  /** Leadership was lost or is about to be released. It is a matter of who acts from now on; nothing done so far is undone. */
  readonly onStoppedLeading: () => void;
  readonly timings?: Partial<LeaseTimings> | undefined;
  /** A clock in milliseconds that never goes back. */
  readonly nowMs?: () => number;
}

/** Where the API server has Leases. */
export const leaseResource: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  isNamespaced: true,
};

/** client-go spreads the tries of candidates over 1 to 2.2 retry periods. */
const candidateJitter = 1.2;
/** Releasing is a courtesy to the next leader; the process that stops does not wait long for it. */
const releaseTimeoutMs = 3_000;

interface Observed {
  readonly lease: RawObject;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly holder: string;
  readonly durationMs: number;
  /** When we saw this version first, on our own clock: clocks of different machines are never compared. */
  readonly atMs: number;
}

/**
 * Takes part in a leader election through a Lease, by the rules of client-go, so that candidates of
 * both kinds may share a lease.
 *
 * A write carries the resourceVersion that was read, so that of two candidates only one succeeds.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #timings: LeaseTimings;
  readonly #nowMs: () => number;
  #observed: Observed | undefined;
  #hasStarted = false;
  /** When the last renewal that succeeded was sent. */
  #renewedAtMs = -Infinity;
  #fault: Fault | undefined;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#timings = { ...defaultLeaseTimings, ...options.timings };
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /**
   * Whether this candidate leads at this very moment. Also false, before {@link run} had a chance to
   * notice, in a process that was suspended past its deadline: ask right before each write.
   */
  get isLeading(): boolean {
    return this.#hasStarted && this.#nowMs() < this.#renewedAtMs + this.#timings.renewDeadlineMs;
  }

  /** Who leads, as far as known; empty for nobody. */
  get leader(): string {
    return this.#observed?.holder ?? '';
  }

  /** Why the last try failed; undefined when it did not. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Stands for election, and again after a loss, until `signal` is aborted; then releases the lease. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.#try(signal);
        await sleep(this.#pauseMs(), signal);
      }
    } finally {
      const wasLeading = this.#hasStarted;
      this.#stopLeading('the process stops');
      if (wasLeading) await this.#release();
    }
  }

  async #try(signal: AbortSignal): Promise<void> {
    const startedAtMs = this.#nowMs();
    try {
      const isOurs = await this.#acquireOrRenew(signal);
      this.#fault = undefined;
      if (isOurs) this.#startLeading(startedAtMs);
      else this.#stopLeading(`the lease is held by ${this.leader}`);
    } catch (error) {
      if (signal.aborted && error === signal.reason) return;
      if (!(error instanceof Fault)) throw error;
      if (this.#fault?.code !== error.code) {
        this.#options.logger.warn('leader election failed', { code: error.code, reason: error.message });
      }
      this.#fault = error;
      if (!this.isLeading) this.#stopLeading('the lease could not be renewed in time');
    }
  }

  #pauseMs(): number {
    const { retryPeriodMs } = this.#timings;
    if (!this.#hasStarted) return retryPeriodMs * (1 + Math.random() * candidateJitter);
    return Math.max(0, Math.min(retryPeriodMs, this.#remainingMs()));
  }

  #remainingMs(): number {
    return this.#renewedAtMs + this.#timings.renewDeadlineMs - this.#nowMs();
  }

  #startLeading(sentAtMs: number): void {
    this.#renewedAtMs = sentAtMs;
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#options.logger.info('leading', { identity: this.#options.identity });
    this.#options.onStartedLeading();
  }

  #stopLeading(why: string): void {
    if (!this.#hasStarted) return;
    this.#hasStarted = false;
    this.#options.logger.info('no longer leading', { identity: this.#options.identity, why });
    this.#options.onStoppedLeading();
  }

  /** @returns whether the lease is ours now */
  async #acquireOrRenew(signal: AbortSignal): Promise<boolean> {
    if (this.#hasStarted && this.#observed?.holder === this.#options.identity) {
      const isRenewed = await this.#claim(this.#observed, signal);
      if (isRenewed) return true;
      // Somebody wrote to the lease, perhaps only a label, or deleted it: look at what there is now.
    }
    const lease = await this.#read(signal);
    if (lease === undefined) return this.#isHeldByOther() ? false : this.#create(signal);
    const observed = this.#observe(lease);
    return this.#isHeldByOther() ? false : this.#claim(observed, signal);
  }

  /**
   * Whether somebody else, as far as we know, still leads. That holds for a lease that was deleted as well: its holder leads on until he
   * notices, creates it again at once, and must not meet a second leader.
   */
  #isHeldByOther(): boolean {
    const observed = this.#observed;
    if (observed === undefined || observed.holder === '' || observed.holder === this.#options.identity) return false;
    return this.#nowMs() < observed.atMs + observed.durationMs;
  }

  async #read(signal: AbortSignal): Promise<RawObject | undefined> {
    try {
      const path = objectPath(leaseResource, this.#options.lease);
      const { body } = await this.#request({ method: 'GET', path, signal });
      return decodeObject(body, leaseResource);
    } catch (error) {
      if (error instanceof ApiFault && error.status === 404) return undefined;
      throw error;
    }
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    const { namespace, name } = this.#options.lease;
    const path = collectionPath(leaseResource, namespace);
    const spec = this.#claimSpec({}, true);
    return this.#send('POST', path, { metadata: { namespace, name }, spec }, signal);
  }

  /** Writes ourselves into the lease as it was observed. False when it has changed since, or was deleted. */
  async #claim(observed: Observed, signal: AbortSignal): Promise<boolean> {
    const path = objectPath(leaseResource, this.#options.lease);
    const spec = this.#claimSpec(observed.spec, observed.holder !== this.#options.identity);
    return this.#send('PUT', path, { ...observed.lease, spec }, signal);
  }

  #claimSpec(before: Readonly<Record<string, unknown>>, isNewHolder: boolean): Readonly<Record<string, unknown>> {
    const now = microTime();
    const transitions = typeof before['leaseTransitions'] === 'number' ? before['leaseTransitions'] : -1;
    return {
      ...before,
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#timings.leaseDurationMs / 1000),
      renewTime: now,
      acquireTime: isNewHolder ? now : before['acquireTime'],
      leaseTransitions: isNewHolder ? transitions + 1 : Math.max(transitions, 0),
    };
  }

  async #send(method: 'POST' | 'PUT', path: string, lease: object, signal: AbortSignal): Promise<boolean> {
    try {
      const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease };
      const response = await this.#request({ method, path, body, signal });
      this.#observe(decodeObject(response.body, leaseResource));
      return true;
    } catch (error) {
      if (error instanceof ApiFault && (error.status === 409 || (error.status === 404 && method === 'PUT')))
        return false;
      throw error;
    }
  }

  /** Two tries must fit into the renew deadline, and no try may outlast our leadership. */
  async #request(request: Parameters<Transport['request']>[0]): ReturnType<Transport['request']> {
    const halfMs = this.#timings.renewDeadlineMs / 2;
    const timeoutMs = this.#hasStarted ? Math.max(1, Math.min(halfMs, this.#remainingMs())) : halfMs;
    return this.#options.transport.request({ ...request, timeoutMs });
  }

  #observe(lease: RawObject): Observed {
    const spec = isRecord(lease['spec']) ? lease['spec'] : {};
    const { holderIdentity, leaseDurationSeconds } = spec;
    const before = this.#observed;
    // Only a new spec is a sign of life; somebody may also have put a label on the lease.
    const isAlive = before === undefined || JSON.stringify(before.spec) !== JSON.stringify(spec);
    this.#observed = {
      lease,
      spec,
      holder: typeof holderIdentity === 'string' ? holderIdentity : '',
      durationMs:
        typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds * 1000 : this.#timings.leaseDurationMs,
      atMs: isAlive ? this.#nowMs() : before.atMs,
    };
    return this.#observed;
  }

  /** Leaves the lease to whoever comes next, without the wait. */
  async #release(): Promise<void> {
    const onTimeout = (): Fault => new Fault(timedOut, `the API server did not answer within ${releaseTimeoutMs} ms`);
    try {
      await withDeadline({ timeoutMs: releaseTimeoutMs, onTimeout }, (signal) => this.#resign(signal));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#options.logger.debug('the lease was not released', { code: error.code, reason: error.message });
    }
  }

  /** Looks before it writes: a renewal that we no longer waited for may have reached the server all the same. */
  async #resign(signal: AbortSignal): Promise<void> {
    for (;;) {
      const lease = await this.#read(signal);
      if (lease === undefined) return;
      const { holder, spec } = this.#observe(lease);
      if (holder !== this.#options.identity) return;
      const now = microTime();
      // As client-go leaves it: without a holder, and with so short a life that nobody waits for it.
      const { holderIdentity: _holder, ...rest } = spec;
      const released = { ...rest, leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
      const path = objectPath(leaseResource, this.#options.lease);
      if (await this.#send('PUT', path, { ...lease, spec: released }, signal)) return;
    }
  }
}

/** The present as `metav1.MicroTime`, which is written with exactly six decimals. */
export function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
