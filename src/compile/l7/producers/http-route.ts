import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { Gateway, Listener } from '../../../model/gateway/gateway.ts';
import type { HTTPRoute, HttpRouteKind, RedirectWish } from '../../../model/gateway/http-route.ts';
import { finding, type Finding } from '../../../model/finding.ts';
import type { Hostname } from '../../../model/grammar.ts';
import type { RequestRedirect } from '../../../model/http/filter/request-redirect.ts';
import type { Entrance, HttpRoute, HttpRule, RouteSet, TlsClaim } from '../../../model/http/route-set.ts';
import { keyOf, type ObjectRef } from '../../../model/object.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import { attachmentsOf, gatewayKeyOf, type Attachment, type Binding } from '../../gateway/attachment.ts';
import { serviceKeyOf } from '../../gateway/backend-reference.ts';
import { configMapsOf, policiesFor } from '../../gateway/backend-tls.ts';
import { backendsOf, closedTarget, targetsOf, type RouteTargets } from '../../gateway/http-route-targets.ts';
import { entranceOf, movedGateways, servedPorts } from '../../gateway/gateway-services.ts';
import { isAccepted } from '../../gateway/gateway-status.ts';
import { covers } from '../../gateway/hostnames.ts';
import { certificatesOf } from '../../gateway/listener-certificates.ts';
import { listenerVerdicts } from '../../gateway/listener-verdicts.ts';
import type { CompileSettings } from '../../settings.ts';
import type { RouteProducer } from './producer.ts';

/** HTTPRoute (gateway.networking.k8s.io/v1). */
export const httpRouteProducer: RouteProducer = producerOf('HTTPRoute', ({ httpRoutes }) => httpRoutes);

/** GRPCRoute (gateway.networking.k8s.io/v1). */
export const grpcRouteProducer: RouteProducer = producerOf('GRPCRoute', ({ grpcRoutes }) => grpcRoutes);

function producerOf(kind: HttpRouteKind, tableOf: (snapshot: Snapshot) => PersistentMap<HTTPRoute>): RouteProducer {
  return {
    kind,

    changed(before, after, settings) {
      const changed = new Set<string>();
      PersistentMap.diff(tableOf(before), tableOf(after), (key) => changed.add(key));
      const isAffected = affectedBy(before, after, settings);
      if (isAffected !== undefined)
        for (const [key, route] of tableOf(after).entries()) if (isAffected(route)) changed.add(key);
      return changed;
    },

    produce(key, snapshot, settings) {
      const route = tableOf(snapshot).get(key);
      if (route === undefined) return undefined;
      const attachments = attachmentsOf(route, snapshot, settings);
      const ref: ObjectRef = { kind, namespace: route.meta.namespace, name: route.meta.name };
      if (attachments.length === 0) return { isOurs: false, findings: orphanFindings(ref, route, snapshot, settings) };
      return { isOurs: true, routeSet: routeSetOf(ref, route, attachments, snapshot, settings) };
    },
  };
}

/** Which routes a change of something else may concern; undefined where nothing else has changed. */
function affectedBy(
  before: Snapshot,
  after: Snapshot,
  settings: CompileSettings,
): ((route: HTTPRoute) => boolean) | undefined {
  const gateways = new Set<string>(movedGateways(before, after, settings));
  const namespaces = new Set<string>();
  const granting = new Set<string>();
  PersistentMap.diff(before.gateways, after.gateways, (key) => gateways.add(key));
  PersistentMap.diff(before.namespaces, after.namespaces, (key) => namespaces.add(key));
  PersistentMap.diff(before.referenceGrants, after.referenceGrants, (_, left, right) => {
    for (const grant of [left, right]) if (grant !== undefined) granting.add(grant.meta.namespace);
  });
  const secured = servicesOfChangedPolicies(before, after);
  const areClassesSame = before.gatewayClasses === after.gatewayClasses;
  if (areClassesSame && gateways.size + namespaces.size + granting.size + secured.size === 0) return undefined;
  return (route) => {
    const { namespace } = route.meta;
    return (
      !areClassesSame ||
      namespaces.has(namespace) ||
      route.parents.some((parent) => {
        const key = gatewayKeyOf(parent, namespace);
        return key !== undefined && (gateways.has(key) || isGranted(after, key, granting));
      }) ||
      backendsOf(route).some(
        (backend) =>
          granting.has(backend.namespace ?? namespace) || secured.has(serviceKeyOf(backend, namespace) ?? ''),
      )
    );
  };
}

