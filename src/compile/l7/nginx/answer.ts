import { comparedPath } from '../../../lib/request-path.ts';
import {
  DEFAULT_POLICY,
  type Ingress,
  type IngressBackend,
  type IngressPath,
  type IngressPolicy,
  type ServicePortRef,
} from '../../../model/ingress.ts';
import { byAge } from '../../../model/object.ts';
import { hostOf, partsOf, type RoutedRequest } from '../answer/request.ts';
import { replaced } from '../answer/rewrite.ts';
import { locate, locationsOf, type Location, type WrittenPath } from './locations.ts';

/** What ingress-nginx does with a request, as far as paths, hosts, redirects and rewrites decide it. */
export interface NginxAnswer {
  /** `namespace-service-port`, as it stands in its access log; empty where it answers itself. */
  readonly upstream: string;
  /** Of an answer of its own; undefined: the backend says. */
  readonly status: number | undefined;
  /** Path and query that the backend is asked for; where a client is sent; empty for other answers of its own. */
  readonly path: string;
  /** `namespace/name` of the Ingress; empty for none. */
  readonly owner: string;
}

interface Owned {
  readonly ingress: Served;
  readonly backend: IngressBackend | undefined;
}

interface Server {
  readonly locations: readonly Location<Owned>[];
  readonly first: Served;
  readonly hasTls: boolean;
}

/** An Ingress with all that holds for it. */
type Served = Ingress & { readonly policy: IngressPolicy };

/** What holds where an Ingress says nothing. */
export interface NginxDefaults {
  /** Whether HTTP is redirected to HTTPS on hosts with TLS. */
  readonly sslRedirect: boolean;
  /** What the ConfigMap says for all Ingresses. */
  readonly policy: Partial<IngressPolicy>;
}

/** The servers that ingress-nginx 1.15.1 makes of the Ingresses of its class; `locations.ts` has the recorded rules for their paths. */
export class NginxModel {
  readonly #servers = new Map<string, Server>();
  readonly #isRedirectedByDefault: boolean;

  constructor(ingresses: readonly Ingress[], { sslRedirect, policy: defaults }: NginxDefaults) {
    this.#isRedirectedByDefault = sslRedirect;
    // One with a value that ingress-nginx refuses is left out as a whole.
    const all = ingresses.map((ingress) => ({
      ...ingress,
      policy: { ...DEFAULT_POLICY, ...defaults, ...ingress.policy },
    }));
    const served = all.filter(({ policy }) => !policy.isDropped);
    const sorted = served.toSorted((a, b) => byAge(a.meta, b.meta));
    const secured = new Set(sorted.flatMap((ingress) => securedHosts(ingress)));
    for (const [host, parts] of Map.groupBy(sorted.flatMap(pathsByHost), (item) => item.host)) {
      const [first] = parts;
      if (first === undefined) continue;
      const locations = locationsOf(parts.flatMap(({ paths }) => paths));
      this.#servers.set(host, { locations, first: first.ingress, hasTls: secured.has(host) });
    }
  }

  /** Every host that it has a server for; `_` for requests that name none of them. */
  get hosts(): readonly string[] {
    return [...this.#servers.keys()];
  }

  answer(request: RoutedRequest): NginxAnswer {
    const server = this.#serverFor(hostOf(request.host));
    if (comparedPath(request.target) === undefined) return own(400);
    if (server === undefined) return own(404);
    const located = locate(server.locations, request.target);
    switch (located.kind) {
      case 'refused':
        return own(400);
      case 'none':
        return unmatched(server, request);
      case 'slash-added':
        return own(301, absolute(withQuery(located.path, request), request));
      case 'location':
        return this.#at(located.location, server, request);
    }
  }

  #serverFor(host: string): Server | undefined {
    const dot = host.indexOf('.');
    return this.#servers.get(host) ?? this.#servers.get(dot < 0 ? '' : `*${host.slice(dot)}`) ?? this.#servers.get('_');
  }

