import type { HttpFilter } from '../../../model/http/filter.ts';
import { cookiePathOf, cookieWordOf, type CookieWord } from '../../../model/http/filter/affinity.ts';
import { headerNameOf } from '../../../model/http/header.ts';
import type { IngressPolicy } from '../../../model/ingress.ts';

/** What a filter needs to know of the Ingress and the path besides the policy. */
export interface TrafficContext {
  /** `namespace/name`: whose requests are counted together. */
  readonly owner: string;
  /** As it is written. */
  readonly path: string;
  /** Whether what ingress-nginx does without being asked is done. */
  readonly isStrict: boolean;
}

/** The filters of an Ingress about who may come, how much, and how backends are used. */
export function trafficFilters(policy: IngressPolicy, context: TrafficContext): readonly HttpFilter[] {
  return [
    ...accessFilters(policy),
    ...limitFilters(policy, context.owner),
    ...bodyFilters(policy, context.isStrict),
    ...timeoutFilters(policy),
    ...responseHeaderFilters(policy),
    ...corsFilters(policy),
    ...affinityFilters(policy, context.path),
  ];
}

function responseHeaderFilters({ responseHeaders }: IngressPolicy): readonly HttpFilter[] {
  if (responseHeaders.length === 0) return [];
  return [{ type: 'ResponseHeaderModifier', set: responseHeaders, add: [], remove: [] }];
}

function accessFilters({ allowedSources, deniedSources }: IngressPolicy): readonly HttpFilter[] {
  if (allowedSources === undefined && deniedSources === undefined) return [];
  return [{ type: 'AccessList', allow: allowedSources, deny: deniedSources ?? [] }];
}

/** Of limits per second and per minute the one counts that lets fewer requests in over time. */
function limitFilters(policy: IngressPolicy, owner: string): readonly HttpFilter[] {
  const { requestsPerSecond, requestsPerMinute, connections, burstMultiplier, unlimitedSources: exempt } = policy;
  const { rateLimitStatus, connectionLimitStatus } = policy;
  const rates = [
    ...(requestsPerSecond === undefined ? [] : [{ count: requestsPerSecond, intervalMs: 1000 / requestsPerSecond }]),
    ...(requestsPerMinute === undefined ? [] : [{ count: requestsPerMinute, intervalMs: 60_000 / requestsPerMinute }]),
  ];
  const [rate] = rates.toSorted((a, b) => b.intervalMs - a.intervalMs);
  const filters: HttpFilter[] = [];
  if (rate !== undefined) {
    const { count, intervalMs } = rate;
    filters.push({
      type: 'RateLimit',
      intervalMs,
      burst: count * burstMultiplier,
      bucket: `${owner} rate`,
      exempt,
      status: rateLimitStatus,
    });
  }
  if (connections !== undefined)
    filters.push({
      type: 'ConnectionLimit',
      most: connections,
      bucket: `${owner} connections`,
      exempt,
      status: connectionLimitStatus,
    });
  return filters;
}

const NGINX_BODY_BYTES = 1024 ** 2;

function bodyFilters({ bodySizeBytes }: IngressPolicy, isStrict: boolean): readonly HttpFilter[] {
  const most = bodySizeBytes ?? (isStrict ? NGINX_BODY_BYTES : 'unlimited');
  return most === 'unlimited' ? [] : [{ type: 'BodySize', mostBytes: most }];
}

/** A connection without traffic ends by the longer of the two; one for WebSockets, as nginx has it, by that for reading. */
function timeoutFilters({ connectTimeoutMs, readTimeoutMs, sendTimeoutMs }: IngressPolicy): readonly HttpFilter[] {
  if (connectTimeoutMs === undefined && readTimeoutMs === undefined && sendTimeoutMs === undefined) return [];
  const serverMs = readTimeoutMs ?? sendTimeoutMs;
  return [{ type: 'Timeouts', connectMs: connectTimeoutMs, serverMs, tunnelMs: readTimeoutMs }];
}

/** What ingress-nginx lets pages send where it is not said. */
const CORS_HEADERS = [
  'DNT',
  'Keep-Alive',
  'User-Agent',
  'X-Requested-With',
  'If-Modified-Since',
  'Cache-Control',
  'Content-Type',
  'Range',
  'Authorization',
].flatMap((name) => headerNameOf(name) ?? []);

function corsFilters(policy: IngressPolicy): readonly HttpFilter[] {
  if (!policy.isCorsEnabled) return [];
  const { corsHeaders } = policy;
  return [
    {
      type: 'CORS',
      origins: policy.corsOrigins,
      methods: policy.corsMethods,
      headers: corsHeaders.length === 0 ? CORS_HEADERS : corsHeaders,
      exposed: policy.corsExposed,
      // For every origin, ingress-nginx says "*", with which browsers send no credentials.
      allowsCredentials: policy.corsAllowsCredentials && policy.corsOrigins !== 'any',
      maxAgeS: policy.corsMaxAgeS,
    },
  ];
}

function affinityFilters(policy: IngressPolicy, path: string): readonly HttpFilter[] {
  const name = policy.affinityCookie ?? DEFAULT_COOKIE;
  if (!policy.hasAffinity || name === undefined) return [];
  return [
    {
      type: 'CookieAffinity',
      name,
      path: policy.affinityPath ?? cookiePathOf(path),
      domain: policy.affinityDomain,
      maxAgeS: policy.affinityMaxAgeS,
      expiresS: policy.affinityExpiresS,
      sameSite: policy.affinitySameSite,
      isSecure: policy.isAffinitySecure,
    },
  ];
}

const DEFAULT_COOKIE: CookieWord | undefined = cookieWordOf('INGRESSCOOKIE');
