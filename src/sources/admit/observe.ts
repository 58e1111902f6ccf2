import { isRecord } from '../../lib/is-record.ts';
import { hostnameOf, ipAddressOf } from '../../model/grammar.ts';
import {
  GATEWAY_NAME_LABEL,
  MANAGED_BY,
  madeText,
  portName,
  type MadeService,
} from '../../model/gateway/made-for-gateway.ts';
import type { Kind } from '../../model/kinds.ts';
import type { ObservedBalancing, ObservedService, ObservedStatus } from '../../model/observed.ts';
import { addressText } from '../../model/published-address.ts';
import { ALLOCATED_FROM, VIRTUAL_ROUTERS, type PublishedAddress } from '../../model/service.ts';
import type { ObservedChange } from '../change.ts';

const WRITTEN_ANNOTATIONS = [VIRTUAL_ROUTERS, ALLOCATED_FROM];

type Json = Readonly<Record<string, unknown>>;

/** How the status of an object is observed, for the kinds whose status is written. Never throws, and finds nothing wrong: no user wrote it. */
const OBSERVE: Partial<Readonly<Record<Kind, (raw: Json, key: string) => ObservedChange>>> = {
  Ingress: (raw, key) => ({ table: 'ingresses', key, value: observeBalancing(raw) }),
  Service: (raw, key) => ({ table: 'services', key, value: isBalanced(raw) ? observeService(raw) : undefined }),
  GatewayClass: (raw, key) => ({ table: 'gatewayClasses', key, value: observeStatus(raw) }),
  Gateway: (raw, key) => ({ table: 'gateways', key, value: observeStatus(raw) }),
  HTTPRoute: (raw, key) => ({ table: 'httpRoutes', key, value: observeStatus(raw) }),
  GRPCRoute: (raw, key) => ({ table: 'grpcRoutes', key, value: observeStatus(raw) }),
  BackendTLSPolicy: (raw, key) => ({ table: 'backendTlsPolicies', key, value: observeStatus(raw) }),
};

/** What the world shows of one raw object; undefined for kinds whose status nobody here writes. */
export function observe(kind: Kind, raw: Json, key: string): ObservedChange | undefined {
  return OBSERVE[kind]?.(raw, key);
}

/** Most Services of a cluster are not, and need not be remembered. */
function isBalanced(raw: Json): boolean {
  const hasAddresses = listAt(recordAt(recordAt(raw, 'status'), 'loadBalancer'), 'ingress').length > 0;
  return hasAddresses || recordAt(raw, 'spec')['type'] === 'LoadBalancer';
}

/** Of the status of an object as much as is written: `loadBalancer.ingress`. */
export function observeBalancing(raw: Json): ObservedBalancing {
  const metadata = recordAt(raw, 'metadata');
  const { uid } = metadata;
  const addresses = listAt(recordAt(recordAt(raw, 'status'), 'loadBalancer'), 'ingress').flatMap(addressOf);
  return {
    uid: typeof uid === 'string' ? uid : '',
    addresses: shared(addresses, addresses.map(addressText), addressLists),
    managers: managersOf(metadata, 'loadBalancer'),
    annotations: annotationsOf(recordAt(metadata, 'annotations')),
  };
}

/** As {@link observeBalancing}, and what of it is written where it was made for a Gateway. */
export function observeService(raw: Json): ObservedService {
  const made = madeServiceOf(raw);
  return made === undefined ? observeBalancing(raw) : { ...observeBalancing(raw), made };
}

function madeServiceOf(raw: Json): MadeService | undefined {
  const [metadata, spec] = [recordAt(raw, 'metadata'), recordAt(raw, 'spec')];
  const labels = textsIn(recordAt(metadata, 'labels'));
  if (labels[MANAGED_BY.label] !== MANAGED_BY.value || labels[GATEWAY_NAME_LABEL] === undefined) return undefined;
  // Other ports and other owners are what somebody has added; they stay, and would be written for for ever.
  const ports = listAt(spec, 'ports').flatMap((item) => {
    const { name, port, protocol, targetPort } = isRecord(item) ? item : {};
    if (name !== portName(Number(port))) return [];
    return { port: Number(port), protocol: textOf(protocol), targetPort: Number(targetPort) };
  });
  const owner = listAt(metadata, 'ownerReferences').find((item) => isRecord(item) && item['kind'] === 'Gateway');
  const className = textOf(spec['loadBalancerClass']);
  return {
    labels,
    annotations: textsIn(recordAt(metadata, 'annotations')),
    className: className === '' ? undefined : className,
    text: madeText({
      ownerUid: isRecord(owner) ? textOf(owner['uid']) : '',
      trafficPolicy: textOf(spec['externalTrafficPolicy']),
      ports,
    }),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsIn(record: Json): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** The status of an object of Gateway API, whole. */
export function observeStatus(raw: Json): ObservedStatus {
  const { uid, generation, resourceVersion } = recordAt(raw, 'metadata');
  return {
    uid: typeof uid === 'string' ? uid : '',
    generation: typeof generation === 'number' ? generation : 0,
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
    status: recordAt(raw, 'status'),
  };
}

/** Most objects have none of them, and share one object that is empty. */
const NO_ANNOTATIONS: Readonly<Record<string, string>> = {};

function annotationsOf(all: Json): Readonly<Record<string, string>> {
  const found = WRITTEN_ANNOTATIONS.flatMap((name) => {
    const value = all[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  return found.length === 0 ? NO_ANNOTATIONS : Object.fromEntries(found);
}

function addressOf(entry: unknown): readonly PublishedAddress[] {
  const { ip, hostname } = isRecord(entry) ? entry : {};
  const address = typeof ip === 'string' ? ipAddressOf(ip) : undefined;
  if (address !== undefined) return [{ ip: address }];
  const name = typeof hostname === 'string' ? hostnameOf(hostname) : undefined;
  return name === undefined ? [] : [{ hostname: name }];
}

/** Who owns a field of the status, by `metadata.managedFields` (KEP-555), of which nothing else is kept. */
function managersOf(metadata: Json, field: string): readonly string[] {
  const managers = listAt(metadata, 'managedFields').flatMap((entry) => {
    const record = isRecord(entry) ? entry : {};
    const status = recordAt(recordAt(record, 'fieldsV1'), 'f:status');
    return `f:${field}` in status && typeof record['manager'] === 'string' ? [record['manager']] : [];
  });
  const sorted = [...new Set(managers)].sort();
  return shared(sorted, sorted, managerLists);
}

/** There are few different lists of managers and of addresses, and many objects that have them. */
const managerLists = new Map<string, readonly string[]>();
const addressLists = new Map<string, readonly PublishedAddress[]>();
const MAX_LISTS = 1_000;

function shared<T>(list: readonly T[], texts: readonly string[], known: Map<string, readonly T[]>): readonly T[] {
  const key = texts.join('\n');
  const before = known.get(key);
  if (before !== undefined) return before;
  if (known.size < MAX_LISTS) known.set(key, list);
  return list;
}

function recordAt(record: Json, name: string): Json {
  const value = record[name];
  return isRecord(value) ? value : {};
}

function listAt(record: Json, name: string): readonly unknown[] {
  const value = record[name];
  return Array.isArray(value) ? value : [];
}
