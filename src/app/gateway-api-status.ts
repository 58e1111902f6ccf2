import type { RouteStatus, ClassStatus } from '../compile/gateway/status-plan.ts';
import type { Plan } from '../compile/plan.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Observed, ObservedStatus } from '../model/observed.ts';
import type { PublishedAddress } from '../model/service.ts';
import { KeyedRunner, type KeyedRunnerOptions } from '../planes/keyed-runner.ts';
import { gatewayClassStatusPlane } from '../planes/status/gateway-class.ts';
import { gatewayStatusPlane, GatewayWishes, type GatewayWish } from '../planes/status/gateway.ts';
import { httpRouteStatusPlane } from '../planes/status/http-route.ts';
import { observeStatus } from '../sources/admit/observe.ts';
import { KubeStatusWriter } from './status-writer.ts';

/** Writes what the objects of Gateway API show, for as long as this process leads. */
export class GatewayApiStatus {
  readonly #classes: KeyedRunner<ClassStatus, ObservedStatus>;
  readonly #gateways: KeyedRunner<GatewayWish, ObservedStatus>;
  readonly #httpRoutes: KeyedRunner<RouteStatus, ObservedStatus>;
  readonly #wishes = new GatewayWishes();
  #plan: Plan | undefined;

  /** @param mayTakeBack whether all has been read that decides which routes are ours */
  constructor(client: KubeClient, fieldManager: string, options: KeyedRunnerOptions, mayTakeBack: () => boolean) {
    const now = Date.now;
    const classes = new KubeStatusWriter(client, fieldManager, 'GatewayClass', observeStatus);
    this.#classes = new KeyedRunner(gatewayClassStatusPlane(classes, now), options);
    const gateways = new KubeStatusWriter(client, fieldManager, 'Gateway', observeStatus);
    this.#gateways = new KeyedRunner(gatewayStatusPlane(gateways, now), options);
    const routes = new KubeStatusWriter(client, fieldManager, 'HTTPRoute', observeStatus, 'shared');
    this.#httpRoutes = new KeyedRunner(httpRouteStatusPlane(routes, now, mayTakeBack), options);
  }

  get runners(): readonly {
    readonly name: string;
    readonly backlog: number;
    run(signal: AbortSignal): Promise<void>;
  }[] {
    return [this.#classes, this.#gateways, this.#httpRoutes];
  }

  want(plan: Plan): void {
    this.#plan = plan;
    this.#classes.want(plan.status.gateway.classes);
    this.#httpRoutes.want(plan.status.gateway.httpRoutes);
  }

  /** The addresses under which all gateways are reached; not before they are known, since a Gateway without any is not programmed. */
  reachedUnder(addresses: readonly PublishedAddress[]): void {
    if (this.#plan !== undefined) this.#gateways.want(this.#wishes.of(this.#plan.status.gateway.gateways, addresses));
  }

  observe(observed: Observed): void {
    this.#classes.observe(observed.gatewayClasses);
    this.#gateways.observe(observed.gateways);
    this.#httpRoutes.observe(observed.httpRoutes);
  }

  start(): void {
    for (const runner of [this.#classes, this.#gateways, this.#httpRoutes]) runner.start();
  }

  stop(): void {
    for (const runner of [this.#classes, this.#gateways, this.#httpRoutes]) runner.stop();
  }
}
