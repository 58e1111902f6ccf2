import { createServer, type ServerResponse } from 'node:http';
import type { NodePlan } from '../compile/l4/l4-plan.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import type { PlaneState } from '../planes/runner.ts';

/** A plan that waits longer than this to be applied makes the node unhealthy, in milliseconds; kube-proxy's is the same. */
const TOO_LATE_MS = 60_000;

/**
 * What balancers outside ask of a node before they send it new connections: `/livez` says whether the
 * kernel has the newest plan, `/healthz` also whether the node stays (KEP-3836). In kube-proxy's form.
 */
export class NodeHealth {
  readonly #address: string;
  readonly #runner: { readonly state: PlaneState };
  readonly #server = createServer((request, response) => this.#answer(request.url ?? '/', response));
  #isEligible = true;
  #failingSinceMs: number | undefined;
  #lastUpdatedMs = Date.now();

  constructor(address: string, runner: { readonly state: PlaneState }) {
    this.#address = address;
    this.#runner = runner;
  }

  /** @throws Fault `healthz-address` when it cannot listen. */
  async listen(): Promise<void> {
    const separator = this.#address.lastIndexOf(':');
    const host = this.#address.slice(0, separator).replace(/^\[(.*)\]$/, '$1');
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const message = `cannot listen on ${this.#address}: ${messageOf(cause)}. Choose another with --healthz-address, or "none".`;
        reject(new Fault('healthz-address', message, { cause, retryable: false }));
      });
      this.#server.listen(Number(this.#address.slice(separator + 1)), host, () => resolve());
    });
  }

  update(node: NodePlan): void {
    this.#isEligible = node.isEligible;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(url: string, response: ServerResponse): void {
    const path = url.split('?', 1)[0];
    if (path !== '/healthz' && path !== '/livez') {
      response.writeHead(404).end();
      return;
    }
    const nowMs = Date.now();
    const isLive = this.#isLive(nowMs);
    const { status, body } = nodeHealthAnswer(path, {
      isLive,
      isEligible: this.#isEligible,
      lastUpdatedMs: this.#lastUpdatedMs,
      nowMs,
    });
    response.writeHead(status, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
    response.end(JSON.stringify(body));
  }

  /** Healthy while starting, as kube-proxy is: what an earlier run programmed still serves. */
  #isLive(nowMs: number): boolean {
    if (this.#runner.state.kind !== 'failing') {
      this.#failingSinceMs = undefined;
      this.#lastUpdatedMs = nowMs;
      return true;
    }
    this.#failingSinceMs ??= nowMs;
    return nowMs - this.#failingSinceMs < TOO_LATE_MS;
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