/** `namespace/name` of the Services that policies are for of which one has changed, is there or is gone. */
function servicesOfChangedPolicies(before: Snapshot, after: Snapshot): ReadonlySet<string> {
  const services = new Set<string>();
  PersistentMap.diff(before.backendTlsPolicies, after.backendTlsPolicies, (_, left, right) => {
    for (const policy of [left, right])
      for (const { name } of policy?.targets ?? [])
        services.add(keyOf({ namespace: policy?.meta.namespace ?? '', name }));
  });
  return services;
}

/** Whether a listener of the Gateway may refer to a Secret of one of these namespaces. */
function isGranted({ gateways }: Snapshot, key: string, granting: ReadonlySet<string>): boolean {
  const listeners = gateways.get(key)?.listeners ?? [];
  const references = listeners.flatMap(({ tls }) => tls?.certificates ?? []);
  return references.some(({ namespace }) => namespace !== undefined && granting.has(namespace));
}

/** In a cluster, another controller may have the Gateway; in a folder, nobody else has. */
function orphanFindings(
  ref: ObjectRef,
  route: HTTPRoute,
  { gateways }: Snapshot,
  { mode }: CompileSettings,
): readonly Finding[] {
  if (mode === 'cluster') return [];
  const absent = route.parents.flatMap((parent) => {
    const key = gatewayKeyOf(parent, route.meta.namespace);
    return key === undefined || gateways.has(key) ? [] : [{ key, field: parent.field }];
  });
  if (route.parents.length === 0) return [finding('RouteNotAttached', ref, 'spec.parentRefs', 'it names no Gateway')];
  return absent.map(({ key, field }) => finding('RouteNotAttached', ref, field, `Gateway ${key} does not exist`));
}

function routeSetOf(
  ref: ObjectRef,
  route: HTTPRoute,
  attachments: readonly Attachment[],
  snapshot: Snapshot,
  settings: CompileSettings,
): RouteSet {
  const bindings = attachments
    .flatMap((attachment) => attachment.bindings)
    .filter(({ gateway, verdict }) => verdict.accepted.isTrue && isAccepted(gateway, snapshot, settings))
    .map((binding) => isolated(binding, snapshot, settings));
  const targets = targetsOf(route, snapshot);
  const services = [...new Set(backendsOf(route).flatMap((item) => serviceKeyOf(item, ref.namespace) ?? []))].sort();
  const policies = services.flatMap((service) => policiesFor(service, snapshot.backendTlsPolicies));
  return {
    ref,
    meta: route.meta,
    routes: routesOf(bindings, route, targets, (listener, gateway) =>
      entranceOf(listener, gateway, snapshot, settings),
    ),
    tls: tlsClaims(bindings, snapshot),
    // Also one that is not known yet, for which another is shown meanwhile.
    secrets: bindings.flatMap(({ gateway, verdict }) => certificatesOf(verdict.listener, gateway, snapshot).secrets),
    waitsForSecrets: false,
    configMaps: [...new Set(policies.flatMap(configMapsOf))].sort(),
    services,
    findings: findingsOf(ref, attachments, targets),
  };
}

/** The rules of a route as they are behind a listener, whose port redirects keep. */
function rulesOf(route: HTTPRoute, { targets }: RouteTargets, listener: Listener): readonly HttpRule[] {
  return route.rules.flatMap((rule, index) => {
    const target = targets[index];
    if (target === undefined) return [];
    const filters = rule.filters.map((filter) =>
      filter.type === 'RequestRedirect' ? redirectFrom(filter, listener) : filter,
    );
    return rule.matches.map(({ path, conditions, isClosed = false, field }) => ({
      match: path,
      conditions,
      filters: isClosed ? [] : filters,
      target: isClosed ? closedTarget(route) : target,
      field,
      precedence: 'rule' as const,
    }));
  });
}

/** The well-known ports, which are not written. */
const WELL_KNOWN = { http: 80, https: 443 } as const;

