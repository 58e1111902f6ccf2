import type { ObjectMeta } from '../object.ts';
import type { ObjectReference } from './reference.ts';

/** A GatewayClass (gateway.networking.k8s.io/v1): which controller serves the Gateways that name it. */
export interface GatewayClass {
  readonly meta: ObjectMeta;
  /** `metadata.generation`, which every condition in its status repeats; 0 where there is none, as in manifests. */
  readonly generation: number;
  readonly controller: string;
  readonly parameters: ObjectReference | undefined;
}
