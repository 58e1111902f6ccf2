import type { AuthorityMaterial } from './authorities.ts';
import type { ObjectMeta } from './object.ts';

/** A ConfigMap (core/v1). What its values mean is for those to say who refer to it. */
export interface ConfigMap {
  readonly meta: ObjectMeta;
  readonly data: ReadonlyMap<string, string>;
  /** What stands under `ca.crt`. */
  readonly authorities: AuthorityMaterial;
}
