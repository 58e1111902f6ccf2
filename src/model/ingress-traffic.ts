import type { Cidr } from './cidr.ts';
import type { CookieAffinity } from './http/filter/affinity.ts';
import type { Cors } from './http/filter/cors.ts';
import type { HeaderField } from './http/header.ts';

/** What annotations of an Ingress say about who may come, how much, and how backends are used. Undefined: nothing. */
export interface TrafficPolicy {
  /** Only clients in these ranges. */
  readonly allowedSources: readonly Cidr[] | undefined;
  /** No clients in these ranges. */
  readonly deniedSources: readonly Cidr[] | undefined;
  readonly requestsPerSecond: number | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly connections: number | undefined;
  /** How many times as many requests may come at once. */
  readonly burstMultiplier: number;
  /** The statuses of what is beyond a limit. */
  readonly rateLimitStatus: number;
  readonly connectionLimitStatus: number;
  /** Clients whom limits do not count. */
  readonly unlimitedSources: readonly Cidr[];
  /** `unlimited`, or the largest body of a request. */
  readonly bodySizeBytes: number | 'unlimited' | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly readTimeoutMs: number | undefined;
  readonly sendTimeoutMs: number | undefined;
  readonly isCorsEnabled: boolean;
  readonly corsOrigins: Cors['origins'];
  readonly corsMethods: readonly string[];
  readonly corsHeaders: Cors['headers'];
  readonly corsExposed: Cors['exposed'];
  readonly corsAllowsCredentials: boolean;
  readonly corsMaxAgeS: number;
  /** `namespace/name` of a ConfigMap with headers for answers. */
  readonly customHeaders: string | undefined;
  /** Headers of answers. */
  readonly responseHeaders: readonly HeaderField[];
  readonly hasAffinity: boolean;
  readonly affinityCookie: CookieAffinity['name'] | undefined;
  readonly affinityPath: CookieAffinity['path'];
  readonly affinityDomain: CookieAffinity['domain'];
  readonly affinityMaxAgeS: number | undefined;
  readonly affinityExpiresS: number | undefined;
  readonly affinitySameSite: CookieAffinity['sameSite'];
  readonly isAffinitySecure: boolean;
}

/** ingress-nginx's own defaults. */
export const DEFAULT_TRAFFIC: TrafficPolicy = {
  allowedSources: undefined,
  deniedSources: undefined,
  requestsPerSecond: undefined,
  requestsPerMinute: undefined,
  connections: undefined,
  burstMultiplier: 5,
  rateLimitStatus: 503,
  connectionLimitStatus: 503,
  unlimitedSources: [],
  bodySizeBytes: undefined,
  connectTimeoutMs: undefined,
  readTimeoutMs: undefined,
  sendTimeoutMs: undefined,
  isCorsEnabled: false,
  corsOrigins: 'any',
  corsMethods: ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS'],
  corsHeaders: [],
  corsExposed: [],
  corsAllowsCredentials: true,
  corsMaxAgeS: 1_728_000,
  customHeaders: undefined,
  responseHeaders: [],
  hasAffinity: false,
  affinityCookie: undefined,
  affinityPath: undefined,
  affinityDomain: undefined,
  affinityMaxAgeS: undefined,
  affinityExpiresS: undefined,
  affinitySameSite: undefined,
  isAffinitySecure: false,
};