/** The port that a redirect names: with a scheme of its own that of the scheme, otherwise that of the listener (HTTPRequestRedirectFilter.port). */
function redirectFrom({ status, scheme, hostname, port, path }: RedirectWish, listener: Listener): RequestRedirect {
  const own = listener.tls === undefined ? 'http' : 'https';
  const wanted = port ?? (scheme === undefined ? listener.port : WELL_KNOWN[scheme]);
  const written = wanted === WELL_KNOWN[scheme ?? own] ? undefined : wanted;
  return { type: 'RequestRedirect', status, to: { kind: 'parts', scheme, hostname, port: written, path } };
}

/**
 * A binding less the hosts that another listener on the port has for itself: of those that fit a request the one with the most specific host
 * has it, with its own routes alone (Gateway API, "listener isolation").
 */
function isolated(binding: Binding, snapshot: Snapshot, settings: CompileSettings): Binding {
  const { listener } = binding.verdict;
  const rivals = listenerVerdicts(binding.gateway, servedPorts(snapshot, settings)).flatMap((other) => {
    const { port, hostname } = other.listener;
    const isNarrower =
      hostname !== undefined &&
      hostname !== listener.hostname &&
      (listener.hostname === undefined || covers(listener.hostname, hostname));
    return other.accepted.isTrue && port === listener.port && isNarrower ? [hostname] : [];
  });
  const hostnames = binding.hostnames.filter(
    (host) => host === undefined || !rivals.some((rival) => covers(rival, host)),
  );
  return { ...binding, hostnames };
}

/** The hosts of a route by where their requests come in; what is served over HTTP and HTTPS alike stands once. */
function routesOf(
  bindings: readonly Binding[],
  route: HTTPRoute,
  targets: RouteTargets,
  entranceAt: (listener: Listener, gateway: Gateway) => Entrance | undefined,
): readonly HttpRoute[] {
  const listeners = new Map<Hostname | undefined, Map<Entrance, Listener>>();
  for (const { gateway, verdict, hostnames } of bindings) {
    const { listener } = verdict;
    const entrance = entranceAt(listener, gateway);
    // Its Service has yet to be made.
    if (entrance === undefined) continue;
    for (const host of hostnames) {
      const known = listeners.get(host) ?? new Map<Entrance, Listener>();
      if (!known.has(entrance)) listeners.set(host, known.set(entrance, listener));
    }
  }
  // Where a redirect leads may be another place over HTTPS.
  const isAlike = !route.rules.some(({ filters }) => filters.some(({ type }) => type === 'RequestRedirect'));
  return [...listeners].flatMap(([host, found]): readonly HttpRoute[] => {
    const made = [...found].map(([entrance, listener]) => ({
      host,
      entrance,
      isDeep: true as const,
      rules: rulesOf(route, targets, listener),
    }));
    const [first] = made;
    const isShared = made.every(({ entrance }) => typeof entrance !== 'number');
    return isAlike && isShared && made.length > 1 && first !== undefined ? [{ ...first, entrance: 'main' }] : made;
  });
}

/** The certificates of the listeners, for the hosts that the route has there. */
function tlsClaims(bindings: readonly Binding[], snapshot: Snapshot): readonly TlsClaim[] {
  return bindings.flatMap(({ gateway, verdict, hostnames }) => {
    const secret = certificatesOf(verdict.listener, gateway, snapshot).served;
    if (secret === undefined) return [];
    return hostnames.flatMap((host) =>
      host === undefined ? [] : [{ host, secret, field: 'spec.hostnames', secretField: 'spec.parentRefs' }],
    );
  });
}

/** What the conditions say, for whoever sees no conditions. */
function findingsOf(ref: ObjectRef, attachments: readonly Attachment[], targets: RouteTargets): readonly Finding[] {
  const refused = attachments
    .filter(({ accepted }) => !accepted.isTrue)
    .map(({ parent, accepted }) =>
      finding('RouteNotAttached', ref, parent.field, `${accepted.reason}: ${accepted.message}`),
    );
  const { resolved, partlyInvalid, tlsMistakes } = targets;
  return [
    ...refused,
    ...(resolved.isTrue
      ? []
      : [finding('RouteBackendUnresolved', ref, 'spec.rules', `${resolved.reason}: ${resolved.message}`)]),
    ...tlsMistakes.map((message) => finding('RouteBackendTlsInvalid', ref, 'spec.rules', message)),
    ...(partlyInvalid === undefined
      ? []
      : [finding('RouteFeatureUnsupported', ref, 'spec.rules', partlyInvalid.message)]),
  ];
}
