import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Plan } from '../compile/plan.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { Finding } from '../model/finding.ts';
import type { Metrics } from '../observe/metrics.ts';
import { Runner } from '../planes/runner.ts';
import { NO_STATUS, StatusPlane, type StatusWant } from '../planes/status/plane.ts';
import type { Role } from './role.ts';
import { KubeStatusWriter } from './status-writer.ts';

export interface ControllerOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where the Lease of the leader lives. */
  readonly leaseNamespace: string;
  /** When this process serves what it would publish; at once where another one does. */
  readonly serves: Promise<void>;
  /** The uid of the object of a Finding, so that its Events are found under it. */
  readonly uidOf: (finding: Finding) => string | undefined;
}

/** After how long a process leads although it does not serve: what is wrong with objects must be told all the same. In milliseconds. */
const LEAD_ANYWAY_MS = 60_000;

/**
 * Writes status and Events, for as long as this process leads. Nothing waits for it; it waits until there is something to be published,
 * which no address should be before it answers. And thousands of writes would take the start its processors.
 */
export class Controller implements Role {
  readonly name = 'controller';
  readonly #runner: Runner<StatusWant>;
  readonly #elect: (signal: AbortSignal) => Promise<void>;
  readonly #serves: Promise<void>;
  #isServing = false;
  #plan: Plan | undefined;

  constructor({ client, logger, metrics, leaseNamespace, serves, uidOf }: ControllerOptions) {
    this.#serves = serves;
    const plane = new StatusPlane(new KubeStatusWriter(client, hostname(), logger, uidOf));
    this.#runner = new Runner(plane, logger, metrics);
    const elector = client.leaderElector({
      lease: { namespace: leaseNamespace, name: 'sluice-leader' },
      // A new identity for every start: a process that was killed must not be taken for its successor.
      identity: `${hostname()}_${randomUUID()}`,
      onStartedLeading: () => plane.lead(true),
      onStoppedLeading: () => plane.lead(false),
    });
    this.#elect = (signal) => elector.run(signal);
  }

  want(plan: Plan): void {
    this.#plan = plan;
    this.#tell();
  }

  #tell(): void {
    if (this.#plan === undefined) return;
    const { status, findings } = this.#plan;
    this.#runner.want({ status: this.#isServing ? status : NO_STATUS, findings });
  }

  notReady(): readonly string[] {
    return [];
  }

  async run(signal: AbortSignal): Promise<void> {
    const serving = this.#serves.then(() => {
      this.#isServing = true;
      this.#tell();
    });
    await Promise.race([serving, sleep(LEAD_ANYWAY_MS, signal)]);
    await Promise.all([this.#runner.run(signal), this.#elect(signal)]);
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}
