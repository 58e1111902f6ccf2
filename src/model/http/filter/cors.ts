import type { PathRegex } from '../../path-regex.ts';
import type { HeaderName } from '../header.ts';

/**
 * What browsers are told about requests from pages of another origin (HTTPCORSFilter; Fetch standard). Preflights are answered by the
 * gateway. The answer of an endpoint loses what it says itself of these things.
 */
export interface Cors {
  readonly type: 'CORS';
  /** `any`: every origin; otherwise expressions, each for whole origins in lower case. */
  readonly origins: 'any' | readonly PathRegex[];
  /** In capitals; `any`: what the preflight asks for. */
  readonly methods: 'any' | readonly string[];
  readonly headers: 'any' | readonly HeaderName[];
  readonly exposed: 'any' | readonly HeaderName[];
  readonly allowsCredentials: boolean;
  readonly maxAgeS: number;
}
