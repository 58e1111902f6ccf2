import type { PersistentMap } from '../lib/persistent-map.ts';
import type { Finding } from '../model/finding.ts';
import type { EngineConfig } from '../model/http/engine-config.ts';
import type { Hostname, IpAddress } from '../model/grammar.ts';
import type { Authorities } from '../model/authorities.ts';
import type { EndpointTls } from '../model/http/endpoint-connection.ts';
import type { HttpFilter } from '../model/http/filter.ts';
import type { Retries } from '../model/http/filter/retries.ts';
import type { Conditions, PathMatch } from '../model/http/match.ts';
import type { Entrance, UnavailableReason } from '../model/http/route-set.ts';
import type { PasswordFile } from '../model/password-file.ts';
import type { ObjectKind } from '../model/object.ts';
import type { Certificate } from '../model/secret.ts';
import type { PublishedAddress } from '../model/service.ts';
import type { Wants } from '../model/want.ts';
import type { GatewayStatusPlan } from './gateway/status-plan.ts';
import type { AnnouncePlan } from './announce/announce-plan.ts';
import type { BgpPlan } from './bgp/bgp-plan.ts';
import type { AddressAssignments, PoolUsage } from './addresses/address-plan.ts';
import type { Held } from './l4/allocation.ts';
import type { L4Plan } from './l4/l4-plan.ts';

/** What every plane has to bring about, computed from one Snapshot. Immutable; what has not changed is shared. */
export interface Plan {
  readonly l7: L7Plan;
  /** Undefined where this process programs no kernel. */
  readonly l4: L4Plan | undefined;
  /** Addresses and ports that were given to Services; empty where an API server does that. */
  readonly allocations: Held;
  /** What Services of type LoadBalancer have from pools, given or read in their status, and how full these are where this process gives. */
  readonly addresses: AddressAssignments;
  readonly pools: readonly PoolUsage[];
  /** Undefined where this process answers for no addresses on the local network. */
  readonly announce: AnnouncePlan | undefined;
  /** Undefined where this process announces nothing by BGP. */
  readonly bgp: BgpPlan | undefined;
  readonly status: StatusPlan;
  /** By producer (an object, a host, a certificate), so that a change replaces only its own. Never empty lists. */
  readonly findings: PersistentMap<readonly Finding[]>;
  /** What the sources are to bring, because something in it refers to it. */
  readonly wants: Wants;
}

/** HTTP routing: what the L7 engine serves. */
export interface L7Plan {
  /** By {@link hostKey}; {@link ANY_HOST} for requests whose host no other entry covers. */
  readonly hosts: PersistentMap<HostPlan>;
  /** By BackendId. */
  readonly backends: PersistentMap<BackendPlan>;
  /** Whoever has signed certificates of endpoints, by fingerprint. */
  readonly authorities: PersistentMap<Authorities>;
  /** What is shown to endpoints that ask for a certificate, by fingerprint. */
  readonly clientCertificates: PersistentMap<Certificate>;
  /** By CertificateId. */
  readonly certificates: PersistentMap<CertificatePlan>;
  /** Password files that routes ask with, by PasswordFileId. HAProxy is not given them. */
  readonly passwords: PersistentMap<PasswordFile>;
  /** Served to clients that name no host or one without a certificate; undefined: the engine's self-signed one. */
  readonly defaultCertificate: CertificateId | undefined;
  /** How many ports of each kind have to stand ready for listeners of Gateways that have addresses of their own. */
  readonly reserve: number;
  /** Listeners for TLS on such ports, by {@link listenerKey}. */
  readonly tlsListeners: PersistentMap<TlsListener>;
  /** What is said of the engine as a whole in place of flags. */
  readonly engine: EngineConfig;
}

/** A listener for TLS on a port of the engine. Of those that share a connection (HTTP/2) each answers for its own host alone. */
export interface TlsListener {
  readonly port: number;
  readonly host: Hostname | typeof ANY_HOST;
}

/** The key of a listener among those of a plan. */
export function listenerKey({ port, host }: TlsListener): string {
  return `${String(port)}|${host}`;
}

/** Begins the producers that are hosts in `Plan.findings`. */
export const HOST_PREFIX = 'host:';

/** Begins those that are backends. */
export const BACKEND_PREFIX = 'backend:';

/** The key of the host plan that serves all hosts without one of their own. */
export const ANY_HOST = '*';

declare const brand: unique symbol;

/**
 * Names a backend in every sink: `namespace_service_port`, with its protocol appended where that is not plain HTTP/1.1, its class where that
 * is not the plain one, and a digest of how its endpoints are spoken to where a route says so.
 */
export type BackendId = string & { readonly [brand]: 'BackendId' };

/** Names a certificate in every sink: `namespace_secret`. */
export type CertificateId = string & { readonly [brand]: 'CertificateId' };

