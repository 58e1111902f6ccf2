import { isDeepStrictEqual } from 'node:util';
import { apiVersionOf } from '../../../src/kube/resource.ts';
import { applyFields, ownChanges, type Writer } from './field-ownership.ts';
import { alreadyExists, badRequest, conflict, invalid, notFound, Refusal } from './refusal.ts';
import type { Route } from './route.ts';
import type { Storage } from './storage.ts';
import { asJson, builtInResources, type Json, type StoredObject } from './stored-object.ts';

/** A request that writes. */
export interface Write {
  readonly storage: Storage;
  readonly route: Route;
  readonly query: URLSearchParams;
  readonly isPatch: boolean;
  readonly contentType: string;
  /** The beginning of the User-Agent: the field manager of those who name none. */
  readonly agent: string;
  readonly body: unknown;
}

const nameGrammar = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** POST. */
export function create(write: Write): StoredObject {
  const { storage, route, body } = write;
  const fields = identify(write, asJson(body));
  const { name } = fields.metadata;
  if (storage.get(route.resource, route.namespace, name) !== undefined) throw alreadyExists(route.resource, name);
  return store(write, undefined, fields, 'Update');
}

/** PUT of an object or of its status. */
export function update(write: Write): StoredObject {
  const current = existing(write);
  const fields = identify(write, asJson(write.body));
  checkPreconditions(write, current, asJson(fields.metadata));
  return store(write, current, fields, 'Update');
}

/** PATCH: server-side apply or a merge patch. */
export function patch(write: Write): StoredObject {
  const fields = asJson(write.body);
  if (write.contentType.startsWith('application/apply-patch+yaml')) return apply(write, fields);
  if (!write.contentType.startsWith('application/merge-patch+json')) {
    throw new Refusal(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: application/merge-patch+json, application/apply-patch+yaml`,
    );
  }
  const current = existing(write);
  checkPreconditions(write, current, asJson(fields['metadata']));
  return store(write, current, identify(write, mergePatch(current, fields)), 'Update');
}

/** DELETE. */
export function remove(write: Write): Json {
  const current = existing(write);
  const { uid, resourceVersion } = asJson(asJson(write.body)['preconditions']);
  checkPreconditions({ ...write, isPatch: false }, current, { uid, resourceVersion });
  write.storage.delete(write.route.resource, current);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
}

function apply(write: Write, fields: Json): StoredObject {
  const { storage, route, query } = write;
  const manager = query.get('fieldManager') ?? '';
  if (manager === '')
    throw invalid('PatchOptions.meta.k8s.io', '', 'fieldManager: Required value: is required for apply patch');
  const name = route.name ?? '';
  const current = storage.get(route.resource, route.namespace, name);
  if (current === undefined && route.subresource !== undefined) throw notFound(route.resource, name);
  const identified = identify(write, fields);
  if (current !== undefined) checkPreconditions(write, current, asJson(identified.metadata));
  else if (identified.metadata.uid !== '') {
    const { uid } = identified.metadata;
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(route.resource, name, why);
  }
  const writer = writerOf(write, 'Apply');
  const applied = applyFields(
    current ?? bare(identified),
    scoped(write, identified),
    writer,
    query.get('force') === 'true',
  );
  return commit(write, current, identify(write, applied));
}

/** Only what the subresource is about: of an apply to /status the status, of any other all but the status. */
function scoped({ route }: Write, fields: Json): Json {
  if (!route.resource.hasStatus) return fields;
  const { status, ...others } = fields;
  if (route.subresource !== 'status') return others;
  return status === undefined ? {} : { status };
}

function bare({ apiVersion, kind, metadata }: StoredObject): Json {
  return { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace } };
}

function store(
  write: Write,
  current: StoredObject | undefined,
  fields: StoredObject,
  operation: Writer['operation'],
): StoredObject {
  const { resource, subresource } = write.route;
  let next: StoredObject = fields;
  if (resource.hasStatus && subresource === 'status' && current !== undefined)
    next = { ...current, status: fields['status'] };
  else if (resource.hasStatus) {
    const { status: _ignored, ...others } = fields;
    next = { ...others, apiVersion: fields.apiVersion, kind: fields.kind, metadata: fields.metadata };
    if (current !== undefined && 'status' in current) next = { ...next, status: current['status'] };
  }
  return commit(write, current, identify(write, ownChanges(current ?? bare(next), next, writerOf(write, operation))));
}

/** A write that changes nothing is not written: the resourceVersion stays. */
function commit(write: Write, current: StoredObject | undefined, next: StoredObject): StoredObject {
  const { storage, route } = write;
  validate(route, next);
  const created = current?.metadata['creationTimestamp'] ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const isSpecChanged = current === undefined || !isDeepStrictEqual(current['spec'], next['spec']);
  const generation = Number(current?.metadata['generation'] ?? 0) + (isSpecChanged ? 1 : 0);
  const { uid: _uid, resourceVersion: _version, ...metadata } = next.metadata;
  const complete = { ...next, metadata: { ...metadata, creationTimestamp: created, generation } };
  if (current !== undefined) {
    const { uid: _currentUid, resourceVersion: _currentVersion, ...currentMetadata } = current.metadata;
    if (isDeepStrictEqual({ ...current, metadata: currentMetadata }, complete)) return current;
  }
  return storage.put(route.resource, complete);
}

/** The few rules of the real validation that a client can run into. */
function validate(route: Route, object: StoredObject): void {
  const { kind } = object;
  if (route.resource.plural === 'events') {
    const namespace = asJson(object['involvedObject'])['namespace'] ?? 'default';
    if (namespace !== object.metadata.namespace)
      throw invalid(
        kind,
        object.metadata.name,
        'involvedObject.namespace: Invalid value: does not match event.namespace',
      );
  }
  if (route.resource.plural === 'leases') {
    const { leaseDurationSeconds, renewTime } = asJson(object['spec']);
    if (typeof leaseDurationSeconds === 'number' && leaseDurationSeconds <= 0) {
      throw invalid(kind, object.metadata.name, 'spec.leaseDurationSeconds: Invalid value: must be greater than 0');
    }
    if (typeof renewTime === 'string' && !/\.\d{6}Z$/.test(renewTime)) {
      throw badRequest(`parsing time "${renewTime}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse`);
    }
  }
}

