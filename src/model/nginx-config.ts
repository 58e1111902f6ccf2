import type { HeaderName } from './http/header.ts';
import { NO_ENGINE_CONFIG, type EngineConfig } from './http/engine-config.ts';
import type { IngressPolicy } from './ingress.ts';

/** How much harm an annotation may do, as ingress-nginx rates them (annotations-risk.md). */
export const RISK_LEVELS = ['Low', 'Medium', 'High', 'Critical'] as const;

export type RiskLevel = (typeof RISK_LEVELS)[number];

/** What the ConfigMap of ingress-nginx says. */
export interface NginxConfig {
  /** What holds for every Ingress whose annotations do not say otherwise. */
  readonly policy: Partial<IngressPolicy>;
  readonly engine: EngineConfig;
  /** Whether somebody is to be kept out of every Ingress in a way that is not implemented: every path answers 503. */
  readonly isClosed: boolean;
  /** `global-allowed-response-headers`: what `custom-headers` may set. */
  readonly allowedResponseHeaders: ReadonlySet<HeaderName>;
  readonly allowsSnippets: boolean;
  readonly riskLevel: RiskLevel;
  readonly allowsCrossNamespace: boolean;
  /** Words that no annotation may have in its value. */
  readonly blockedWords: readonly string[];
  /** `namespace/name` of the ConfigMap with headers for every answer, and of that with headers for backends. */
  readonly addHeaders: string | undefined;
  readonly proxySetHeaders: string | undefined;
}

/** Where there is no ConfigMap, or nothing in it. */
export const NO_NGINX_CONFIG: NginxConfig = {
  policy: {},
  engine: NO_ENGINE_CONFIG,
  isClosed: false,
  allowedResponseHeaders: new Set(),
  allowsSnippets: false,
  riskLevel: 'High',
  allowsCrossNamespace: false,
  blockedWords: [],
  addHeaders: undefined,
  proxySetHeaders: undefined,
};
