import { PersistentMap } from '../../lib/persistent-map.ts';
import type { HTTPRoute, HttpRouteKind } from '../../model/gateway/http-route.ts';
import { keyOf } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { DependencyIndex } from '../dependency-index.ts';
import type { CompileSettings } from '../settings.ts';
import { attachmentsOf, type Attachment } from './attachment.ts';
import { serviceKeyOf } from './backend-reference.ts';
import { policiesFor } from './backend-tls.ts';
import { claimGateway } from './gateway-claim.ts';
import { GATEWAY_CONTROLLER } from './gateway-settings.ts';
import { gatewaysOfServices, haveOwnAddresses } from './gateway-services.ts';
import { classStatus, gatewayStatus, type GivenAddresses } from './gateway-status.ts';
import { backendsOf, targetsOf } from './http-route-targets.ts';
import { certificatesOf } from './listener-certificates.ts';
import { PolicyTable } from './policy-table.ts';
import { routeStatus } from './route-status.ts';
import { serviceWishes } from './service-wishes.ts';
import { supportedFeatures } from './supported-features.ts';
import { NO_GATEWAY_STATUS, type GatewayStatusPlan } from './status-plan.ts';

const GATEWAY_PREFIX = 'Gateway/';

/** Where routes of a kind stand in the Snapshot, and what is said of them in the plan. */
const ROUTE_TABLES = { HTTPRoute: 'httpRoutes', GRPCRoute: 'grpcRoutes' } as const satisfies Record<
  HttpRouteKind,
  string
>;

const ROUTE_KINDS = Object.keys(ROUTE_TABLES) as readonly HttpRouteKind[];

/** What is said of the objects of Gateway API, computed again only where something has changed that it is made of. */
export class GatewayTable {
  readonly #settings: CompileSettings;
  /** Route -> listeners that it is attached to, as `namespace/name listener`. */
  readonly #listenersOfRoute = new DependencyIndex();
  readonly #policies = new PolicyTable();
  readonly #secretsOfGateway = new DependencyIndex();
  #classes = NO_GATEWAY_STATUS.classes;
  #gateways = NO_GATEWAY_STATUS.gateways;
  readonly #routes = { HTTPRoute: NO_GATEWAY_STATUS.httpRoutes, GRPCRoute: NO_GATEWAY_STATUS.grpcRoutes };
  #services = NO_GATEWAY_STATUS.services;
  #plan = NO_GATEWAY_STATUS;

  constructor(settings: CompileSettings) {
    this.#settings = settings;
  }

