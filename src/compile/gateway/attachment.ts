import type { Gateway } from '../../model/gateway/gateway.ts';
import { GATEWAY_GROUP, type ParentReference } from '../../model/gateway/reference.ts';
import type { Hostname } from '../../model/grammar.ts';
import { selects } from '../../model/label-selector.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { CompileSettings } from '../settings.ts';
import { no, yes, type Verdict } from './condition.ts';
import { claimGateway } from './gateway-claim.ts';
import { servedPorts } from './gateway-services.ts';
import { intersection } from './hostnames.ts';
import { listenerVerdicts, type ListenerVerdict } from './listener-verdicts.ts';

/** What of a route decides where it is attached. */
export interface AttachedRoute {
  readonly kind: string;
  readonly meta: ObjectMeta;
  readonly parents: readonly ParentReference[];
  readonly hostnames: readonly Hostname[];
  readonly hasNoUsableHost: boolean;
}

/** A listener that takes a route, and the hosts that the route has there; `undefined` among them is every host. */
export interface Binding {
  readonly gateway: Gateway;
  readonly verdict: ListenerVerdict;
  readonly hostnames: readonly (Hostname | undefined)[];
}

/** What becomes of a route at one of its parents that are ours. */
export interface Attachment {
  readonly parent: ParentReference;
  readonly gateway: Gateway;
  /** The condition Accepted. */
  readonly accepted: Verdict;
  /** Empty where it is not accepted. */
  readonly bindings: readonly Binding[];
}

type Surroundings = Pick<Snapshot, 'gateways' | 'gatewayClasses' | 'namespaces' | 'addressPools'>;
type Settings = Pick<CompileSettings, 'mode' | 'listenerPorts' | 'innerPorts' | 'addresses'>;

/** Attaches a route to the listeners of its parents (Gateway API, "Attaching Routes to Gateways"). Parents that are not ours are left out. */
export function attachmentsOf(
  route: AttachedRoute,
  surroundings: Surroundings,
  settings: Settings,
): readonly Attachment[] {
  return route.parents.flatMap((parent) => {
    const key = gatewayKeyOf(parent, route.meta.namespace);
    const gateway = key === undefined ? undefined : surroundings.gateways.get(key);
    if (gateway === undefined || !claimGateway(gateway, surroundings, settings).isOurs) return [];
    return [attach(route, parent, gateway, surroundings, settings)];
  });
}

/** `namespace/name` of the Gateway that a parent is; undefined for a parent of another kind. */
export function gatewayKeyOf(parent: ParentReference, namespace: string): string | undefined {
  if (parent.group !== GATEWAY_GROUP || parent.kind !== 'Gateway') return undefined;
  return keyOf({ namespace: parent.namespace ?? namespace, name: parent.name });
}

function attach(
  route: AttachedRoute,
  parent: ParentReference,
  gateway: Gateway,
  surroundings: Surroundings,
  settings: Settings,
): Attachment {
  const refused = (reason: string, message: string): Attachment => ({
    parent,
    gateway,
    accepted: no(reason, message),
    bindings: [],
  });
  const { sectionName, port } = parent;
  const named = listenerVerdicts(gateway, servedPorts(surroundings, settings)).filter(
    ({ listener }) =>
      (sectionName === undefined || listener.name === sectionName) && (port === undefined || listener.port === port),
  );
  if (named.length === 0) return refused('NoMatchingParent', `the Gateway has no listener ${nameOfListener(parent)}`);
  const allowing = named.filter((verdict) => isAllowed(route, gateway, verdict, surroundings));
  if (allowing.length === 0) return refused('NotAllowedByListeners', whyNotAllowed(route, named));
  const bindings = route.hasNoUsableHost
    ? []
    : allowing.flatMap((verdict) => {
        const hostnames = intersection(verdict.listener.hostname, route.hostnames);
        return hostnames.length === 0 ? [] : [{ gateway, verdict, hostnames }];
      });
  if (bindings.length === 0) {
    const hosts = [...new Set(allowing.map(({ listener }) => listener.hostname ?? 'all hosts'))].join(', ');
    return refused('NoMatchingListenerHostname', `none of its hosts is one of the listeners: ${hosts}`);
  }
  return { parent, gateway, accepted: yes('Accepted'), bindings };
}

function nameOfListener({ sectionName, port }: ParentReference): string {
  const name = sectionName === undefined ? [] : [`named ${sectionName}`];
  return [...name, ...(port === undefined ? [] : [`on port ${String(port)}`])].join(' ');
}

function isAllowed(
  route: AttachedRoute,
  gateway: Gateway,
  { listener, supportedKinds }: ListenerVerdict,
  { namespaces }: Surroundings,
): boolean {
  const isKind = supportedKinds.some(({ group, kind }) => group === GATEWAY_GROUP && kind === route.kind);
  if (!isKind) return false;
  const allowed = listener.allowedRoutes.namespaces;
  const { namespace } = route.meta;
  switch (allowed.from) {
    case 'All':
      return true;
    case 'None':
      return false;
    case 'Same':
      return namespace === gateway.meta.namespace;
    case 'Selector':
      // In a folder a namespace need not be there; its name is a label all the same (KEP-2161).
      return selects(
        allowed.selector,
        namespaces.get(namespace)?.labels ?? { 'kubernetes.io/metadata.name': namespace },
      );
  }
}

function whyNotAllowed(route: AttachedRoute, named: readonly ListenerVerdict[]): string {
  const takesKind = named.filter(({ supportedKinds }) => supportedKinds.some(({ kind }) => kind === route.kind));
  return takesKind.length === 0
    ? `the listener takes no routes of kind ${route.kind}`
    : `the listener takes no routes from namespace ${route.meta.namespace} (allowedRoutes)`;
}
