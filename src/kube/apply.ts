import { ApiFault } from './api-fault.ts';
import { decodeObject, type RawObject } from './raw-object.ts';
import { apiVersionOf, objectPath, type ObjectName, type Resource } from './resource.ts';
import type { Transport } from './transport.ts';

/** The object to write to. */
export interface WriteTarget extends ObjectName {
  readonly resource: Resource;
  /** When given, the write is refused (`conflict`) if an object of the same name but of another life is there now. */
  readonly uid?: string | undefined;
}

export interface ApplyOptions {
  /** Who owns the fields that are sent, and loses those that are no longer sent. */
  readonly fieldManager: string;
  /** Take fields that others own, instead of a `conflict`. */
  readonly isForced: boolean;
  /** Annotations that are applied together with a status: most kinds take them there as well. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a status is merged. */
export interface MergeOptions {
  readonly fieldManager: string;
  /** When given, the write is refused (`conflict`) if the object has changed since: for lists that several writers share. */
  readonly resourceVersion?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A field that somebody else owns. */
export interface FieldConflict {
  readonly manager: string;
  readonly field: string;
}

export type WriteResult =
  | { readonly kind: 'written'; readonly object: RawObject }
  /** Somebody else was faster or owns a field; `conflicts` is empty when it is the object and not a field that changed. */
  | { readonly kind: 'conflict'; readonly conflicts: readonly FieldConflict[]; readonly cause: ApiFault }
  /** There is no such object (any more). */
  | { readonly kind: 'missing'; readonly cause: ApiFault };

/** The fields of an object besides its identity. */
export type ObjectFields = Readonly<Record<string, unknown>> & {
  readonly metadata?: Readonly<Record<string, unknown>>;
};

/**
 * Server-side apply (KEP-555): makes the server hold exactly `fields` in our name; creates the object
 * if need be. Applying the same fields again changes nothing, not even the resourceVersion.
 *
 * @throws ApiFault (other than for a conflict or a missing object) and Fault, as {@link Transport}
 */
export async function applyObject(
  transport: Transport,
  target: WriteTarget,
  fields: ObjectFields,
  options: ApplyOptions,
): Promise<WriteResult> {
  return apply(transport, target, undefined, fields, options);
}

/** As {@link applyObject} for the `/status` subresource, which never creates the object. */
export async function applyStatus(
  transport: Transport,
  target: WriteTarget,
  status: unknown,
  options: ApplyOptions,
): Promise<WriteResult> {
  const { annotations } = options;
  return apply(transport, target, 'status', { status, ...(annotations && { metadata: { annotations } }) }, options);
}

/**
 * Merges `status` (RFC 7396: null removes a field) into the `/status` subresource, whoever owns it.
 * For kinds whose status lists several writers share; elsewhere {@link applyStatus} is the better citizen.
 *
 * @throws ApiFault (other than for a conflict or a missing object) and Fault, as {@link Transport}
 */
export async function mergeStatus(
  transport: Transport,
  target: WriteTarget,
  status: unknown,
  options: MergeOptions,
): Promise<WriteResult> {
  const { uid } = target;
  const metadata = { uid, resourceVersion: options.resourceVersion };
  return write(target, () =>
    transport.request({
      method: 'PATCH',
      path: objectPath(target.resource, target, 'status'),
      query: { fieldManager: options.fieldManager },
      contentType: 'application/merge-patch+json',
      body: { metadata, status },
      signal: options.signal,
    }),
  );
}

function apply(
  transport: Transport,
  target: WriteTarget,
  subresource: 'status' | undefined,
  fields: ObjectFields,
  options: ApplyOptions,
): Promise<WriteResult> {
  const { resource, namespace, name, uid } = target;
  return write(target, () =>
    transport.request({
      method: 'PATCH',
      path: objectPath(resource, target, subresource),
      query: { fieldManager: options.fieldManager, force: options.isForced },
      // JSON is YAML.
      contentType: 'application/apply-patch+yaml',
      body: {
        ...fields,
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        metadata: { ...fields.metadata, namespace, name, uid },
      },
      signal: options.signal,
    }),
  );
}

async function write(target: WriteTarget, send: () => ReturnType<Transport['request']>): Promise<WriteResult> {
  try {
    const { body } = await send();
    return { kind: 'written', object: decodeObject(body, target.resource) };
  } catch (error) {
    if (error instanceof ApiFault && (error.status === 409 || isAboutUid(error))) {
      return { kind: 'conflict', conflicts: conflictsOf(error), cause: error };
    }
    if (error instanceof ApiFault && error.status === 404) return { kind: 'missing', cause: error };
    throw error;
  }
}

/** A patch for another uid is refused as an attempt to change the uid: 422, where an update gets 409. */
function isAboutUid(fault: ApiFault): boolean {
  return fault.status === 422 && fault.causes.some((cause) => cause.field === 'metadata.uid');
}

function conflictsOf(fault: ApiFault): readonly FieldConflict[] {
  return fault.causes
    .filter((cause) => cause.reason === 'FieldManagerConflict')
    .map((cause) => ({ manager: /^conflict with "([^"]*)"/.exec(cause.message)?.[1] ?? '', field: cause.field }));
}
