import { PersistentMap } from '../lib/persistent-map.ts';
import type { AddressPool } from './address-pool.ts';
import type { Finding } from './finding.ts';
import type { IpAddress } from './grammar.ts';
import type { Ingress, IngressClass } from './ingress.ts';
import { ALL_KINDS, KINDS, type Kind, type TableOfKind } from './kinds.ts';
import type { Namespace } from './namespace.ts';
import type { Node } from './node.ts';
import type { Secret } from './secret.ts';
import type { EndpointSlice, Service } from './service.ts';

/** The latest answer of DNS for the name of an ExternalName Service. */
export interface ResolvedName {
  /** Sorted; empty where the name has no address. */
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
  readonly Secret: Secret;
  readonly Namespace: Namespace;
  readonly IPAddressPool: AddressPool;
}

/** A table for each kind, or for several kinds that are admitted to one model. */
type ObjectTables = { readonly [K in Kind as TableOfKind<K>]: Models[K] };

/** Objects by kind. Keys are `namespace/name`, for `resolvedNames` the DNS name. */
export interface Tables extends ObjectTables {
  readonly resolvedNames: ResolvedName;
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

/** The snapshot before any source has spoken. */
export const EMPTY_SNAPSHOT: Snapshot = Object.fromEntries(
  [...OBJECT_TABLES, 'resolvedNames', 'findings'].map((table) => [table, PersistentMap.empty()]),
  // Every table is there: those of the register, and the two that are not about objects.
) as Snapshot;
