import type { RedirectStatus } from './filter/request-redirect.ts';
import type { HeaderField, HeaderName, HeaderValue } from './header.ts';
import type { NginxText } from '../nginx-text.ts';

/** A version of TLS, oldest first in {@link TLS_VERSIONS}. */
export type TlsVersion = (typeof TLS_VERSIONS)[number];

export const TLS_VERSIONS = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

/** What a header of a request is compared with: the whole value whatever the case, or an expression for a part of it. */
export interface HeaderPattern {
  readonly kind: 'whole' | 'expression';
  /** Printable ASCII without `'`. */
  readonly text: string;
  readonly ignoresCase: boolean;
}

/**
 * What an object says about the engine as a whole, in place of flags. A change of it has a fresh process take over, without a cut:
 * all of it is configuration text of the engine, and none of it data. Undefined: as flags have it, or as the engine has it by itself.
 */
export interface EngineConfig {
  /** CIDRs. */
  readonly trustedProxies?: readonly string[];
  /** CIDRs. */
  readonly proxyProtocolSources?: readonly string[];
  /** Whether backends are told of the client alone, rather than of every proxy on the way, too. */
  readonly isForwardedForReplaced?: boolean;
  /** Not empty. */
  readonly tlsVersions?: readonly TlsVersion[];
  /** Of TLS 1.2 and older, as OpenSSL names them. */
  readonly tlsCiphers?: string;
  readonly tlsCurves?: string;
  readonly hasSessionTickets?: boolean;
  readonly isHttp2Off?: boolean;
  readonly http2Streams?: number;
  /** 0: a connection is closed after its first answer. */
  readonly keepAliveMs?: number;
  readonly requestHeadersMs?: number;
  readonly clientMs?: number;
  readonly maxConnections?: number;
  readonly hardStopAfterS?: number;
  readonly compression?: { readonly types: readonly string[]; readonly leastBytes: number };
  /** Strict-Transport-Security of every answer over TLS. */
  readonly hsts?: HeaderValue;
  /** Of every answer, that of the engine itself too. */
  readonly responseHeaders?: readonly HeaderField[];
  /** Of endpoints alone. */
  readonly hiddenHeaders?: readonly HeaderName[];
  readonly requestHeaders?: readonly { readonly name: HeaderName; readonly value: NginxText }[];
  /** What names of headers of requests have to be made of, so that backends are given them: `_` is what CGI programs take for `-`. */
  readonly headerNames?: 'letters-digits-dashes' | 'with-underscores';
  readonly sendsNoRequestId?: boolean;
  readonly sendsOriginalUri?: boolean;
  /** CIDRs: 403 whatever is asked for. */
  readonly blockedAddresses?: readonly string[];
  readonly blockedUserAgents?: readonly HeaderPattern[];
  readonly blockedReferers?: readonly HeaderPattern[];
  readonly httpsRedirectStatus?: RedirectStatus;
}

/** Nothing is said. */
export const NO_ENGINE_CONFIG: EngineConfig = {};
