import { isRecord } from '../../lib/is-record.ts';
import { hostnameOf, ipAddressOf } from '../../model/grammar.ts';
import type { Kind } from '../../model/kinds.ts';
import type { ObservedIngress } from '../../model/observed.ts';
import type { PublishedAddress } from '../../model/service.ts';
import type { ObservedChange } from '../change.ts';

type Json = Readonly<Record<string, unknown>>;

/** How the status of an object is observed, for the kinds whose status is written. Never throws, and finds nothing wrong: no user wrote it. */
const OBSERVE: Partial<Readonly<Record<Kind, (raw: Json, key: string) => ObservedChange>>> = {
  Ingress: (raw, key) => ({ table: 'ingresses', key, value: observeIngress(raw) }),
};

/** What the world shows of one raw object; undefined for kinds whose status nobody here writes. */
export function observe(kind: Kind, raw: Json, key: string): ObservedChange | undefined {
  return OBSERVE[kind]?.(raw, key);
}

/** Of the status of an Ingress as much as is written: `loadBalancer.ingress`. */
export function observeIngress(raw: Json): ObservedIngress {
  const metadata = recordAt(raw, 'metadata');
  const { uid } = metadata;
  return {
    uid: typeof uid === 'string' ? uid : '',
    addresses: listAt(recordAt(recordAt(raw, 'status'), 'loadBalancer'), 'ingress').flatMap(addressOf),
    managers: managersOf(metadata, 'loadBalancer'),
  };
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
  return shared([...new Set(managers)].sort());
}

/** Lists of managers are few, and objects are many. */
const lists = new Map<string, readonly string[]>();
const MAX_LISTS = 1_000;

function shared(managers: readonly string[]): readonly string[] {
  const key = managers.join('\n');
  const known = lists.get(key);
  if (known !== undefined) return known;
  if (lists.size < MAX_LISTS) lists.set(key, managers);
  return managers;
}

function recordAt(record: Json, name: string): Json {
  const value = record[name];
  return isRecord(value) ? value : {};
}

function listAt(record: Json, name: string): readonly unknown[] {
  const value = record[name];
  return Array.isArray(value) ? value : [];
}
