import type { ConfigMap } from './config-map.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import type { AddressPool } from './address-pool.ts';
import type { BfdProfile } from './bfd-profile.ts';
import type { BgpAdvertisement } from './bgp-advertisement.ts';
import type { BgpPeer } from './bgp-peer.ts';
import type { CommunityNames } from './community.ts';
import type { Finding } from './finding.ts';
import type { BackendTlsPolicy } from './gateway/backend-tls-policy.ts';
import type { GatewayClass } from './gateway/gateway-class.ts';
import type { Gateway } from './gateway/gateway.ts';
import type { HTTPRoute } from './gateway/http-route.ts';
import type { ReferenceGrant } from './gateway/reference-grant.ts';
import type { IpAddress } from './grammar.ts';
import type { Ingress, IngressClass } from './ingress.ts';
import { ALL_KINDS, KINDS, type Kind, type TableOfKind } from './kinds.ts';
import type { L2Advertisement } from './l2-advertisement.ts';
import type { Namespace } from './namespace.ts';
import type { Node } from './node.ts';
import { certificateIn, type Certificate, type Secret } from './secret.ts';
import type { ServiceCidr } from './service-cidr.ts';
import type { EndpointSlice, Service } from './service.ts';

/** The latest answer of DNS for the name of an ExternalName Service. A name that is not in its table has not been looked up yet. */
export interface ResolvedName {
  /** Sorted; empty where the name has no address, or nobody answers for it. */
  readonly addresses: readonly IpAddress[];
}

/** What an object of each kind is once it has been admitted. */
interface Models {
  readonly Ingress: Ingress;
  readonly IngressClass: IngressClass;
  readonly Service: Service;
  readonly EndpointSlice: EndpointSlice;
  readonly Endpoints: EndpointSlice;
  readonly Node: Node;
  readonly ServiceCIDR: ServiceCidr;
  readonly Secret: Secret;
  readonly ConfigMap: ConfigMap;
  readonly Namespace: Namespace;
  readonly IPAddressPool: AddressPool;
  readonly L2Advertisement: L2Advertisement;
  readonly GatewayClass: GatewayClass;
  readonly Gateway: Gateway;
  readonly HTTPRoute: HTTPRoute;
  readonly GRPCRoute: HTTPRoute;
  readonly ReferenceGrant: ReferenceGrant;
  readonly BackendTLSPolicy: BackendTlsPolicy;
  readonly BGPPeer: BgpPeer;
  readonly BGPAdvertisement: BgpAdvertisement;
  readonly BFDProfile: BfdProfile;
  readonly Community: CommunityNames;
}

/** A table for each kind, or for several kinds that are admitted to one model. */
type ObjectTables = { readonly [K in Kind as TableOfKind<K>]: Models[K] };

/** Why an object that was asked for by its name is not in its table. */
export type Unread =
  | { readonly kind: 'absent' }
  /** It was waited for long enough, or the API server refuses it; `message` says what the server answers. */
  | { readonly kind: 'unreadable'; readonly message: string };

type FormerTable = 'ingresses' | 'services' | 'secrets' | 'gateways';

/** An object as it was before a change that refers to something which is not known yet; a Secret as it was served before it could not be read. */
export type Former = {
  readonly [Name in FormerTable]: {
    readonly table: Name;
    readonly key: string;
    readonly value: ObjectTables[Name];
  };
}[FormerTable];

/** Objects by kind. Keys are `namespace/name`, for `resolvedNames` the DNS name. */
export interface Tables extends ObjectTables {
  readonly resolvedNames: ResolvedName;
  /** Objects that are read by name, and are not there. By `kind/namespace/name`. */
  readonly unread: Unread;
  /** Kinds of which everything that there is stands in its table: what does not, does not exist. By kind. */
  readonly complete: true;
  /** What is served of an object until everything is known that its newest version refers to, or it can be read. By `kind/namespace/name`. */
  readonly former: Former;
  /** What admission found wrong, by `kind/namespace/name` or by the file that could not be read. */
  readonly findings: readonly Finding[];
}

/**
 * The whole desired state at one moment. Immutable; an object that has not changed is the same
 * object in the next snapshot, and unchanged tables are the same map.
 */
export type Snapshot = { readonly [Name in keyof Tables]: PersistentMap<Tables[Name]> };

/** The tables that hold objects, each once. */
export const OBJECT_TABLES: readonly TableOfKind<Kind>[] = [...new Set(ALL_KINDS.map((kind) => KINDS[kind].table))];

/** The tables that the register of kinds does not name. */
const OTHER_TABLES = ['resolvedNames', 'unread', 'complete', 'former', 'findings'] as const satisfies readonly Exclude<
  keyof Tables,
  TableOfKind<Kind>
>[];

/** The snapshot before any source has spoken. */
export const EMPTY_SNAPSHOT: Snapshot = Object.fromEntries(
  [...OBJECT_TABLES, ...OTHER_TABLES].map((table) => [table, PersistentMap.empty()]),
  // Every table is there: those of the register, and the others.
) as Snapshot;

/** What is known of an object that is referred to by its name. */
export type Answer<T> =
  /** It has not been read yet. Nothing follows from that: what was served stays, and nothing is said of it. */
  { readonly kind: 'pending' } | Unread | { readonly kind: 'found'; readonly value: T };

/** What the Snapshot knows of a Secret. */
export function answerAbout(snapshot: Snapshot, secretKey: string): Answer<Secret> {
  return answerOf(snapshot, 'Secret', secretKey, snapshot.secrets.get(secretKey));
}

/** What the Snapshot knows of a ConfigMap. */
export function answerAboutConfigMap(
  snapshot: Pick<Snapshot, 'configMaps' | 'unread' | 'complete'>,
  key: string,
): Answer<ConfigMap> {
  return answerOf(snapshot, 'ConfigMap', key, snapshot.configMaps.get(key));
}

function answerOf<T>(
  { unread, complete }: Pick<Snapshot, 'unread' | 'complete'>,
  kind: Kind,
  key: string,
  value: T | undefined,
): Answer<T> {
  if (value !== undefined) return { kind: 'found', value };
  return unread.get(`${kind}/${key}`) ?? { kind: complete.has(kind) ? 'absent' : 'pending' };
}

/** The certificate that is served from a Secret: the one in it, or the one that was served before the Secret could not be read. */
export function certificateOf(snapshot: Snapshot, secretKey: string): Certificate | undefined {
  const secret = snapshot.secrets.get(secretKey);
  if (secret !== undefined) return certificateIn(secret);
  const former = snapshot.former.get(`Secret/${secretKey}`);
  return former?.table === 'secrets' ? certificateIn(former.value) : undefined;
}

/** The Snapshot as it would be had this object not changed. */
export function asBefore(snapshot: Snapshot, former: Former): Snapshot {
  switch (former.table) {
    case 'ingresses':
      return { ...snapshot, ingresses: snapshot.ingresses.set(former.key, former.value) };
    case 'services':
      return { ...snapshot, services: snapshot.services.set(former.key, former.value) };
    case 'secrets':
      return { ...snapshot, secrets: snapshot.secrets.set(former.key, former.value) };
    case 'gateways':
      return { ...snapshot, gateways: snapshot.gateways.set(former.key, former.value) };
  }
}
