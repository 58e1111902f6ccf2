import type { AuthorityMaterial } from './authorities.ts';
import type { ObjectMeta } from './object.ts';

/** A ConfigMap, reduced to what is read of one. */
export interface ConfigMap {
  readonly meta: ObjectMeta;
  /** What stands under `ca.crt`. */
  readonly authorities: AuthorityMaterial;
}
