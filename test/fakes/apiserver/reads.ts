import { apiVersionOf } from '../../../src/kube/resource.ts';
import { badRequest, expired, notFound } from './refusal.ts';
import type { Route } from './route.ts';
import { selects } from './selection.ts';
import type { Storage } from './storage.ts';
import { asJson, type Json, type StoredObject } from './stored-object.ts';

/** GET of one object. */
export function getObject(storage: Storage, route: Route): StoredObject {
  const name = route.name ?? '';
  const object = storage.get(route.resource, route.namespace, name);
  if (object === undefined) throw notFound(route.resource, name);
  return object;
}

/** LIST, in pages when the client asks for them. Every page shows the revision of the first. */
export function listObjects(storage: Storage, route: Route, query: URLSearchParams): Json {
  const { resource } = route;
  const token = decodeToken(query.get('continue'));
  const revision = token?.revision ?? storage.revision;
  if (revision < storage.compactedRevision) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    );
  }
  const start = token?.start ?? 0;
  const limit = Number(query.get('limit') ?? 0);
  const selected = storage.at(resource, revision).filter(selects(route, query));
  const page = limit > 0 ? selected.slice(start, start + limit) : selected.slice(start);
  const remaining = selected.length - start - page.length;
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(revision),
      ...(remaining > 0 && {
        continue: encodeToken({ revision, start: start + page.length }),
        remainingItemCount: remaining,
      }),
    },
    items: resource.isCustom ? page : page.map(({ apiVersion: _version, kind: _kind, ...item }) => item),
  };
}

interface PageToken {
  readonly revision: number;
  readonly start: number;
}

function encodeToken(token: PageToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeToken(text: string | null): PageToken | undefined {
  if (text === null || text === '') return undefined;
  try {
    const { revision, start } = asJson(JSON.parse(Buffer.from(text, 'base64url').toString()));
    return { revision: Number(revision), start: Number(start) };
  } catch {
    throw badRequest('continue key is not valid');
  }
}
