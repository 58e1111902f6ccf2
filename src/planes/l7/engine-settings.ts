import type { InnerPorts } from '../../compile/gateway/inner-ports.ts';
import type { RedirectStatus } from '../../model/http/filter/request-redirect.ts';

/** What the operator decided about the engine; a change needs a new process, because it is configuration text. */
export interface EngineSettings {
  /** Addresses to listen on, such as `0.0.0.0` or `::`; both ports on each. */
  readonly bindAddresses: readonly string[];
  readonly httpPort: number;
  readonly httpsPort: number;
  /** The port that clients reach HTTPS on, for redirects; differs from `httpsPort` behind a Service. */
  readonly publicHttpsPort: number;
  /** Where ports for Gateways with addresses of their own are taken from; undefined where there are no such Gateways. */
  readonly innerPorts: InnerPorts | undefined;
  readonly isHttp3: boolean;
  /** CIDRs whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: readonly string[];
  /** CIDRs whose connections begin with a header of the PROXY protocol, and say there who the client is. */
  readonly proxyProtocolSources: readonly string[];
  /** The status of redirects to HTTPS; undefined: 308. */
  readonly httpsRedirectStatus?: RedirectStatus;
  /** Whether X-Forwarded-For names the client alone, rather than every proxy on the way, too. */
  readonly isForwardedForReplaced?: boolean;
  readonly hasAccessLog: boolean;
  readonly threads: number | undefined;
  readonly maxConnections: number;
  /** How long a replaced process may finish its connections, in seconds. */
  readonly hardStopAfterS: number;
  /** Numeric ids to run as; undefined keeps those of Sluice, as when it is not root. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}
