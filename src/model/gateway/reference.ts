/** The API group of Gateway, the routes and all else that this folder is about. */
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** An object that another one names by group and kind, whatever these are: of which kinds a reference may be is for whoever resolves it. */
export interface ObjectReference {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  /** Undefined: the namespace of the object that refers to it. */
  readonly namespace: string | undefined;
  readonly name: string;
  /** JSON path of the reference, for Findings and messages. */
  readonly field: string;
}

/** Where a route wants to be attached (ParentReference). */
export interface ParentReference extends ObjectReference {
  /** The name of a listener; undefined: every listener that takes the route. */
  readonly sectionName: string | undefined;
  readonly port: number | undefined;
}

/** Where requests go, with the part of them that goes there (BackendRef). */
export interface BackendReference extends ObjectReference {
  /** Undefined where there is none, which only a reference to something else than a Service may have. */
  readonly port: number | undefined;
  /** Out of the sum of all weights of its rule; 0: none at all. */
  readonly weight: number;
}
