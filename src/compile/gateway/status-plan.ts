import { PersistentMap } from '../../lib/persistent-map.ts';
import type { RouteKind } from '../../model/gateway/gateway.ts';
import type { ParentReference } from '../../model/gateway/reference.ts';
import type { PublishedAddress } from '../../model/service.ts';
import type { Condition } from './condition.ts';
import type { GatewayServiceWishes } from './gateway-service-wish.ts';

/** What is to be said of the objects of Gateway API in their status; of those that are ours, by `namespace/name`. */
export interface GatewayStatusPlan {
  readonly classes: PersistentMap<ClassStatus>;
  readonly gateways: PersistentMap<GatewayStatus>;
  readonly httpRoutes: PersistentMap<RouteStatus>;
  readonly grpcRoutes: PersistentMap<RouteStatus>;
  /** The Services that Gateways are to have in a cluster. */
  readonly services: GatewayServiceWishes;
  /** Of those for backends of routes that are ours; their parents are the Gateways of these. */
  readonly backendTlsPolicies: PersistentMap<RouteStatus>;
}

/** Nothing is ours. */
export const NO_GATEWAY_STATUS: GatewayStatusPlan = {
  classes: PersistentMap.empty(),
  gateways: PersistentMap.empty(),
  httpRoutes: PersistentMap.empty(),
  grpcRoutes: PersistentMap.empty(),
  services: PersistentMap.empty(),
  backendTlsPolicies: PersistentMap.empty(),
};

/** The status of a GatewayClass. */
export interface ClassStatus {
  /** Of the object that it is about; every condition repeats it. */
  readonly generation: number;
  readonly conditions: readonly Condition[];
  /** Sorted. */
  readonly supportedFeatures: readonly string[];
}

/** The status of a Gateway, less what depends on the addresses under which it is reached. */
export interface GatewayStatus {
  readonly generation: number;
  /** All but Programmed. */
  readonly conditions: readonly Condition[];
  /** Whether it is served, once it has an address; otherwise why it is not. */
  readonly programmed: Omit<Condition, 'type'>;
  /** Its own; undefined where all Gateways share those of the gateways. */
  readonly addresses: readonly PublishedAddress[] | undefined;
  /** IP addresses that it asks for; empty: any. */
  readonly wantedAddresses: readonly string[];
  readonly listeners: readonly ListenerStatus[];
}

/** The status of one listener. */
export interface ListenerStatus {
  readonly name: string;
  readonly supportedKinds: readonly RouteKind[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
}

/** The status of a route: what its parents that are ours make of it. */
export interface RouteStatus {
  readonly generation: number;
  readonly parents: readonly RouteParentStatus[];
}

/** What one parent makes of a route. */
export interface RouteParentStatus {
  /** As the route names it. */
  readonly parent: ParentReference;
  readonly conditions: readonly Condition[];
}
