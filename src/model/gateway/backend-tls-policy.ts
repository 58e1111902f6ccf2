import type { Hostname } from '../grammar.ts';
import type { ObjectMeta } from '../object.ts';
import type { ObjectReference } from './reference.ts';

/** A BackendTLSPolicy (gateway.networking.k8s.io/v1): that endpoints of Services are spoken to in TLS, and how they are verified. */
export interface BackendTlsPolicy {
  readonly meta: ObjectMeta;
  /** `metadata.generation`, which every condition in its status repeats; 0 where there is none, as in manifests. */
  readonly generation: number;
  readonly targets: readonly PolicyTarget[];
  /** Objects of its own namespace. */
  readonly authorities: readonly ObjectReference[];
  /** A set of authorities by its name. */
  readonly wellKnownAuthorities: string | undefined;
  /** Undefined where it is missing or cannot be read: then nobody can be verified. */
  readonly hostname: Hostname | undefined;
  /** Names of fields that ask for something which is not served, such as `spec.validation.subjectAltNames`. */
  readonly unsupported: readonly string[];
}

/** What a policy is for, in its own namespace. */
export interface PolicyTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** The name of a port of a Service; undefined: all that no other policy names. */
  readonly sectionName: string | undefined;
}
