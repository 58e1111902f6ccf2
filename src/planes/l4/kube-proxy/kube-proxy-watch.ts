import { Backoff, type BackoffBounds } from '../../../lib/backoff.ts';
import { Fault } from '../../../lib/fault.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import { findKubeProxy, removeKubeProxy } from './kube-proxy.ts';

export interface KubeProxyWatchOptions {
  readonly logger: Logger;
  /** Whether what it finds is removed. */
  readonly removes: boolean;
  /** Called with what it found, a line each, when that was not there before, and whenever it was removed. */
  readonly onFound: (found: readonly string[]) => void;
  /** How long it waits for the next look. */
  readonly waits?: KubeProxyWaits;
}

export interface KubeProxyWaits {
  /** While nothing is found. */
  readonly absent: BackoffBounds;
  /** After something was found: the longer, the more often that was so. */
  readonly found: BackoffBounds;
}

/** Closely after the start, when one that was not ended programs again with the next change. A look costs the machine some 30 ms. */
const WAITS: KubeProxyWaits = {
  absent: { minMs: 1_000, maxMs: 30_000 },
  found: { minMs: 30_000, maxMs: 600_000 },
};

/**
 * Notices a kube-proxy that programs this machine beside us: one whose DaemonSet was not removed after we took over from it, or came
 * back with an upgrade of the cluster.
 *
 * What it programs while it runs is in nobody's way, since ours comes first, so there is no hurry to remove it, and two programs that
 * undo each other's work without pause would be worse than two that do it twice. But what it leaves behind when it ends would grow
 * stale. So it is removed, and the more often it comes back the later.
 */
export class KubeProxyWatch {
  readonly #options: KubeProxyWatchOptions;

  constructor(options: KubeProxyWatchOptions) {
    this.#options = options;
  }

  /** Looks until `signal` is aborted, first after one wait. */
  async run(signal: AbortSignal): Promise<void> {
    const { waits = WAITS, removes, logger, onFound } = this.#options;
    const whileAbsent = new Backoff(waits.absent);
    const afterFound = new Backoff(waits.found);
    let wasFound = false;
    while (await sleep((wasFound ? afterFound : whileAbsent).nextMs(), signal)) {
      const found = await this.#look();
      if (found === undefined) continue;
      if (found.length > 0 && (removes || !wasFound)) onFound(found);
      if (found.length === 0 && wasFound) logger.info('kube-proxy has not come back');
      wasFound = found.length > 0;
    }
  }

  /** What was there, and is removed where that is wanted; undefined when nobody knows. */
  async #look(): Promise<readonly string[] | undefined> {
    try {
      const found = await findKubeProxy();
      if (this.#options.removes && found.length > 0) await removeKubeProxy();
      return found;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#options.logger.warn('cannot look for kube-proxy, or remove it', { error: thrown.message });
      return undefined;
    }
  }
}
