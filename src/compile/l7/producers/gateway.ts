import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { Gateway } from '../../../model/gateway/gateway.ts';
import { finding, type Finding } from '../../../model/finding.ts';
import type { HttpRoute, HttpRule, RouteSet, TlsClaim } from '../../../model/http/route-set.ts';
import { EVERY_PATH, NO_CONDITIONS } from '../../../model/http/match.ts';
import { keyOf, type ObjectRef } from '../../../model/object.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import type { CompileSettings } from '../../settings.ts';
import { claimGateway } from '../../gateway/gateway-claim.ts';
import { entranceOf, movedGateways, servedPorts } from '../../gateway/gateway-services.ts';
import { gatewayStatus, isAccepted } from '../../gateway/gateway-status.ts';
import { certificatesOf } from '../../gateway/listener-certificates.ts';
import { listenerVerdicts, type ListenerVerdict } from '../../gateway/listener-verdicts.ts';
import type { RouteProducer } from './producer.ts';

/** Gateway (gateway.networking.k8s.io/v1): it routes nothing by itself, but its listeners have certificates. */
export const gatewayProducer: RouteProducer = {
  kind: 'Gateway',

  changed(before, after, settings) {
    const changed = new Set<string>(movedGateways(before, after, settings));
    PersistentMap.diff(before.gateways, after.gateways, (key) => changed.add(key));
    // Both change about never, and a grant may be for any of them.
    if (before.gatewayClasses !== after.gatewayClasses || before.referenceGrants !== after.referenceGrants)
      for (const key of after.gateways.keys()) changed.add(key);
    return changed;
  },

  produce(key, snapshot, settings) {
    const gateway = snapshot.gateways.get(key);
    if (gateway === undefined) return undefined;
    const claim = claimGateway(gateway, snapshot, settings);
    if (!claim.isOurs) return { isOurs: false, findings: claim.finding === undefined ? [] : [claim.finding] };
    return { isOurs: true, routeSet: routeSetOf(gateway, snapshot, settings) };
  },
};

function routeSetOf(gateway: Gateway, snapshot: Snapshot, settings: CompileSettings): RouteSet {
  const ref: ObjectRef = { kind: 'Gateway', namespace: gateway.meta.namespace, name: gateway.meta.name };
  return {
    ref,
    meta: gateway.meta,
    routes: refusalsOf(gateway, snapshot, settings),
    tls: tlsClaims(gateway, snapshot, settings),
    tlsListeners: servedListeners(gateway, snapshot, settings).flatMap(({ listener }) => {
      const port = listener.tls === undefined ? undefined : entranceOf(listener, gateway, snapshot, settings);
      return typeof port === 'number' ? [{ port, host: listener.hostname }] : [];
    }),
    defaultSecret: defaultSecretOf(gateway, snapshot, settings),
    // Also those of listeners that are not served: their conditions say what is known of them.
    secrets: gateway.listeners.flatMap((listener) => certificatesOf(listener, gateway, snapshot).secrets),
    configMaps: [],
    waitsForSecrets: false,
    services: [],
    findings: findingsOf(ref, gateway, snapshot, settings),
  };
}

function servedListeners(gateway: Gateway, snapshot: Snapshot, settings: CompileSettings): readonly ListenerVerdict[] {
  if (!isAccepted(gateway, snapshot, settings)) return [];
  return listenerVerdicts(gateway, servedPorts(snapshot, settings)).filter(({ accepted }) => accepted.isTrue);
}

/**
 * What a listener refuses: all that is for its host and that none of its routes wants. Without that, routes of a listener for more hosts on
 * the same port would have it (Gateway API, "listener isolation").
 */
function refusalsOf(gateway: Gateway, snapshot: Snapshot, settings: CompileSettings): readonly HttpRoute[] {
  const known = new Set<string>();
  return servedListeners(gateway, snapshot, settings).flatMap(({ listener }): readonly HttpRoute[] => {
    const { hostname: host, field } = listener;
    const entrance = entranceOf(listener, gateway, snapshot, settings);
    // Of two ports that stand for one, the first says it.
    const key = `${String(entrance)} ${String(host)}`;
    if (entrance === undefined || host === undefined || known.has(key)) return [];
    known.add(key);
    const rule: HttpRule = {
      match: EVERY_PATH,
      conditions: NO_CONDITIONS,
      filters: [],
      target: { kind: 'unavailable', reason: 'no-route', status: 404 },
      field,
      precedence: 'last-resort',
    };
    return [{ host, entrance, isDeep: true, rules: [rule] }];
  });
}

function tlsClaims(gateway: Gateway, snapshot: Snapshot, settings: CompileSettings): readonly TlsClaim[] {
  return servedListeners(gateway, snapshot, settings).flatMap(({ listener }) => {
    const { hostname, field } = listener;
    const secret = certificatesOf(listener, gateway, snapshot).served;
    // Those of listeners for every host are claimed by the routes, which say which hosts these are.
    if (secret === undefined || hostname === undefined) return [];
    return [{ host: hostname, secret, field, secretField: `${field}.tls.certificateRefs` }];
  });
}

/** A listener without a host is for every name that a client may send, be there a route for it or not. */
function defaultSecretOf(gateway: Gateway, snapshot: Snapshot, settings: CompileSettings): string | undefined {
  const [secret] = servedListeners(gateway, snapshot, settings).flatMap(({ listener }) =>
    listener.hostname === undefined ? (certificatesOf(listener, gateway, snapshot).served ?? []) : [],
  );
  return secret;
}

/** What a Gateway says of its listeners in sum, each of which has a Finding of its own. */
const IN_SUM: ReadonlySet<string> = new Set(['ListenersNotValid', 'ListenersNotResolved']);

/** What the conditions say, for whoever sees no conditions. Certificates are left to the hosts that have them. */
function findingsOf(
  ref: ObjectRef,
  gateway: Gateway,
  snapshot: Snapshot,
  settings: CompileSettings,
): readonly Finding[] {
  const { conditions, listeners } = gatewayStatus(gateway, snapshot, settings, () => 0);
  const asWhole = conditions
    .filter(({ isTrue, reason }) => !isTrue && !IN_SUM.has(reason))
    .map(({ reason, message }) => finding('GatewayNotAccepted', ref, 'spec', `${reason}: ${message}`));
  const ofListeners = listeners.flatMap((status, index) => {
    const wrong = status.conditions.find(
      ({ type, isTrue }) => (type === 'Accepted' || type === 'ResolvedRefs') && !isTrue,
    );
    const field = gateway.listeners[index]?.field ?? keyOf(gateway.meta);
    return wrong === undefined
      ? []
      : [finding('ListenerNotServed', ref, field, `${wrong.reason}: listener ${status.name}: ${wrong.message}`)];
  });
  return [...asWhole, ...ofListeners];
}
