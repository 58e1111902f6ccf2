import type { Gateway } from '../../model/gateway/gateway.ts';
import type { GatewayClass } from '../../model/gateway/gateway-class.ts';
import { GATEWAY_GROUP } from '../../model/gateway/reference.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import type { PublishedAddress } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { CompileSettings } from '../settings.ts';
import { condition, no, yes, type Verdict } from './condition.ts';
import {
  entranceOf,
  gatewayServiceKey,
  haveOwnAddresses,
  isNameTaken,
  servedPorts,
  serviceOf,
} from './gateway-services.ts';
import { certificatesOf } from './listener-certificates.ts';
import { listenerVerdicts, type ListenerVerdict } from './listener-verdicts.ts';
import { mayRefer } from './reference-grants.ts';
import type { ClassStatus, GatewayStatus, ListenerStatus } from './status-plan.ts';

/** Addresses that this process gave a Service, by its key; undefined where it gives none. */
export type GivenAddresses = (service: string) => readonly IpAddress[] | undefined;

/** What a GatewayClass that is ours shows. */
export function classStatus({ generation, parameters }: GatewayClass, features: readonly string[]): ClassStatus {
  const accepted =
    parameters === undefined
      ? yes('Accepted')
      : no('InvalidParameters', `${parameters.field}: there are no parameters for this controller`);
  return { generation, conditions: [condition('Accepted', accepted)], supportedFeatures: features };
}

/** Whether a Gateway is accepted: what is not is not served, whatever its listeners are by themselves. */
export function isAccepted(gateway: Gateway, snapshot: Snapshot, settings: CompileSettings): boolean {
  return acceptedOf(gateway, listenerVerdicts(gateway, servedPorts(snapshot, settings))).isTrue;
}

/**
 * What a Gateway shows.
 *
 * @param attachedRoutes how many routes a listener has, by its name
 */
export function gatewayStatus(
  gateway: Gateway,
  snapshot: Snapshot,
  settings: CompileSettings,
  attachedRoutes: (listener: string) => number,
  given: GivenAddresses = () => undefined,
): GatewayStatus {
  const verdicts = listenerVerdicts(gateway, servedPorts(snapshot, settings));
  const accepted = acceptedOf(gateway, verdicts);
  const listeners = verdicts.map((verdict) =>
    listenerStatus(verdict, gateway, snapshot, settings, accepted.isTrue, attachedRoutes),
  );
  const isServed = listeners.some(({ conditions }) =>
    conditions.some(({ type, isTrue }) => type === 'Programmed' && isTrue),
  );
  const isWaiting = listeners.some(({ conditions }) =>
    conditions.some(({ type, reason }) => type === 'Programmed' && reason === 'Pending'),
  );
  return {
    generation: gateway.generation,
    conditions: [condition('Accepted', accepted), condition('ResolvedRefs', resolvedOf(gateway, snapshot, listeners))],
    programmed: !accepted.isTrue
      ? no('Invalid', 'the Gateway is not accepted')
      : isServed
        ? yes('Programmed')
        : no(isWaiting ? 'Pending' : 'Invalid', 'none of its listeners is served; their conditions say why'),
    addresses: addressesOf(gateway, snapshot, settings, given),
    wantedAddresses: gateway.addresses.flatMap(({ value }) => (value === '' ? [] : [value])),
    listeners,
  };
}

/** Of its Service, where it has one for itself. */
function addressesOf(
  gateway: Gateway,
  snapshot: Snapshot,
  settings: CompileSettings,
  given: GivenAddresses,
): readonly PublishedAddress[] | undefined {
  if (!haveOwnAddresses(snapshot, settings)) return undefined;
  const own = given(gatewayServiceKey(gateway))?.map((ip) => ({ ip }));
  return own ?? serviceOf(gateway, snapshot)?.publishedAddresses ?? [];
}

