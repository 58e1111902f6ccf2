import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { Gateway } from '../../../model/gateway/gateway.ts';
import { finding, type Finding } from '../../../model/finding.ts';
import type { RouteSet, TlsClaim } from '../../../model/http/route-set.ts';
import { keyOf, type ObjectRef } from '../../../model/object.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import type { CompileSettings } from '../../settings.ts';
import { claimGateway } from '../../gateway/gateway-claim.ts';
import { gatewayStatus } from '../../gateway/gateway-status.ts';
import { certificatesOf } from '../../gateway/listener-certificates.ts';
import { listenerVerdicts } from '../../gateway/listener-verdicts.ts';
import type { RouteProducer } from './producer.ts';

/** Gateway (gateway.networking.k8s.io/v1): it routes nothing by itself, but its listeners have certificates. */
export const gatewayProducer: RouteProducer = {
  kind: 'Gateway',

  changed(before, after) {
    const changed = new Set<string>();
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
    routes: [],
    tls: tlsClaims(gateway, snapshot, settings),
    defaultSecret: defaultSecretOf(gateway, snapshot, settings),
    // Also those of listeners that are not served: their conditions say what is known of them.
    secrets: gateway.listeners.flatMap((listener) => certificatesOf(listener, gateway, snapshot).secrets),
    waitsForSecrets: false,
    services: [],
    findings: findingsOf(ref, gateway, snapshot, settings),
  };
}

function tlsClaims(gateway: Gateway, snapshot: Snapshot, { listenerPorts }: CompileSettings): readonly TlsClaim[] {
  return listenerVerdicts(gateway, listenerPorts).flatMap(({ listener, accepted }) => {
    const { hostname, field } = listener;
    const [secret] = certificatesOf(listener, gateway, snapshot).secrets;
    // Those of listeners for every host are claimed by the routes, which say which hosts these are.
    if (secret === undefined || hostname === undefined || !accepted.isTrue) return [];
    return [{ host: hostname, secret, field, secretField: `${field}.tls.certificateRefs` }];
  });
}

/** A listener without a host is for every name that a client may send, be there a route for it or not. */
function defaultSecretOf(gateway: Gateway, snapshot: Snapshot, { listenerPorts }: CompileSettings): string | undefined {
  const [secret] = listenerVerdicts(gateway, listenerPorts).flatMap(({ listener, accepted }) =>
    accepted.isTrue && listener.hostname === undefined ? certificatesOf(listener, gateway, snapshot).secrets : [],
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
  { listenerPorts }: CompileSettings,
): readonly Finding[] {
  const { conditions, listeners } = gatewayStatus(gateway, snapshot, listenerPorts, () => 0);
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
