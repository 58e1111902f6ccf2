import type { HeaderName } from './http/header.ts';
import { NO_ENGINE_CONFIG, type EngineConfig } from './http/engine-config.ts';
import type { IngressPolicy } from './ingress.ts';

/** What the ConfigMap of ingress-nginx says. */
export interface NginxConfig {
  /** What holds for every Ingress whose annotations do not say otherwise. */
  readonly policy: Partial<IngressPolicy>;
  readonly engine: EngineConfig;
  /** Whether somebody is to be kept out of every Ingress in a way that is not implemented: every path answers 503. */
  readonly isClosed: boolean;
  /** `global-allowed-response-headers`: what `custom-headers` may set. */
  readonly allowedResponseHeaders: ReadonlySet<HeaderName>;
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
  addHeaders: undefined,
  proxySetHeaders: undefined,
};
