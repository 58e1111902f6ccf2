import type { ClientValidation, Gateway, Listener, RouteKind } from '../../model/gateway/gateway.ts';
import { GATEWAY_GROUP } from '../../model/gateway/reference.ts';
import { no, yes, type Verdict } from './condition.ts';
import type { ListenerPorts } from './gateway-settings.ts';

/** What a listener is by what its Gateway says, before anything else is looked at. */
export interface ListenerVerdict {
  readonly listener: Listener;
  readonly accepted: Verdict;
  /** Undefined where no other listener of the Gateway is in its way. */
  readonly conflict: Verdict | undefined;
  /** Kinds of routes that it takes. */
  readonly supportedKinds: readonly RouteKind[];
  /** Undefined where every kind that it names fits. */
  readonly kindMistake: Verdict | undefined;
}

/** Kinds of routes by protocol; a protocol that is not here is not served. */
const KINDS_OF_PROTOCOL: Readonly<Record<string, readonly string[]>> = {
  HTTP: ['HTTPRoute', 'GRPCRoute'],
  HTTPS: ['HTTPRoute', 'GRPCRoute'],
};

/** Thousands of routes may ask for the listeners of one Gateway. */
const known = new WeakMap<
  Gateway,
  { readonly ports: ListenerPorts | 'any'; readonly verdicts: readonly ListenerVerdict[] }
>();

/** The listeners of a Gateway, in their order. */
export function listenerVerdicts(gateway: Gateway, ports: ListenerPorts | 'any'): readonly ListenerVerdict[] {
  const before = known.get(gateway);
  if (before?.ports === ports) return before.verdicts;
  const conflicts = conflictsAmong(gateway.listeners);
  const verdicts = gateway.listeners.map((listener): ListenerVerdict => {
    const conflict = conflicts.get(listener.name);
    const { supportedKinds, kindMistake } = kindsOf(listener);
    return {
      listener,
      accepted: conflict ?? acceptedOf(listener, gateway, ports),
      conflict,
      supportedKinds,
      kindMistake,
    };
  });
  known.set(gateway, { ports, verdicts });
  return verdicts;
}

function acceptedOf({ protocol, port, tls }: Listener, gateway: Gateway, ports: ListenerPorts | 'any'): Verdict {
  if (!Object.hasOwn(KINDS_OF_PROTOCOL, protocol))
    return no('UnsupportedProtocol', `protocol ${protocol} is not served; HTTP and HTTPS are`);
  const open = ports === 'any' ? [port] : tls === undefined ? ports.http : ports.https;
  if (!open.includes(port))
    return no('PortUnavailable', `${protocol} is served on port ${open.join(' or ')}, not on ${String(port)}`);
  // Served without asking, it would be open to whom the certificates were to keep out.
  if (tls !== undefined && isCertificateAsked(gateway.clientValidation, port))
    return no(
      'UnsupportedValue',
      `spec.tls.frontend asks clients for certificates on port ${String(port)}, which is not served yet`,
    );
  return yes('Accepted');
}

/** A port that stands twice is asked where one of the two asks. */
function isCertificateAsked({ isAskedByDefault, perPort }: ClientValidation, port: number): boolean {
  const own = perPort.filter((item) => item.port === port);
  return own.length === 0 ? isAskedByDefault : own.some(({ isAsked }) => isAsked);
}

function kindsOf({ protocol, allowedRoutes }: Listener): Pick<ListenerVerdict, 'supportedKinds' | 'kindMistake'> {
  const fitting = KINDS_OF_PROTOCOL[protocol] ?? [];
  const all = fitting.map((kind): RouteKind => ({ group: GATEWAY_GROUP, kind }));
  const wanted = allowedRoutes.kinds;
  if (wanted === undefined) return { supportedKinds: all, kindMistake: undefined };
  const isFitting = ({ group, kind }: RouteKind): boolean => group === GATEWAY_GROUP && fitting.includes(kind);
  const wrong = wanted.filter((kind) => !isFitting(kind));
  const names = wrong.map(({ kind }) => kind || 'a kind that cannot be read').join(', ');
  const kindMistake =
    wrong.length === 0 ? undefined : no('InvalidRouteKinds', `protocol ${protocol} takes no routes of kind ${names}`);
  return { supportedKinds: wanted.filter(isFitting), kindMistake };
}

/**
 * Listeners that cannot be told apart (Gateway.spec.listeners): none of them is served, since nobody could say which one is meant. On one
 * port either all speak TLS first or none does, UDP beside TCP.
 */
function conflictsAmong(listeners: readonly Listener[]): ReadonlyMap<string, Verdict> {
  const conflicts = new Map<string, Verdict>();
  for (const listener of listeners) {
    const others = listeners.filter((other) => other !== listener && other.port === listener.port);
    const verdict = protocolConflict(listener, others) ?? hostnameConflict(listener, others);
    if (verdict !== undefined) conflicts.set(listener.name, verdict);
  }
  return conflicts;
}

/** What arrives first on a port, which decides whether two protocols can share it. */
const FIRST_BYTES: Readonly<Record<string, string>> = {
  HTTP: 'http',
  HTTPS: 'tls',
  TLS: 'tls',
  TCP: 'tcp',
  UDP: 'udp',
};

function protocolConflict(listener: Listener, others: readonly Listener[]): Verdict | undefined {
  const first = FIRST_BYTES[listener.protocol];
  const rival = others.find(({ protocol }) => {
    const its = FIRST_BYTES[protocol];
    const isOnAnother = (first === 'udp') !== (its === 'udp');
    return first !== undefined && its !== undefined && !isOnAnother && first !== its;
  });
  if (rival === undefined) return undefined;
  const message = `port ${String(listener.port)} cannot have ${listener.protocol} here and ${rival.protocol} in listener ${rival.name}`;
  return no('ProtocolConflict', message);
}

function hostnameConflict(listener: Listener, others: readonly Listener[]): Verdict | undefined {
  const first = FIRST_BYTES[listener.protocol] ?? listener.protocol;
  const rival = others.find(
    ({ protocol, hostname }) => (FIRST_BYTES[protocol] ?? protocol) === first && hostname === listener.hostname,
  );
  if (rival === undefined) return undefined;
  const host = listener.hostname ?? 'all hosts';
  return no('HostnameConflict', `listener ${rival.name} is for ${host} on port ${String(listener.port)} as well`);
}
