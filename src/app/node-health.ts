import { createServer, type ServerResponse } from 'node:http';
import type { L4Plan, NodePlan } from '../compile/l4/l4-plan.ts';
import type { BackoffBounds } from '../lib/backoff.ts';
import { Fault } from '../lib/fault.ts';
import { listenAddressOf } from '../lib/listen-address.ts';
import type { Logger } from '../lib/logger.ts';
import { PortListener } from '../lib/port-listener.ts';
import type { Runner } from '../planes/runner.ts';

/** A plan that waits longer than this to be applied makes the node unhealthy, in milliseconds; kube-proxy's is the same. */
const TOO_LATE_MS = 60_000;

/** How soon an address that is taken is tried again. Balancers take the node for gone until it answers. */
const RETRY_BOUNDS: BackoffBounds = { minMs: 1_000, maxMs: 4_000 };

/**
 * What balancers outside ask of a node before they send it new connections: `/livez` says whether the
 * kernel has the newest plan, `/healthz` also whether the node stays (KEP-3836). In kube-proxy's form.
 */
export class NodeHealth {
  readonly #address: string;
  readonly #runner: Pick<Runner<L4Plan>, 'behindSinceMs'>;
  readonly #logger: Logger;
  readonly #listener: PortListener;
  /** Why the address could not be had at the first try. */
  #taken: string | undefined;
  readonly #server = createServer((request, response) => this.#answer(request.url ?? '/', response));
  #isEligible = true;

  constructor(address: string, runner: Pick<Runner<L4Plan>, 'behindSinceMs'>, logger: Logger) {
    this.#address = address;
    this.#runner = runner;
    this.#logger = logger;
    this.#listener = new PortListener({
      server: this.#server,
      ...listenAddressOf(address),
      retryBounds: RETRY_BOUNDS,
      onTaken: (reason) => {
        this.#taken = reason;
      },
      onFreed: () => logger.info('the health check of the node answers now', { address }),
    });
  }

  /**
   * Listens; where the address is taken and `isPatient`, as soon as it is free. A kube-proxy that is taken over from answers there until
   * it ends.
   *
   * @throws Fault `healthz-address` when it cannot listen, and is not patient.
   */
  async listen(isPatient: boolean): Promise<void> {
    await this.#listener.open();
    if (this.#taken === undefined) return;
    const message = `cannot listen on ${this.#address}: ${this.#taken}. Choose another with --healthz-address, or "none".`;
    if (!isPatient) {
      await this.#listener.close();
      throw new Fault('healthz-address', message, { retryable: false });
    }
    this.#logger.warn(`${message} It is tried again until it is free, as when kube-proxy ends.`);
  }

  update(node: NodePlan): void {
    this.#isEligible = node.isEligible;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await this.#listener.close();
  }

  #answer(url: string, response: ServerResponse): void {
    const path = url.split('?', 1)[0];
    if (path !== '/healthz' && path !== '/livez') {
      response.writeHead(404).end();
      return;
    }
    const nowMs = Date.now();
    const behindMs = this.#behindMs();
    const { status, body } = nodeHealthAnswer(path, {
      isLive: behindMs < TOO_LATE_MS,
      isEligible: this.#isEligible,
      lastUpdatedMs: nowMs - behindMs,
      nowMs,
    });
    response.writeHead(status, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
    response.end(JSON.stringify(body));
  }

  /** By a clock that nobody sets. Nothing while starting, as for kube-proxy: what an earlier run programmed still serves. */
  #behindMs(): number {
    const sinceMs = this.#runner.behindSinceMs;
    return sinceMs === undefined ? 0 : performance.now() - sinceMs;
  }
}

export interface NodeHealthState {
  readonly isLive: boolean;
  readonly isEligible: boolean;
  readonly lastUpdatedMs: number;
  readonly nowMs: number;
}

/** What is answered on a path of kube-proxy's, and with which status. */
export function nodeHealthAnswer(
  path: '/healthz' | '/livez',
  { isLive, isEligible, lastUpdatedMs, nowMs }: NodeHealthState,
): { readonly status: 200 | 503; readonly body: Readonly<Record<string, string | boolean>> } {
  const times = { lastUpdated: new Date(lastUpdatedMs).toISOString(), currentTime: new Date(nowMs).toISOString() };
  if (path === '/livez') return { status: isLive ? 200 : 503, body: times };
  return { status: isLive && isEligible ? 200 : 503, body: { ...times, nodeEligible: isEligible } };
}
