import type { RouteStatus, ClassStatus } from '../compile/gateway/status-plan.ts';
import type { Plan } from '../compile/plan.ts';
import type { KubeClient } from '../kube/client.ts';
import type { GatewayServiceWish } from '../compile/gateway/gateway-service-wish.ts';
import type { PersistentMap } from '../lib/persistent-map.ts';
import type { Observed, ObservedService, ObservedStatus } from '../model/observed.ts';
import type { EndpointSlice, PublishedAddress } from '../model/service.ts';
import {
  GatewayEndpointPlane,
  GatewaySliceWishes,
  type GatewayEndpoint,
  type GatewaySliceWish,
} from '../planes/gateway-services/endpoint-plane.ts';
import { GatewayServicePlane } from '../planes/gateway-services/service-plane.ts';
import { KeyedRunner, type KeyedRunnerOptions } from '../planes/keyed-runner.ts';
import { gatewayClassStatusPlane } from '../planes/status/gateway-class.ts';
import { gatewayStatusPlane, GatewayWishes, type GatewayWish } from '../planes/status/gateway.ts';
import { CALL_PARENTS, POLICY_ANCESTORS, ROUTE_PARENTS, sharedListStatusPlane } from '../planes/status/shared-list.ts';
import { observeStatus } from '../sources/admit/observe.ts';
import { KubeGatewayServiceWriter, KubeGatewaySliceWriter } from './gateway-service-writer.ts';
import { KubeStatusWriter } from './status-writer.ts';

/** Writes what the objects of Gateway API show, for as long as this process leads. */
export class GatewayApiStatus {
  readonly #classes: KeyedRunner<ClassStatus, ObservedStatus>;
  readonly #gateways: KeyedRunner<GatewayWish, ObservedStatus>;
  readonly #httpRoutes: KeyedRunner<RouteStatus, ObservedStatus>;
  readonly #grpcRoutes: KeyedRunner<RouteStatus, ObservedStatus>;
  readonly #servicePlane: GatewayServicePlane;
  readonly #services: KeyedRunner<GatewayServiceWish, ObservedService>;
  readonly #slices: KeyedRunner<GatewaySliceWish, EndpointSlice>;
  readonly #sliceWishes = new GatewaySliceWishes();
  readonly #hasReadAll: () => boolean;
  readonly #backendTlsPolicies: KeyedRunner<RouteStatus, ObservedStatus>;
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
    this.#httpRoutes = new KeyedRunner(sharedListStatusPlane(ROUTE_PARENTS, routes, now, mayTakeBack), options);
    const calls = new KubeStatusWriter(client, fieldManager, 'GRPCRoute', observeStatus, 'shared');
    this.#grpcRoutes = new KeyedRunner(sharedListStatusPlane(CALL_PARENTS, calls, now, mayTakeBack), options);
    const policies = new KubeStatusWriter(client, fieldManager, 'BackendTLSPolicy', observeStatus, 'shared');
    this.#backendTlsPolicies = new KeyedRunner(
      sharedListStatusPlane(POLICY_ANCESTORS, policies, now, mayTakeBack),
      options,
    );
    this.#hasReadAll = mayTakeBack;
    this.#servicePlane = new GatewayServicePlane(new KubeGatewayServiceWriter(client, `${fieldManager}-gateways`));
    this.#services = new KeyedRunner(this.#servicePlane, options);
    const slices = new KubeGatewaySliceWriter(client, `${fieldManager}-gateways`);
    this.#slices = new KeyedRunner(new GatewayEndpointPlane(slices), options);
  }

  get runners(): readonly {
    readonly name: string;
    readonly backlog: number;
    run(signal: AbortSignal): Promise<void>;
  }[] {
    return this.#all;
  }

  get #all(): readonly Pick<KeyedRunner<unknown, unknown>, 'start' | 'stop' | 'name' | 'backlog' | 'run'>[] {
    return [
      this.#classes,
      this.#gateways,
      this.#httpRoutes,
      this.#grpcRoutes,
      this.#backendTlsPolicies,
      this.#services,
      this.#slices,
    ];
  }

  want(plan: Plan): void {
    this.#plan = plan;
    this.#services.want(plan.status.gateway.services);
    const mayRemove = this.#hasReadAll();
    if (mayRemove !== this.#servicePlane.mayRemove) {
      this.#servicePlane.mayRemove = mayRemove;
      this.#services.compareAll();
    }
    this.#classes.want(plan.status.gateway.classes);
    this.#httpRoutes.want(plan.status.gateway.httpRoutes);
    this.#grpcRoutes.want(plan.status.gateway.grpcRoutes);
    this.#backendTlsPolicies.want(plan.status.gateway.backendTlsPolicies);
  }

  /**
   * Where the gateways are: for clients, and for the cluster. Not before that is known, since a Gateway without any address is not programmed,
   * and one without endpoints not served.
   */
  reachedUnder(addresses: readonly PublishedAddress[], endpoints: readonly GatewayEndpoint[]): void {
    if (this.#plan === undefined) return;
    const { gateways, services } = this.#plan.status.gateway;
    this.#gateways.want(this.#wishes.of(gateways, addresses));
    this.#slices.want(this.#sliceWishes.of(services, endpoints));
  }

  observeSlices(slices: PersistentMap<EndpointSlice>): void {
    this.#slices.observe(slices);
  }

  observe(observed: Observed): void {
    this.#classes.observe(observed.gatewayClasses);
    this.#gateways.observe(observed.gateways);
    this.#services.observe(observed.services);
    this.#httpRoutes.observe(observed.httpRoutes);
    this.#grpcRoutes.observe(observed.grpcRoutes);
    this.#backendTlsPolicies.observe(observed.backendTlsPolicies);
  }

  start(): void {
    for (const runner of this.#all) runner.start();
  }

  stop(): void {
    for (const runner of this.#all) runner.stop();
  }
}
