import { fnv1a } from '../../lib/hash.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Gateway, Listener } from '../../model/gateway/gateway.ts';
import { GATEWAY_NAME_LABEL, MANAGED_BY } from '../../model/gateway/made-for-gateway.ts';
import type { Entrance } from '../../model/http/route-set.ts';
import { byAge, keyOf } from '../../model/object.ts';
import type { Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { CompileSettings } from '../settings.ts';
import type { ListenerPorts } from './gateway-settings.ts';
import { isInnerPort, reserveFor, type InnerKind } from './inner-ports.ts';

type GatewaySettings = Pick<CompileSettings, 'mode' | 'innerPorts' | 'listenerPorts' | 'addresses'>;
type Surroundings = Pick<Snapshot, 'gateways' | 'services' | 'addressPools'>;

/**
 * Whether Gateways have addresses of their own: in a cluster those of Services, unless the operator says otherwise; without one, those of
 * pools, where there are any.
 */
export function haveOwnAddresses({ addressPools }: Pick<Snapshot, 'addressPools'>, settings: GatewaySettings): boolean {
  if (settings.innerPorts === undefined) return false;
  return settings.mode === 'cluster' || addressPools.size > 0 || (settings.addresses?.pool.length ?? 0) > 0;
}

/** The ports on which listeners can be served: any of an address of their own. */
export function servedPorts(
  snapshot: Pick<Snapshot, 'addressPools'>,
  settings: GatewaySettings,
): ListenerPorts | 'any' {
  return haveOwnAddresses(snapshot, settings) ? 'any' : settings.listenerPorts;
}

/** `namespace/name` of the Service of a Gateway. A name that no Service may have, or that is too long, is cut and gets a digest. */
export function gatewayServiceKey({ meta }: Pick<Gateway, 'meta'>): string {
  return keyOf({ namespace: meta.namespace, name: serviceName(meta.name) });
}

/** A Service has a DNS label for its name (63 signs), with room for what the names of its EndpointSlices end in. */
const MAX_NAME = 57;

function serviceName(gateway: string): string {
  const name = `sluice-${gateway}`;
  if (name.length <= MAX_NAME && !name.includes('.')) return name;
  return `${name.replaceAll('.', '-').slice(0, MAX_NAME - 9)}-${digestOf(gateway)}`;
}

/** The value of {@link GATEWAY_NAME_LABEL}: the name, or of a longer one than a label takes a digest behind its beginning. */
export function gatewayLabel(gateway: string): string {
  return gateway.length <= 63 ? gateway : `${gateway.slice(0, 54)}-${digestOf(gateway)}`;
}

/** Eight digits. Whoever makes two that are equal, which is easy, harms the Gateways of their own namespace. */
function digestOf(text: string): string {
  return fnv1a(text).toString(16).padStart(8, '0');
}

/** The Service that was made for a Gateway; undefined where there is none yet, or its name is somebody else's. */
export function serviceOf(gateway: Gateway, { services }: Pick<Snapshot, 'services'>): Service | undefined {
  const service = services.get(gatewayServiceKey(gateway));
  const labels = service?.loadBalancer?.labels;
  const isOurs =
    labels?.[MANAGED_BY.label] === MANAGED_BY.value && labels[GATEWAY_NAME_LABEL] === gatewayLabel(gateway.meta.name);
  return isOurs ? service : undefined;
}

/** Whether the name of the Service of a Gateway is that of one which somebody else made: it is left alone, and the Gateway has none. */
export function isNameTaken(gateway: Gateway, { services }: Pick<Snapshot, 'services'>): boolean {
  const service = services.get(gatewayServiceKey(gateway));
  return service !== undefined && service.loadBalancer?.labels[MANAGED_BY.label] !== MANAGED_BY.value;
}

/** Of each Gateway, by key: which inner port each port of its address leads to. */
type EntranceTable = ReadonlyMap<string, ReadonlyMap<number, number>>;

interface KnownTable {
  readonly services: Snapshot['services'];
  readonly settings: GatewaySettings;
  readonly table: EntranceTable;
}

const tables = new WeakMap<Snapshot['gateways'], KnownTable>();

/**
 * What the Services of Gateways say of inner ports. Of two that name one the older Gateway has it: anybody may write to a Service of their
 * namespace, and must not get at what comes in for another Gateway.
 */
export function entranceTable(snapshot: Surroundings, settings: GatewaySettings): EntranceTable {
  const { gateways, services } = snapshot;
  const known = tables.get(gateways);
  if (known?.services === services && known.settings === settings) return known.table;
  const { innerPorts } = settings;
  const taken = new Set<number>();
  const table = new Map<string, ReadonlyMap<number, number>>();
  for (const gateway of [...gateways.values()].sort((a, b) => byAge(a.meta, b.meta))) {
    const ports = new Map<number, number>();
    for (const { port, targetPort, protocol } of serviceOf(gateway, snapshot)?.ports ?? []) {
      if (innerPorts === undefined || typeof targetPort !== 'number' || protocol !== 'TCP') continue;
      const isInner = targetPort >= innerPorts.first && targetPort <= innerPorts.last;
      if (!isInner || taken.has(targetPort)) continue;
      taken.add(targetPort);
      ports.set(port, targetPort);
    }
    table.set(keyOf(gateway.meta), ports);
  }
  tables.set(gateways, { services, settings, table });
  return table;
}

/** How connections to a listener begin. */
export function kindOf({ tls }: Pick<Listener, 'tls'>): InnerKind {
  return tls === undefined ? 'http' : 'tls';
}

/** Where requests for a listener come in; undefined while nothing leads to it. */
export function entranceOf(
  listener: Listener,
  gateway: Gateway,
  snapshot: Surroundings & Pick<Snapshot, 'addressPools'>,
  settings: GatewaySettings,
): Entrance | undefined {
  if (!haveOwnAddresses(snapshot, settings)) return listener.tls === undefined ? 'http' : 'https';
  const { innerPorts } = settings;
  const port = entranceTable(snapshot, settings).get(keyOf(gateway.meta))?.get(listener.port);
  if (port === undefined || innerPorts === undefined) return undefined;
  return isInnerPort(port, innerPorts, kindOf(listener)) ? port : undefined;
}

/** How many inner ports of each kind have to stand ready. */
export function neededReserve(
  snapshot: Surroundings & Pick<Snapshot, 'addressPools'>,
  settings: GatewaySettings,
): number {
  const { innerPorts } = settings;
  if (innerPorts === undefined || !haveOwnAddresses(snapshot, settings)) return 0;
  const used = [...entranceTable(snapshot, settings).values()].flatMap((ports) => [...ports.values()]);
  return reserveFor(used, innerPorts);
}

/** The Gateways for which requests come in elsewhere than before, by key. */
export function movedGateways(before: Snapshot, after: Snapshot, settings: GatewaySettings): ReadonlySet<string> {
  const owned = haveOwnAddresses(after, settings);
  if (owned !== haveOwnAddresses(before, settings)) return new Set(after.gateways.keys());
  if (!owned || (before.services === after.services && before.gateways === after.gateways)) return new Set();
  const [left, right] = [entranceTable(before, settings), entranceTable(after, settings)];
  const moved = [...right].filter(([key, ports]) => textOf(left.get(key)) !== textOf(ports));
  return new Set(moved.map(([key]) => key));
}

/** The Gateways whose Services are others than before, in whatever way, or are among `moved`. */
export function gatewaysOfServices(before: Snapshot, after: Snapshot, moved: ReadonlySet<string>): ReadonlySet<string> {
  const changed = new Set<string>();
  if (before.services === after.services && moved.size === 0) return changed;
  const services = new Set(moved);
  PersistentMap.diff(before.services, after.services, (key) => services.add(key));
  for (const [key, gateway] of after.gateways.entries()) if (services.has(gatewayServiceKey(gateway))) changed.add(key);
  return changed;
}

function textOf(ports: ReadonlyMap<number, number> | undefined): string {
  return [...(ports ?? [])].join();
}
