import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { DependencyIndex } from '../dependency-index.ts';
import { policyStatus } from './policy-status.ts';
import { NO_GATEWAY_STATUS, type RouteStatus } from './status-plan.ts';

/** What is said of the policies for backends of routes, computed again only for those of routes that were looked at. */
export class PolicyTable {
  readonly #policiesOfRoute = new DependencyIndex();
  readonly #gatewaysOfRoute = new Map<string, readonly string[]>();
  readonly #dirty = new Set<string>();
  #statuses = NO_GATEWAY_STATUS.backendTlsPolicies;

  /** Says which policies are for the backends of a route, and to which Gateways it is attached, in place of what was said before. */
  use(route: string, policies: readonly string[], gateways: readonly string[]): void {
    const used = gateways.length === 0 ? [] : policies;
    for (const policy of [...this.#policiesOfRoute.inputsOf(route), ...used]) this.#dirty.add(policy);
    this.#policiesOfRoute.set(route, used);
    if (used.length === 0) this.#gatewaysOfRoute.delete(route);
    else this.#gatewaysOfRoute.set(route, gateways);
  }

  update(snapshot: Snapshot): PersistentMap<RouteStatus> {
    for (const key of this.#dirty) this.#updatePolicy(key, snapshot);
    this.#dirty.clear();
    return this.#statuses;
  }

  #updatePolicy(key: string, snapshot: Snapshot): void {
    const policy = snapshot.backendTlsPolicies.get(key);
    const routes = this.#policiesOfRoute.ownersOf(key);
    if (policy === undefined || routes.size === 0) {
      this.#statuses = this.#statuses.delete(key);
      return;
    }
    const gateways = new Set([...routes].flatMap((route) => this.#gatewaysOfRoute.get(route) ?? []));
    const status = policyStatus(policy, [...gateways].sort(), snapshot);
    if (status !== undefined) this.#statuses = this.#statuses.set(key, status);
  }
}
