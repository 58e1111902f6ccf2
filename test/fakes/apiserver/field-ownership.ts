/**
 * Server-side apply, simplified: a field is a path through mappings, and a list is one field (as if
 * every list were `x-kubernetes-list-type: atomic`).
 */
import { isDeepStrictEqual } from 'node:util';
import { Refusal } from './refusal.ts';
import { asJson, type Json } from './stored-object.ts';

/** Who writes, and how. */
export interface Writer {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  readonly apiVersion: string;
}

interface Owner extends Writer {
  readonly paths: ReadonlySet<string>;
}

/** Fields that identify an object or that the server keeps; nobody owns them. */
const unowned =
  /^\/(apiVersion|kind|metadata\/(name|namespace|uid|resourceVersion|generation|creationTimestamp|managedFields))(\/|$)/;

/** Applies `fields` over `current` and returns the object with its new owners. @throws Refusal 409 */
export function applyFields(current: Json, fields: Json, writer: Writer, isForced: boolean): Json {
  const applied = leaves(fields);
  const owners = decodeOwners(current);
  const isMine = (owner: Owner): boolean => sameWriter(owner, writer);
  const others = owners.filter((owner) => !isMine(owner));
  const before = leaves(current);
  const contested = [...applied].filter(
    ([path, value]) => before.has(path) && !isDeepStrictEqual(before.get(path), value),
  );
  const conflicts = others.flatMap((owner) =>
    contested.filter(([path]) => owner.paths.has(path)).map(([path]) => ({ manager: owner.manager, path })),
  );
  if (conflicts.length > 0 && !isForced) throw fieldConflict(conflicts);

  const yielded = others.map((owner) => ({
    ...owner,
    paths: new Set([...owner.paths].filter((path) => !contested.some(([taken]) => taken === path))),
  }));
  const mine = owners.find(isMine)?.paths ?? new Set<string>();
  const dropped = [...mine].filter((path) => !applied.has(path) && !yielded.some((owner) => owner.paths.has(path)));
  let object = current;
  for (const path of dropped) object = withField(object, segments(path), undefined);
  for (const [path, value] of applied) {
    // An empty mapping says that there is one, not what is in it.
    const isThere = isDeepStrictEqual(value, {}) && typeof fieldOf(object, segments(path)) === 'object';
    if (!isThere) object = withField(object, segments(path), value);
  }
  return withOwners(object, [...yielded, { ...writer, paths: new Set(applied.keys()) }]);
}

/** Records that `writer` turned `before` into `after` by an update or a patch: what changed is his now. */
export function ownChanges(before: Json, after: Json, writer: Writer): Json {
  const old = leaves(before);
  const fresh = leaves(after);
  const changed = [...fresh].filter(([path, value]) => !isDeepStrictEqual(old.get(path), value)).map(([path]) => path);
  const owners = decodeOwners(before).map((owner) => ({
    ...owner,
    paths: new Set(
      [...owner.paths].filter((path) => fresh.has(path) && (sameWriter(owner, writer) || !changed.includes(path))),
    ),
  }));
  const mine = owners.find((owner) => sameWriter(owner, writer))?.paths ?? [];
  const others = owners.filter((owner) => !sameWriter(owner, writer));
  return withOwners(after, [...others, { ...writer, paths: new Set([...mine, ...changed]) }]);
}

function sameWriter(a: Writer, b: Writer): boolean {
  return a.manager === b.manager && a.operation === b.operation && a.subresource === b.subresource;
}

function fieldConflict(conflicts: readonly { readonly manager: string; readonly path: string }[]): Refusal {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}"`,
    field: segments(path)
      .map((segment) => `.${segment}`)
      .join(''),
  }));
  const list = causes.map((cause) => `${cause.message}: ${cause.field}`).join('\n');
  return new Refusal(409, 'Conflict', `Apply failed with ${causes.length} conflicts: ${list}`, { causes });
}

function leaves(object: Json): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  const visit = (value: unknown, path: string): void => {
    if (unowned.test(path)) return;
    const isMapping =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    if (!isMapping) return void found.set(path, value);
    for (const [key, child] of Object.entries(value))
      visit(child, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  };
  for (const [key, value] of Object.entries(object)) visit(value, `/${key}`);
  return found;
}

function segments(path: string): readonly string[] {
  return path
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function fieldOf(object: Json, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => asJson(value)[key], object);
}

/** A copy with one field set, or removed together with the mappings that this leaves empty. */
function withField(object: Json, [key, ...rest]: readonly string[], value: unknown): Json {
  if (key === undefined) return object;
  const { [key]: before, ...others } = object;
  const after = rest.length === 0 ? value : withField(asJson(before), rest, value);
  const isEmptied = value === undefined && rest.length > 0 && Object.keys(asJson(after)).length === 0;
  return after === undefined || isEmptied ? others : { ...object, [key]: after };
}

function decodeOwners(object: Json): readonly Owner[] {
  const entries = asJson(object['metadata'])['managedFields'];
  if (!Array.isArray(entries)) return [];
  return entries.map((entry: unknown) => {
    const { manager, operation, subresource, apiVersion, fieldsV1 } = asJson(entry);
    return {
      manager: String(manager),
      operation: operation === 'Apply' ? 'Apply' : 'Update',
      subresource: typeof subresource === 'string' ? subresource : '',
      apiVersion: String(apiVersion),
      paths: new Set(fieldPaths(asJson(fieldsV1), '')),
    };
  });
}

function fieldPaths(fields: Json, path: string): readonly string[] {
  return Object.entries(fields).flatMap(([key, children]) => {
    const childPath = `${path}/${key.slice('f:'.length).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const below = fieldPaths(asJson(children), childPath);
    return below.length === 0 ? [childPath] : below;
  });
}

function withOwners(object: Json, owners: readonly Owner[]): Json {
  const managedFields = owners
    .filter((owner) => owner.paths.size > 0)
    .map(({ paths, subresource, manager, operation, apiVersion }) => {
      let fieldsV1: Json = {};
      for (const path of paths)
        fieldsV1 = withField(
          fieldsV1,
          segments(path).map((segment) => `f:${segment}`),
          {},
        );
      return {
        manager,
        operation,
        apiVersion,
        fieldsType: 'FieldsV1',
        fieldsV1,
        ...(subresource !== '' && { subresource }),
      };
    });
  return { ...object, metadata: { ...asJson(object['metadata']), managedFields } };
}
