import { PersistentMap } from '../lib/persistent-map.ts';
import type { Finding } from './finding.ts';
import type { IpAddress } from './grammar.ts';
import type { Ingress, IngressClass } from './ingress.ts';
import type { Node } from './node.ts';
import type { Secret } from './secret.ts';
import type { EndpointSlice, Service } from './service.ts';

/** The latest answer of DNS for the name of an ExternalName Service. */
export interface ResolvedName {
  /** Sorted; empty where the name has no address. */
  readonly addresses: readonly IpAddress[];
}

/** Objects by kind. Keys are `namespace/name`, for `resolvedNames` the DNS name. */
export interface Tables {
  readonly ingresses: Ingress;
  readonly ingressClasses: IngressClass;
  readonly services: Service;
  readonly endpointSlices: EndpointSlice;
  readonly nodes: Node;
  readonly secrets: Secret;
  readonly resolvedNames: ResolvedName;
  /** What admission found wrong, by `kind/namespace/name` or by the file that could not be read. */
  readonly findings: readonly Finding[];
}

/**
 * The whole desired state at one moment. Immutable; an object that has not changed is the same
 * object in the next snapshot, and unchanged tables are the same map.
 */
export type Snapshot = { readonly [Name in keyof Tables]: PersistentMap<Tables[Name]> };

/** The snapshot before any source has spoken. */
export const EMPTY_SNAPSHOT: Snapshot = {
  ingresses: PersistentMap.empty(),
  ingressClasses: PersistentMap.empty(),
  services: PersistentMap.empty(),
  endpointSlices: PersistentMap.empty(),
  nodes: PersistentMap.empty(),
  secrets: PersistentMap.empty(),
  resolvedNames: PersistentMap.empty(),
  findings: PersistentMap.empty(),
};
