import { Refusal } from './refusal.ts';
import { resourceKey, type ServedResource } from './stored-object.ts';

/** What a URL names. */
export interface Route {
  readonly resource: ServedResource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** The kinds that are served, to which CRDs add and from which they take away. */
export class Routes {
  readonly #served = new Map<string, ServedResource>();

  serve(resource: ServedResource): void {
    this.#served.set(resourceKey(resource), resource);
  }

  unserve(resource: ServedResource): void {
    this.#served.delete(resourceKey(resource));
  }

  /** @throws Refusal 404 for a group, version or resource that is not served */
  resolve(pathname: string): Route {
    const parts = pathname.split('/').slice(1).map(decodeURIComponent);
    const isCore = parts[0] === 'api';
    const [group, version] = isCore ? ['', parts[1]] : [parts[1], parts[2]];
    const rest = parts.slice(isCore ? 2 : 3);
    const isInNamespace = rest[0] === 'namespaces' && rest.length > 2;
    const [plural, name, subresource] = isInNamespace ? rest.slice(2) : rest;
    const resource = this.#served.get(resourceKey({ group: group ?? '', plural: plural ?? '' }));
    if ((!isCore && parts[0] !== 'apis') || resource === undefined || resource.version !== version) {
      const isKnownGroup = [...this.#served.values()].some(
        (known) => known.group === group && known.version === version,
      );
      // Unknown groups never get as far as the part of the real server that speaks of objects.
      throw isKnownGroup
        ? new Refusal(404, 'NotFound', 'the server could not find the requested resource')
        : new PageNotFound();
    }
    return { resource, namespace: isInNamespace ? rest[1] : undefined, name, subresource };
  }
}

/** A 404 in plain text. */
export class PageNotFound extends Error {}

/** The RBAC verb of a request. */
export function verbOf(method: string, route: Route, query: URLSearchParams): string {
  if (method === 'GET') {
    if (route.name !== undefined) return 'get';
    return query.get('watch') === 'true' || query.get('watch') === '1' ? 'watch' : 'list';
  }
  const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
  const verb = verbs[method];
  if (verb === undefined) throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method');
  return verb;
}