  #at(
    { path, isRewritten, value: { ingress, backend } }: Location<Owned>,
    server: Server,
    request: RoutedRequest,
  ): NginxAnswer {
    const { policy } = ingress;
    const owner = ownerOf(ingress);
    if (policy.appRoot !== undefined && comparedPath(request.target) === '/')
      return own(302, absolute(policy.appRoot, request), owner);
    const redirect = redirectBy(ingress, request);
    if (redirect !== undefined) return redirect;
    if (request.scheme === 'http' && this.#sendsToHttps(ingress, path, server))
      return own(308, `https://${hostOf(request.host)}${request.target}`, owner);
    const target = isRewritten ? rewritten(policy.rewriteTarget ?? '', path, request) : request.target;
    if (isRewritten && !target.startsWith('/')) return own(302, target, owner);
    // A path to a resource instead of a Service is one that it does not have.
    return backend === undefined ? own(404, '', owner) : { ...forwarded(ingress, backend), path: target };
  }

  #sendsToHttps({ policy }: Served, path: string, { hasTls }: Server): boolean {
    if (path.startsWith('/.well-known/acme-challenge')) return false;
    return policy.isSslRedirectForced || (hasTls && (policy.sslRedirect ?? this.#isRedirectedByDefault));
  }
}

/** What its rules leave open on a host is its first Ingress's: the default backend, and redirects. */
function unmatched({ first }: Server, request: RoutedRequest): NginxAnswer {
  const redirect = redirectBy(first, request);
  if (redirect !== undefined) return redirect;
  return first.defaultBackend === undefined
    ? own(404)
    : { ...forwarded(first, first.defaultBackend), path: request.target };
}

/** A temporary redirect comes before a permanent one. */
function redirectBy(ingress: Served, request: RoutedRequest): NginxAnswer | undefined {
  const { temporalRedirect, temporalRedirectStatus, permanentRedirect, permanentRedirectStatus } = ingress.policy;
  if (temporalRedirect !== undefined && temporalRedirectStatus !== 'off')
    return own(temporalRedirectStatus, absolute(temporalRedirect, request), ownerOf(ingress));
  if (permanentRedirect !== undefined && permanentRedirectStatus !== 'off')
    return own(permanentRedirectStatus, absolute(permanentRedirect, request), ownerOf(ingress));
  return undefined;
}

/** nginx writes scheme and host before a path. */
function absolute(location: string, { scheme, host }: RoutedRequest): string {
  return location.startsWith('/') ? `${scheme}://${host}${location}` : location;
}

function own(status: number, path = '', owner = ''): NginxAnswer {
  return { upstream: '', status, path, owner };
}

function forwarded(ingress: Ingress, { service, port }: IngressBackend): Omit<NginxAnswer, 'path'> {
  const upstream = `${ingress.meta.namespace}-${service}-${portText(port)}`;
  return { upstream, status: undefined, owner: ownerOf(ingress) };
}

/** A port as ingress-nginx writes it in the names of upstreams. */
export function portText(port: ServicePortRef): string {
  return 'name' in port ? port.name : String(port.number);
}

function ownerOf({ meta: { namespace, name } }: Ingress): string {
  return `${namespace}/${name}`;
}

function rewritten(target: string, location: string, request: RoutedRequest): string {
  const path = replaced(partsOf(request.target).path, location, false, target) ?? partsOf(request.target).path;
  return withQuery(path, request);
}

function withQuery(path: string, { target }: RoutedRequest): string {
  const { query } = partsOf(target);
  return query === undefined || query === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${query}`;
}

function pathsByHost(ingress: Served): readonly {
  readonly host: string;
  readonly ingress: Served;
  readonly paths: readonly WrittenPath<Owned>[];
}[] {
  const rules = ingress.rules.map(({ host, paths }) => ({
    host: host ?? '_',
    ingress,
    paths: paths.flatMap((path) => writtenPath(ingress, path)),
  }));
  // An Ingress without rules serves what nobody else has, in the server for requests that name no host of others.
  if (ingress.rules.length > 0 || ingress.defaultBackend === undefined) return rules;
  const value: Owned = { ingress, backend: ingress.defaultBackend };
  return [{ host: '_', ingress, paths: [{ path: '/', type: 'Prefix', usesRegex: false, rewriteTarget: '', value }] }];
}

function writtenPath(ingress: Served, { written, backend }: IngressPath): readonly WrittenPath<Owned>[] {
  if (written === undefined) return [];
  const { usesRegex, rewriteTarget } = ingress.policy;
  return [{ ...written, usesRegex, rewriteTarget: rewriteTarget ?? '', value: { ingress, backend } }];
}

/** A `tls` entry without hosts is for those of the rules. */
function securedHosts({ tls, rules }: Ingress): readonly string[] {
  return tls.flatMap(({ hosts }) => (hosts.length > 0 ? hosts : rules.flatMap(({ host }) => host ?? [])));
}
