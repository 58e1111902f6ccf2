import { Fault } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import { apiVersionOf, type Resource } from './resource.ts';

/** The part of `metadata` that this floor relies on; everything else is there, but unchecked. */
export interface RawMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly [field: string]: unknown;
}

/** An object as the API server sent it: only its identity has been looked at. */
export interface RawObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: RawMetadata;
  readonly [field: string]: unknown;
}

/** Code of the Fault for an answer that is not what the Kubernetes API promises. */
export const malformedAnswer = 'kube-malformed-answer';

/**
 * Looks at the identity of one object of `resource`.
 *
 * Items of a LIST of a built-in kind carry neither `apiVersion` nor `kind` (the list carries them
 * once), those of a watch do; here both come out the same.
 *
 * @throws Fault `kube-malformed-answer` when it is not an object with a name
 */
export function decodeObject(value: unknown, resource: Resource): RawObject {
  if (!isRecord(value) || !isMetadata(value['metadata'])) {
    throw new Fault(malformedAnswer, `the API server sent a ${resource.kind} without a usable metadata.name`);
  }
  const { apiVersion, kind, metadata } = value;
  return {
    ...value,
    apiVersion: typeof apiVersion === 'string' ? apiVersion : apiVersionOf(resource),
    kind: typeof kind === 'string' ? kind : resource.kind,
    metadata,
  };
}

function isMetadata(value: unknown): value is RawMetadata {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    value['name'] !== '' &&
    isOptionalString(value['namespace']) &&
    isOptionalString(value['uid']) &&
    isOptionalString(value['resourceVersion'])
  );
}

function isOptionalString(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

/** The key of an object among those of its resource. Names hold no `/`, so it is unambiguous. */
export function objectKey(metadata: Pick<RawMetadata, 'namespace' | 'name'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