function identify({ storage, route }: Write, fields: Json): StoredObject {
  const { resource, namespace, name: pathName } = route;
  const metadata = asJson(fields['metadata']);
  const generateName = metadata['generateName'];
  const name =
    metadata['name'] ??
    pathName ??
    (typeof generateName === 'string' ? `${generateName}${storage.revision}` : undefined);
  if (typeof name !== 'string' || !nameGrammar.test(name))
    throw invalid(resource.kind, String(name), 'metadata.name: Invalid value');
  if (pathName !== undefined && name !== pathName) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${pathName})`);
  }
  if (fields['apiVersion'] !== undefined && fields['apiVersion'] !== apiVersionOf(resource)) {
    throw badRequest(
      `the API version in the data (${String(fields['apiVersion'])}) does not match the expected API version (${apiVersionOf(resource)})`,
    );
  }
  if (resource.isCustom && (fields['apiVersion'] === undefined || fields['kind'] === undefined)) {
    throw badRequest('the object provided is unrecognized: apiVersion or kind is missing');
  }
  if (resource.isNamespaced && namespace === undefined)
    throw badRequest('an empty namespace may not be set during creation');
  checkNamespace(storage, namespace);
  return {
    ...fields,
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      ...metadata,
      name,
      ...(namespace !== undefined && { namespace }),
      uid: String(metadata['uid'] ?? ''),
      resourceVersion: String(metadata['resourceVersion'] ?? ''),
    },
  };
}

function checkNamespace(storage: Storage, namespace: string | undefined): void {
  const resource = builtInResources.find(({ plural }) => plural === 'namespaces');
  if (namespace === undefined || resource === undefined) return;
  if (storage.get(resource, undefined, namespace) === undefined) throw notFound(resource, namespace);
}

function existing({ storage, route }: Write): StoredObject {
  const name = route.name ?? '';
  const current = storage.get(route.resource, route.namespace, name);
  if (current === undefined) throw notFound(route.resource, name);
  return current;
}

function checkPreconditions({ route, isPatch }: Write, current: StoredObject, metadata: Json): void {
  const { uid, resourceVersion } = metadata;
  const name = current.metadata.name;
  if (typeof uid === 'string' && uid !== '' && uid !== current.metadata.uid) {
    // To the real server a patch is an attempt to change the uid, and an update is one of another object.
    if (isPatch) throw invalid(route.resource.kind, name, `metadata.uid: Invalid value: "${uid}": field is immutable`);
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`;
    throw conflict(route.resource, name, why);
  }
  if (
    typeof resourceVersion === 'string' &&
    resourceVersion !== '' &&
    resourceVersion !== current.metadata.resourceVersion
  ) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict(route.resource, name, why);
  }
}

function writerOf({ route, query, agent }: Write, operation: Writer['operation']): Writer {
  const manager = query.get('fieldManager') ?? agent;
  return { manager, operation, subresource: route.subresource ?? '', apiVersion: apiVersionOf(route.resource) };
}

/** RFC 7396. */
function mergePatch(target: Json, changes: Json): Json {
  const merged: Record<string, unknown> = { ...target };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete merged[key];
    else if (typeof value === 'object' && !Array.isArray(value))
      merged[key] = mergePatch(asJson(merged[key]), asJson(value));
    else merged[key] = value;
  }
  return merged;
}
