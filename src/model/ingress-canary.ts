import type { CookieWord } from './http/filter/affinity.ts';
import type { HeaderName, HeaderValue } from './http/header.ts';
import type { PathRegex } from './path-regex.ts';

/** Whether an Ingress gets a part of the requests of another one with the same host and path, and which. */
export interface CanaryPolicy {
  readonly isCanary: boolean;
  /** `always` in this header leads to it, `never` away; in place of these the value, or else the expression, leads to it. */
  readonly canaryHeader: HeaderName | undefined;
  readonly canaryHeaderValue: HeaderValue | undefined;
  /** `invalid`: whoever has the header stays away. */
  readonly canaryHeaderPattern: PathRegex | 'invalid' | undefined;
  /** The same by a cookie. */
  readonly canaryCookie: CookieWord | undefined;
  /** Of so many of the rest, how many. */
  readonly canaryWeight: number;
  readonly canaryWeightTotal: number;
}

export const DEFAULT_CANARY: CanaryPolicy = {
  isCanary: false,
  canaryHeader: undefined,
  canaryHeaderValue: undefined,
  canaryHeaderPattern: undefined,
  canaryCookie: undefined,
  canaryWeight: 0,
  canaryWeightTotal: 100,
};