  /**
   * @param changed keys of the RouteSets that were made anew, or are gone
   * @param moved Services that were given other addresses
   */
  update(
    changed: ReadonlySet<string>,
    before: Snapshot,
    after: Snapshot,
    moved: ReadonlySet<string>,
    given: GivenAddresses,
  ): GatewayStatusPlan {
    const ofServices = haveOwnAddresses(after, this.#settings) ? gatewaysOfServices(before, after, moved) : [];
    const gateways = new Set<string>(ofServices);
    for (const id of changed) {
      if (id.startsWith(GATEWAY_PREFIX)) gateways.add(id.slice(GATEWAY_PREFIX.length));
      for (const kind of ROUTE_KINDS)
        if (id.startsWith(`${kind}/`)) this.#updateRoute(kind, id.slice(kind.length + 1), after, gateways);
    }
    PersistentMap.diff(before.secrets, after.secrets, (secret) => {
      for (const key of this.#secretsOfGateway.ownersOf(secret)) gateways.add(key);
    });
    const features = supportedFeatures(haveOwnAddresses(after, this.#settings));
    PersistentMap.diff(before.gatewayClasses, after.gatewayClasses, (name, _, found) => {
      const isOurs = found?.controller === GATEWAY_CONTROLLER;
      this.#classes = isOurs ? this.#classes.set(name, classStatus(found, features)) : this.#classes.delete(name);
    });
    for (const key of gateways) this.#updateGateway(key, after, given);
    if (gateways.size > 0 && this.#settings.mode === 'cluster') this.#updateServices(after);
    const plan: GatewayStatusPlan = {
      classes: this.#classes,
      gateways: this.#gateways,
      httpRoutes: this.#routes.HTTPRoute,
      grpcRoutes: this.#routes.GRPCRoute,
      services: this.#services,
      backendTlsPolicies: this.#policies.update(after),
    };
    if (!isSame(this.#plan, plan)) this.#plan = plan;
    return this.#plan;
  }

  #updateRoute(kind: HttpRouteKind, key: string, snapshot: Snapshot, gateways: Set<string>): void {
    const route = snapshot[ROUTE_TABLES[kind]].get(key);
    const attachments = route === undefined ? [] : attachmentsOf(route, snapshot, this.#settings);
    const id = `${kind}/${key}`;
    const listeners = listenersOf(attachments);
    for (const listener of [...this.#listenersOfRoute.inputsOf(id), ...listeners]) gateways.add(gatewayOf(listener));
    this.#listenersOfRoute.set(id, listeners);
    this.#policies.use(id, route === undefined ? [] : policiesOf(route, snapshot), [
      ...new Set(listeners.map(gatewayOf)),
    ]);
    const before = this.#routes[kind];
    this.#routes[kind] =
      route === undefined || attachments.length === 0
        ? before.delete(key)
        : before.set(key, routeStatus(route.generation, attachments, targetsOf(route, snapshot)));
  }

  /** What is wanted as before stays the same object. */
  #updateServices(snapshot: Snapshot): void {
    const wanted = serviceWishes(snapshot, this.#settings);
    PersistentMap.diff(this.#services, wanted, (key, left, right) => {
      if (right === undefined) this.#services = this.#services.delete(key);
      else if (JSON.stringify(left) !== JSON.stringify(right)) this.#services = this.#services.set(key, right);
    });
  }

  #updateGateway(key: string, snapshot: Snapshot, given: GivenAddresses): void {
    const gateway = snapshot.gateways.get(key);
    if (gateway === undefined || !claimGateway(gateway, snapshot, this.#settings).isOurs) {
      this.#gateways = this.#gateways.delete(key);
      this.#secretsOfGateway.set(key, []);
      return;
    }
    const secrets = gateway.listeners.flatMap((listener) => certificatesOf(listener, gateway, snapshot).secrets);
    this.#secretsOfGateway.set(key, [...new Set(secrets)]);
    const attachedRoutes = (listener: string): number =>
      this.#listenersOfRoute.ownersOf(listenerKey(key, listener)).size;
    this.#gateways = this.#gateways.set(key, gatewayStatus(gateway, snapshot, this.#settings, attachedRoutes, given));
  }
}

function isSame(a: GatewayStatusPlan, b: GatewayStatusPlan): boolean {
  return (Object.keys(a) as readonly (keyof GatewayStatusPlan)[]).every((part) => a[part] === b[part]);
}

/** `namespace/name` of the policies for the Services that a route names. */
function policiesOf(route: HTTPRoute, { backendTlsPolicies }: Snapshot): readonly string[] {
  const services = new Set(backendsOf(route).flatMap((backend) => serviceKeyOf(backend, route.meta.namespace) ?? []));
  const policies = [...services].flatMap((service) => policiesFor(service, backendTlsPolicies));
  return [...new Set(policies.map(({ meta }) => keyOf(meta)))];
}

function listenersOf(attachments: readonly Attachment[]): readonly string[] {
  const all = attachments.flatMap(({ bindings }) =>
    bindings.map(({ gateway, verdict }) => listenerKey(keyOf(gateway.meta), verdict.listener.name)),
  );
  return [...new Set(all)];
}

function listenerKey(gateway: string, listener: string): string {
  return `${gateway} ${listener}`;
}

function gatewayOf(listener: string): string {
  return listener.slice(0, listener.indexOf(' '));
}
