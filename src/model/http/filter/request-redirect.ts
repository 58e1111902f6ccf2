import type { Hostname } from '../../grammar.ts';
import type { PathRegex } from '../../path-regex.ts';
import type { PathRewrite, Replacement } from '../path-rewrite.ts';

/** The statuses by which a client is sent elsewhere (RFC 9110 §15.4). */
export const REDIRECT_STATUSES = [301, 302, 303, 307, 308] as const;

export type RedirectStatus = (typeof REDIRECT_STATUSES)[number];

/** Answers a request by where to ask instead (HTTPRequestRedirectFilter). Nothing is forwarded. */
export interface RequestRedirect {
  readonly type: 'RequestRedirect';
  readonly status: RedirectStatus;
  readonly to: RedirectTarget;
}

/** Where a client is sent. */
export type RedirectTarget =
  /** What was asked for, in some parts changed; undefined: as it was asked for. The query stays. */
  | {
      readonly kind: 'parts';
      readonly scheme: 'http' | 'https' | undefined;
      readonly hostname: Hostname | undefined;
      /** Undefined: no port is written. */
      readonly port: number | undefined;
      readonly path: PathRewrite | undefined;
    }
  /** Always the same URL, or path of the same host. */
  | { readonly kind: 'url'; readonly url: Replacement }
  /** Beyond Gateway API: a URL with what groups of an expression over the path have matched. Where it does not match, 404. */
  | {
      readonly kind: 'regex';
      readonly pattern: PathRegex;
      readonly isCaseSensitive: boolean;
      readonly url: Replacement;
    };
