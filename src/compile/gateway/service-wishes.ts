import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Gateway, Listener } from '../../model/gateway/gateway.ts';
import { GATEWAY_NAME_LABEL, MANAGED_BY } from '../../model/gateway/made-for-gateway.ts';
import { byAge, keyOf } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { CompileSettings } from '../settings.ts';
import { claimGateway } from './gateway-claim.ts';
import {
  entranceTable,
  gatewayLabel,
  gatewayServiceKey,
  haveOwnAddresses,
  isNameTaken,
  kindOf,
  servedPorts,
  serviceOf,
} from './gateway-services.ts';
import { isAccepted } from './gateway-status.ts';
import { innerPortsOf, isInnerPort, type InnerKind, type InnerPorts } from './inner-ports.ts';
import type { GatewayServiceFields, GatewayServicePort, GatewayServiceWishes } from './gateway-service-wish.ts';
import { listenerVerdicts } from './listener-verdicts.ts';

/** The annotation by which Services ask for addresses, as MetalLB and Sluice read it. */
const ADDRESSES_ANNOTATION = 'metallb.io/loadBalancerIPs';

/**
 * The Services of all Gateways that are ours, by their keys. Inner ports that a Service has stay, so that no Gateway notices another one;
 * who has none gets the lowest that is free, the older Gateway first. Pure.
 */
export function serviceWishes(snapshot: Snapshot, settings: CompileSettings): GatewayServiceWishes {
  const { innerPorts } = settings;
  let wishes: GatewayServiceWishes = PersistentMap.empty();
  if (innerPorts === undefined || !haveOwnAddresses(snapshot, settings)) return wishes;
  const table = entranceTable(snapshot, settings);
  const taken = new Set([...table.values()].flatMap((ports) => [...ports.values()]));
  const free = (kind: InnerKind): number | undefined => lowestFree(innerPortsOf(innerPorts, kind), taken);
  for (const gateway of [...snapshot.gateways.values()].sort((a, b) => byAge(a.meta, b.meta))) {
    const key = gatewayServiceKey(gateway);
    if (!claimGateway(gateway, snapshot, settings).isOurs) {
      // A class that is deleted and made anew, as by an upgrade of a chart, must not cost the address. One of another controller is theirs.
      const isNobodys = !snapshot.gatewayClasses.has(gateway.className);
      if (isNobodys && serviceOf(gateway, snapshot) !== undefined) wishes = wishes.set(key, { kind: 'keep' });
      continue;
    }
    // Slices would lead clients of that Service here.
    if (isNameTaken(gateway, snapshot)) continue;
    const served = isAccepted(gateway, snapshot, settings) ? listenersOn(gateway, snapshot, settings) : [];
    if (served.length === 0) {
      // An address that is given back may be another's by the time the mistake is mended.
      if (serviceOf(gateway, snapshot) !== undefined) wishes = wishes.set(key, { kind: 'keep' });
      continue;
    }
    const has = table.get(keyOf(gateway.meta));
    const ports = served.flatMap((listener): readonly GatewayServicePort[] => {
      const kind = kindOf(listener);
      const before = has?.get(listener.port);
      const targetPort = before !== undefined && isInnerPort(before, innerPorts, kind) ? before : free(kind);
      if (targetPort === undefined) return [];
      taken.add(targetPort);
      return [{ port: listener.port, targetPort }];
    });
    if (ports.length > 0) wishes = wishes.set(key, fieldsOf(gateway, ports, settings));
  }
  return wishes;
}

/** One listener of each port that has one which is accepted, by number. */
function listenersOn(gateway: Gateway, snapshot: Snapshot, settings: CompileSettings): readonly Listener[] {
  const byPort = new Map<number, Listener>();
  for (const { listener, accepted } of listenerVerdicts(gateway, servedPorts(snapshot, settings)))
    if (accepted.isTrue && !byPort.has(listener.port)) byPort.set(listener.port, listener);
  return [...byPort.values()].sort((a, b) => a.port - b.port);
}

function lowestFree({ first, last }: InnerPorts, taken: ReadonlySet<number>): number | undefined {
  for (let port = first; port <= last; port += 1) if (!taken.has(port)) return port;
  return undefined;
}

function fieldsOf(
  { meta, infrastructure, addresses }: Gateway,
  ports: readonly GatewayServicePort[],
  { addresses: given }: CompileSettings,
): GatewayServiceFields {
  const wanted = addresses.flatMap(({ value }) => (value === '' ? [] : [value]));
  return {
    kind: 'made',
    owner: { name: meta.name, uid: meta.uid },
    createdMs: meta.createdMs,
    // Ours last: by these the object is found again.
    labels: {
      ...infrastructure.labels,
      [MANAGED_BY.label]: MANAGED_BY.value,
      [GATEWAY_NAME_LABEL]: gatewayLabel(meta.name),
    },
    annotations: {
      ...infrastructure.annotations,
      ...(wanted.length > 0 && { [ADDRESSES_ANNOTATION]: wanted.join(',') }),
    },
    className: given?.className,
    ports,
  };
}
