import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { HTTPRoute } from '../../../model/gateway/http-route.ts';
import { finding, type Finding } from '../../../model/finding.ts';
import type { Hostname } from '../../../model/grammar.ts';
import { NO_CONDITIONS } from '../../../model/http/match.ts';
import type { Entrance, HttpRoute, HttpRule, RouteSet, TlsClaim } from '../../../model/http/route-set.ts';
import type { ObjectRef } from '../../../model/object.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import { attachmentsOf, gatewayKeyOf, type Attachment, type Binding } from '../../gateway/attachment.ts';
import { serviceKeyOf } from '../../gateway/backend-reference.ts';
import { backendsOf, targetsOf, type RouteTargets } from '../../gateway/http-route-targets.ts';
import { certificatesOf } from '../../gateway/listener-certificates.ts';
import type { CompileSettings } from '../../settings.ts';
import type { RouteProducer } from './producer.ts';

/** HTTPRoute (gateway.networking.k8s.io/v1). */
export const httpRouteProducer: RouteProducer = {
  kind: 'HTTPRoute',

  changed(before, after) {
    const changed = new Set<string>();
    PersistentMap.diff(before.httpRoutes, after.httpRoutes, (key) => changed.add(key));
    const isAffected = affectedBy(before, after);
    if (isAffected !== undefined)
      for (const [key, route] of after.httpRoutes.entries()) if (isAffected(route)) changed.add(key);
    return changed;
  },

  produce(key, snapshot, settings) {
    const route = snapshot.httpRoutes.get(key);
    if (route === undefined) return undefined;
    const attachments = attachmentsOf({ kind: 'HTTPRoute', ...route }, snapshot, settings);
    const ref: ObjectRef = { kind: 'HTTPRoute', namespace: route.meta.namespace, name: route.meta.name };
    if (attachments.length === 0) return { isOurs: false, findings: orphanFindings(ref, route, snapshot, settings) };
    return { isOurs: true, routeSet: routeSetOf(ref, route, attachments, snapshot) };
  },
};

/** Which routes a change of something else may concern; undefined where nothing else has changed. */
function affectedBy(before: Snapshot, after: Snapshot): ((route: HTTPRoute) => boolean) | undefined {
  const gateways = new Set<string>();
  const namespaces = new Set<string>();
  const granting = new Set<string>();
  PersistentMap.diff(before.gateways, after.gateways, (key) => gateways.add(key));
  PersistentMap.diff(before.namespaces, after.namespaces, (key) => namespaces.add(key));
  PersistentMap.diff(before.referenceGrants, after.referenceGrants, (_, left, right) => {
    for (const grant of [left, right]) if (grant !== undefined) granting.add(grant.meta.namespace);
  });
  const areClassesSame = before.gatewayClasses === after.gatewayClasses;
  if (areClassesSame && gateways.size + namespaces.size + granting.size === 0) return undefined;
  return (route) => {
    const { namespace } = route.meta;
    return (
      !areClassesSame ||
      namespaces.has(namespace) ||
      route.parents.some((parent) => {
        const key = gatewayKeyOf(parent, namespace);
        return key !== undefined && (gateways.has(key) || isGranted(after, key, granting));
      }) ||
      backendsOf(route).some((backend) => granting.has(backend.namespace ?? namespace))
    );
  };
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
): RouteSet {
  const bindings = attachments
    .flatMap((attachment) => attachment.bindings)
    .filter(({ verdict }) => verdict.accepted.isTrue);
  const targets = targetsOf(route, snapshot);
  const rules = rulesOf(route, targets);
  return {
    ref,
    meta: route.meta,
    routes: routesOf(bindings, rules),
    tls: tlsClaims(bindings, snapshot),
    secrets: [],
    waitsForSecrets: false,
    services: [...new Set(backendsOf(route).flatMap((item) => serviceKeyOf(item, ref.namespace) ?? []))].sort(),
    findings: findingsOf(ref, attachments, targets),
  };
}

/** A match with a condition that is not served takes no requests: which ones it is for cannot be told. */
function rulesOf(route: HTTPRoute, { targets }: RouteTargets): readonly HttpRule[] {
  return route.rules.flatMap((rule, index) => {
    const target = targets[index];
    if (target === undefined) return [];
    return rule.matches
      .filter(({ unsupported }) => unsupported.length === 0)
      .map(({ path, field }) => ({
        match: path,
        conditions: NO_CONDITIONS,
        filters: [],
        target,
        field,
        precedence: 'rule' as const,
      }));
  });
}

/** The hosts of a route by where their requests come in; what is served over HTTP and HTTPS alike stands once. */
function routesOf(bindings: readonly Binding[], rules: readonly HttpRule[]): readonly HttpRoute[] {
  const entrances = new Map<Hostname | undefined, Set<Entrance>>();
  for (const { verdict, hostnames } of bindings) {
    const entrance = verdict.listener.tls === undefined ? 'http' : 'https';
    for (const host of hostnames) entrances.set(host, (entrances.get(host) ?? new Set()).add(entrance));
  }
  return [...entrances].flatMap(([host, found]) => {
    const isBoth = found.has('http') && found.has('https');
    return (isBoth ? (['main'] as const) : [...found]).map((entrance) => ({ host, entrance, rules }));
  });
}

/** The certificates of the listeners, for the hosts that the route has there. */
function tlsClaims(bindings: readonly Binding[], snapshot: Snapshot): readonly TlsClaim[] {
  return bindings.flatMap(({ gateway, verdict, hostnames }) => {
    const [secret] = certificatesOf(verdict.listener, gateway, snapshot).secrets;
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
  const { resolved, partlyInvalid } = targets;
  return [
    ...refused,
    ...(resolved.isTrue
      ? []
      : [finding('RouteBackendUnresolved', ref, 'spec.rules', `${resolved.reason}: ${resolved.message}`)]),
    ...(partlyInvalid === undefined
      ? []
      : [finding('RouteFeatureUnsupported', ref, 'spec.rules', partlyInvalid.message)]),
  ];
}
