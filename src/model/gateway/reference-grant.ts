import type { ObjectMeta } from '../object.ts';

/**
 * A ReferenceGrant (gateway.networking.k8s.io/v1): objects of its own namespace that objects of others may refer to. Each of `from` may
 * refer to each of `to`.
 */
export interface ReferenceGrant {
  readonly meta: ObjectMeta;
  readonly from: readonly GrantedFrom[];
  readonly to: readonly GrantedTo[];
}

/** Who may refer. */
export interface GrantedFrom {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** What may be referred to. */
export interface GrantedTo {
  readonly group: string;
  readonly kind: string;
  /** Undefined: every object of the kind in the namespace of the grant. */
  readonly name: string | undefined;
}