/** All paths of one host, in one order: exact before prefix before regular expression, then by text. */
export interface HostPlan {
  readonly host: Hostname | typeof ANY_HOST;
  /** `split`: over HTTP it has other routes than over HTTPS, which stand under these two entrances, and here are none. */
  readonly entrance: Entrance | 'split';
  /** The `*` of the host stands for two labels or more; hosts with one label there have a plan of their own. */
  readonly isDeep?: true | undefined;
  readonly routes: readonly RoutePlan[];
  /** The certificate for this host in TLS; undefined: the default certificate, or none at all. */
  readonly certificate: CertificateId | undefined;
}

/** What tells the plan of a host from those of all others. */
export type HostIdentity = Pick<HostPlan, 'host' | 'entrance' | 'isDeep'>;

/** The key of a host among those of a plan. */
export function hostKey({ host, entrance, isDeep }: HostIdentity): string {
  const name = isDeep === true ? `*${host}` : host;
  return entrance === 'main' || entrance === 'split' ? name : `${String(entrance)}|${name}`;
}

/** What becomes of requests that a rule wants. */
export interface Destination {
  /** The path of the rule. */
  readonly match: PathMatch;
  /** Those that have an effect here, at most one of a type. */
  readonly filters: readonly HttpFilter[];
  readonly action: RouteAction;
  /** The object that made it, `namespace/name`, for logs and metrics; empty for one that no object made. */
  readonly owner: string;
  /** Undefined for one that no object made. */
  readonly ownerKind: ObjectKind | undefined;
}

/** One path of one host: where its requests go unless one of the alternatives wants them. */
export interface RoutePlan extends Destination {
  /** In the order in which they are tried. Those of shorter paths are among them, where no rule of this path takes everything. */
  readonly alternatives: readonly Alternative[];
}

/** A destination for requests that fulfil conditions. */
export interface Alternative extends Destination {
  readonly conditions: Conditions;
}

/** Why a request is answered by Sluice itself. Stands in the access log. */
export type RefusalReason = UnavailableReason;

export type RouteAction =
  | SingleAction
  /** The weights are not all zero. */
  | { readonly kind: 'split'; readonly shares: readonly SharePlan[] }
  /** One of the filters says where to. */
  | { readonly kind: 'redirect' };

export type SingleAction =
  | { readonly kind: 'forward'; readonly backend: BackendId }
  | { readonly kind: 'refuse'; readonly status: 404 | 500 | 503; readonly reason: RefusalReason };

/** What becomes of a part of the requests. */
export interface SharePlan {
  readonly weight: number;
  /** Those of the rule and its own. */
  readonly filters: readonly HttpFilter[];
  readonly action: SingleAction;
}

/**
 * Which rules requests meet at a backend: none, those that edit requests and responses, those that may refuse them, too, or all of these
 * where clients keep their endpoint. Each is a `defaults` of the engine, so that a request pays for the features of its own route.
 */
export type BackendStages = 'plain' | 'edit' | 'full' | 'sticky';

/** `r`, how often a request is tried again, and `e` where errors of the server are a reason, too. */
export type RetryVariant = `r${Retries['attempts']}${'' | 'e'}`;

/** Rules and, where they are not the usual ones, retries. */
export type BackendClass = BackendStages | `${BackendStages}-${RetryVariant}`;

/** How requests are spoken to a backend's servers: HTTP/1.1, HTTP/2 without TLS, HTTP/1.1 in TLS, or HTTP/2 in TLS. */
export type BackendProtocol = 'http' | 'h2c' | 'https' | 'h2s';

/** One Service port with the endpoints that take its traffic, for routes of one class that speak to them alike. */
export interface BackendPlan {
  readonly id: BackendId;
  readonly class: BackendClass;
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  readonly protocol: BackendProtocol;
  /** What a route says of TLS; undefined where that is for the protocol alone to say, and nobody is verified. */
  readonly tls: EndpointTls | undefined;
  /** Sorted by address and port. */
  readonly servers: readonly ServerPlan[];
}

/**
 * One endpoint. A `draining` one finishes what it has and gets nothing new.
 */
export interface ServerPlan {
  readonly address: IpAddress;
  readonly port: number;
  readonly state: 'ready' | 'draining';
}

/** A certificate and the hosts that get it. */
export interface CertificatePlan {
  readonly id: CertificateId;
  readonly certificate: Certificate;
  /** Server names, sorted: a host of the plan, exact or `*.parent`. */
  readonly serverNames: readonly Hostname[];
}

/** What is to be said of objects to those who look at them. */
export interface StatusPlan {
  /** The Ingresses that are ours, by `namespace/name`. */
  readonly ingresses: PersistentMap<true>;
  /** Under which this process is reached, as `--publish-service` and `--publish-status-address` say; sorted. */
  readonly addresses: readonly PublishedAddress[];
  readonly gateway: GatewayStatusPlan;
  /** Of the Services that have addresses of pools, by `namespace/name`; empty where this process gives none. */
  readonly services: PersistentMap<ServiceStatus>;
}

/** What is to be said of a Service with addresses of a pool. */
export interface ServiceStatus {
  readonly addresses: readonly IpAddress[];
  /** The name of the pool. */
  readonly pool: string;
  /** The virtual router of each address that is announced on the local network: `ADDRESS=NUMBER,...`. */
  readonly virtualRouters: string;
}
