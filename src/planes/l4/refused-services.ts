import type { BackoffBounds } from '../../lib/backoff.ts';
import { Backoff } from '../../lib/backoff.ts';
import type { Logger } from '../../lib/logger.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { objectAt } from '../../model/object.ts';
import type { ServicePlan } from '../../compile/l4/l4-plan.ts';
import type { ServiceTransition } from './memory/transition.ts';

/** A Service that the kernel did not take, by `namespace/name`, and why. */
export interface Refused {
  readonly transition: readonly [string, ServiceTransition];
  readonly message: string;
}

export interface RefusedServicesOptions {
  readonly logger: Logger;
  readonly retryBounds: BackoffBounds;
  readonly onRefused: (service: ServicePlan, message: string) => void;
  /** Called after a while: what the kernel lacked may be there by then. */
  readonly onRetry: () => void;
}

/** The Services that the kernel refuses: reported, and tried again. */
export class RefusedServices {
  readonly #options: RefusedServicesOptions;
  readonly #backoff: Backoff;
  #refused: readonly Refused[] = [];
  #retrying: NodeJS.Timeout | undefined;

  constructor(options: RefusedServicesOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retryBounds);
  }

  /** One for each that is refused. */
  get findings(): readonly Finding[] {
    return this.#refused.map(({ transition: [key], message }) =>
      finding('RefusedByKernel', objectAt('Service', key), '', message),
    );
  }

  /** To be called after each change with all that were refused. */
  note(refused: readonly Refused[]): void {
    const { logger, onRefused, onRetry } = this.#options;
    const keys = new Set(refused.map(({ transition: [key] }) => key));
    for (const key of this.#refused.map(({ transition }) => transition[0]))
      if (!keys.has(key)) logger.info('a Service that the kernel refused is not refused any more', { service: key });
    this.#refused = refused;
    for (const { transition, message } of refused) {
      const [, { before, after }] = transition;
      const service = after ?? before;
      if (service !== undefined) onRefused(service, message);
    }
    if (refused.length === 0) {
      this.close();
      this.#backoff.reset();
      return;
    }
    this.#retrying ??= setTimeout(() => {
      this.#retrying = undefined;
      onRetry();
    }, this.#backoff.nextMs()).unref();
  }

  close(): void {
    clearTimeout(this.#retrying);
    this.#retrying = undefined;
  }
}