function acceptedOf(gateway: Gateway, verdicts: readonly ListenerVerdict[]): Verdict {
  const { parameters } = gateway.infrastructure;
  if (parameters !== undefined)
    return no('InvalidParameters', `${parameters.field}: there are no parameters for this controller`);
  const address = gateway.addresses.find(({ type, value }) => type !== 'IPAddress' || !isAddress(value));
  if (address !== undefined)
    return no(
      'UnsupportedAddress',
      `spec.addresses: ${address.type} ${address.value} cannot be had, only an IPAddress`,
    );
  const refused = verdicts.filter(({ accepted }) => !accepted.isTrue);
  if (refused.length === 0 && verdicts.length > 0) return yes('Accepted');
  const names = refused.map(({ listener }) => listener.name).join(', ');
  return refused.length < verdicts.length
    ? yes('ListenersNotValid', `listeners that are not served: ${names}`)
    : no('ListenersNotValid', `no listener can be served: ${names}`);
}

/** What its references lead to: its own, and those of its listeners in sum (GatewayConditionResolvedRefs). */
function resolvedOf(
  { meta, clientCertificate }: Gateway,
  { referenceGrants }: Snapshot,
  listeners: readonly ListenerStatus[],
): Verdict {
  if (clientCertificate !== undefined) {
    const { field, namespace = meta.namespace } = clientCertificate;
    const from = { group: GATEWAY_GROUP, kind: 'Gateway', namespace: meta.namespace };
    return mayRefer(from, { ...clientCertificate, namespace }, referenceGrants)
      ? no('InvalidClientCertificateRef', `${field}: backends are reached without TLS, where no certificate is shown`)
      : no('RefNotPermitted', `${field}: no ReferenceGrant in namespace ${namespace} permits it`);
  }
  const wrong = listeners.filter(({ conditions }) =>
    conditions.some(({ type, isTrue }) => type === 'ResolvedRefs' && !isTrue),
  );
  if (wrong.length === 0) return yes('ResolvedRefs');
  return no(
    'ListenersNotResolved',
    `listeners with references that cannot be had: ${wrong.map(({ name }) => name).join(', ')}`,
  );
}

function isAddress(value: string): boolean {
  return value === '' || ipAddressOf(value) !== undefined;
}

function whyNothingLeads(port: number, gateway: Gateway, snapshot: Snapshot): string {
  if (!isNameTaken(gateway, snapshot)) return `nothing leads to port ${String(port)} yet`;
  return `nothing leads to port ${String(port)}: the Service ${gatewayServiceKey(gateway)}, which would, was made by somebody else; rename one of the two`;
}

function listenerStatus(
  { listener, accepted, conflict, supportedKinds, kindMistake }: ListenerVerdict,
  gateway: Gateway,
  snapshot: Snapshot,
  settings: CompileSettings,
  isGatewayAccepted: boolean,
  attachedRoutes: (listener: string) => number,
): ListenerStatus {
  const certificates = certificatesOf(listener, gateway, snapshot).verdict;
  const resolved = kindMistake ?? certificates;
  const isServed = accepted.isTrue && certificates.isTrue && supportedKinds.length > 0;
  const hasEntrance = entranceOf(listener, gateway, snapshot, settings) !== undefined;
  const programmed = !isServed
    ? no('Invalid', (accepted.isTrue ? resolved : accepted).message)
    : !isGatewayAccepted
      ? no('Invalid', 'the Gateway is not accepted')
      : hasEntrance
        ? yes('Programmed')
        : no('Pending', whyNothingLeads(listener.port, gateway, snapshot));
  return {
    name: listener.name,
    supportedKinds,
    attachedRoutes: attachedRoutes(listener.name),
    conditions: [
      condition('Accepted', accepted),
      condition('Conflicted', conflict === undefined ? no('NoConflicts', '') : { ...conflict, isTrue: true }),
      condition('ResolvedRefs', resolved),
      condition('Programmed', programmed),
    ],
  };
}
