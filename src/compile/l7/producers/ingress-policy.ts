import { hostnameOf, isWildcard, type Hostname } from '../../../model/grammar.ts';
import type { HttpFilter } from '../../../model/http/filter.ts';
import type { RedirectStatus, RequestRedirect } from '../../../model/http/filter/request-redirect.ts';
import { headerNameOf } from '../../../model/http/header.ts';
import { EVERY_PATH, exactPath, NO_CONDITIONS, type PathMatch } from '../../../model/http/match.ts';
import type { PathRewrite, Replacement } from '../../../model/http/path-rewrite.ts';
import type { HttpRoute, HttpRule } from '../../../model/http/route-set.ts';
import type { IngressPolicy } from '../../../model/ingress.ts';
import { literalRegex } from '../../../model/path-regex.ts';
import type { CompileSettings } from '../../settings.ts';
import { trafficFilters, type TrafficContext } from './ingress-traffic.ts';

/** What the annotations of an Ingress do to requests for one of its paths. A redirect for all requests comes before that to HTTPS. */
export function filtersOf(
  policy: IngressPolicy,
  match: PathMatch,
  settings: Pick<CompileSettings, 'sslRedirect' | 'compat'>,
  context: Pick<TrafficContext, 'owner' | 'path'> & { readonly guards: readonly HttpFilter[] },
): readonly HttpFilter[] {
  const redirect = redirectOf(policy);
  if (redirect !== undefined) return [redirect];
  const isStrict = settings.compat === 'strict-nginx';
  return [
    ...httpsFilters(policy, match, settings.sslRedirect),
    ...rewriteFilters(policy, match, isStrict),
    ...trafficFilters(policy, { ...context, isStrict }),
    // Who asks for the proof of a domain knows no password (`no-auth-locations`).
    ...(isOpenToAcme(match) ? [] : context.guards),
  ];
}

/** Where all requests are sent; undefined: they are not. */
export function redirectOf(policy: IngressPolicy): RequestRedirect | undefined {
  const { permanentRedirect, permanentRedirectStatus, temporalRedirect, temporalRedirectStatus } = policy;
  return redirectTo(temporalRedirect, temporalRedirectStatus) ?? redirectTo(permanentRedirect, permanentRedirectStatus);
}

function redirectTo(url: Replacement | undefined, status: RedirectStatus | 'off'): RequestRedirect | undefined {
  if (url === undefined || status === 'off') return undefined;
  return { type: 'RequestRedirect', status, to: { kind: 'url', url } };
}

/**
 * An ACME server asks for the proof of a domain (RFC 8555 §8.3) over plain HTTP, and follows a redirect to port 443 alone, where this host
 * may have no valid certificate before the proof is given: such a path is among the plain ones unless others are said.
 */
function httpsFilters(policy: IngressPolicy, match: PathMatch, isSecureByDefault: boolean): readonly HttpFilter[] {
  if (policy.plainPaths.some((begin) => match.value.startsWith(begin))) return [];
  if (policy.isSslRedirectForced) return [{ type: 'HttpsRedirect', isForced: true }];
  return (policy.sslRedirect ?? isSecureByDefault) ? [{ type: 'HttpsRedirect' }] : [];
}

/** Of an expression it cannot be told what else it takes. */
function isOpenToAcme({ type, value }: PathMatch): boolean {
  return type !== 'RegularExpression' && /^\/\.well-known\/acme-challenge(?:\/|$)/.test(value);
}

/** What is rewritten to itself is not rewritten; whether it is, ingress-nginx decides by location (`nginx/rules.ts`). */
function rewriteFilters(policy: IngressPolicy, match: PathMatch, isDecidedLater: boolean): readonly HttpFilter[] {
  const { rewriteTarget, upstreamHost } = policy;
  const isRewritten = rewriteTarget !== undefined && (isDecidedLater || String(rewriteTarget) !== match.value);
  const pattern = match.type === 'RegularExpression' ? match.value : literalRegex(match.value);
  if (isRewritten && !rewriteTarget.startsWith('/')) {
    const to = { kind: 'regex', pattern, isCaseSensitive: false, url: rewriteTarget } as const;
    return [{ type: 'RequestRedirect', status: 302, to }];
  }
  const path: PathRewrite | undefined = isRewritten
    ? { type: 'ReplaceRegexMatch', pattern, isCaseSensitive: false, replacement: rewriteTarget }
    : undefined;
  if (path === undefined && upstreamHost === undefined) return [];
  const rewrite: HttpFilter = { type: 'URLRewrite', host: upstreamHost, path };
  return path === undefined ? [rewrite] : [rewrite, ...prefixHeader(policy)];
}

function prefixHeader({ forwardedPrefix: value }: IngressPolicy): readonly HttpFilter[] {
  const name = headerNameOf('x-forwarded-prefix');
  if (value === undefined || name === undefined) return [];
  return [{ type: 'RequestHeaderModifier', set: [{ name, value }], add: [], remove: [] }];
}

/** Sends who asks for `/` alone elsewhere: before whatever else the Ingress has for it. */
export function appRootRules({ appRoot }: IngressPolicy): readonly HttpRule[] {
  if (appRoot === undefined) return [];
  const redirect: RequestRedirect = { type: 'RequestRedirect', status: 302, to: { kind: 'url', url: appRoot } };
  return [ruleThatRedirects(exactPath('/'), redirect)];
}

/** Routes for hosts that no rule names: they count only where nobody else has the host. */
export function furtherRoutes(policy: IngressPolicy, own: readonly HttpRoute[]): readonly HttpRoute[] {
  const hosts = own.flatMap(({ host }) => host ?? []);
  const known = new Set<Hostname>(hosts);
  const further: HttpRoute[] = [];
  const add = (host: Hostname, rules: readonly HttpRule[]): void => {
    if (!known.has(host)) further.push({ host, entrance: 'main', rules, yields: true });
    known.add(host);
  };
  if (policy.isWwwRedirected) {
    for (const host of hosts) {
      const counterpart = isWildcard(host) ? undefined : counterpartOf(host);
      if (counterpart !== undefined) add(counterpart, [ruleThatRedirects(EVERY_PATH, toHost(host))]);
    }
  }
  const rules = own.flatMap(({ host, rules: some }) => (host === undefined ? [] : some));
  for (const alias of policy.aliases) add(alias, rules);
  return further;
}

/** With `www.` before it, or without it. */
function counterpartOf(host: Hostname): Hostname | undefined {
  return hostnameOf(host.startsWith('www.') ? host.slice(4) : `www.${host}`);
}

function toHost(hostname: Hostname): RequestRedirect {
  const to = { kind: 'parts', scheme: undefined, hostname, port: undefined, path: undefined } as const;
  return { type: 'RequestRedirect', status: 308, to };
}

function ruleThatRedirects(match: PathMatch, redirect: RequestRedirect): HttpRule {
  const rest = { field: 'metadata.annotations', precedence: 'rule' } as const;
  return { match, conditions: NO_CONDITIONS, filters: [redirect], target: { kind: 'none' }, ...rest };
}
