import { PersistentMap } from '../lib/persistent-map.ts';
import type { MadeService } from './gateway/made-for-gateway.ts';
import type { PublishedAddress } from './service.ts';

/** What an API server shows of an object with `status.loadBalancer` beyond what its author wrote. */
export interface ObservedBalancing {
  /** Another one of the same name has another. */
  readonly uid: string;
  /** `status.loadBalancer.ingress`, whoever wrote it. The same list object for all objects that have the same. */
  readonly addresses: readonly PublishedAddress[];
  /** The field managers that own these addresses, sorted. The same list object for all objects that have the same. */
  readonly managers: readonly string[];
  /** Of its annotations those that are written beside the addresses. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Of a Service that was made for a Gateway. */
  readonly made?: MadeService | undefined;
}

export type ObservedIngress = ObservedBalancing;
export type ObservedService = ObservedBalancing;

/** What an API server shows of an object of Gateway API beyond what its author wrote. */
export interface ObservedStatus {
  /** Another one of the same name has another. */
  readonly uid: string;
  /** What of the object is shown is of this generation of its `spec`, or of an earlier one. */
  readonly generation: number;
  /** By which a write can be refused if the object has changed since. */
  readonly resourceVersion: string;
  /** `status`, whoever wrote it, as it came. */
  readonly status: Readonly<Record<string, unknown>>;
}

/** What is observed of each kind whose status Sluice writes. */
export interface ObservedTables {
  readonly ingresses: ObservedIngress;
  /** Those of type LoadBalancer, and others that have such a status. */
  readonly services: ObservedService;
  readonly gatewayClasses: ObservedStatus;
  readonly gateways: ObservedStatus;
  readonly httpRoutes: ObservedStatus;
  readonly grpcRoutes: ObservedStatus;
  readonly backendTlsPolicies: ObservedStatus;
}

/**
 * What the world shows of objects, apart from the Snapshot of what is wanted: a status that Sluice or somebody else writes changes nothing
 * in a plan, and compiles nothing. By `namespace/name`.
 */
export type Observed = { readonly [Name in keyof ObservedTables]: PersistentMap<ObservedTables[Name]> };

/** Nothing has been seen yet. */
export const NOTHING_OBSERVED: Observed = {
  ingresses: PersistentMap.empty(),
  services: PersistentMap.empty(),
  gatewayClasses: PersistentMap.empty(),
  gateways: PersistentMap.empty(),
  httpRoutes: PersistentMap.empty(),
  grpcRoutes: PersistentMap.empty(),
  backendTlsPolicies: PersistentMap.empty(),
};
