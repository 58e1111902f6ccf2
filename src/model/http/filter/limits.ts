import type { Cidr } from '../../cidr.ts';

/**
 * How much of one client's requests are let in, by its address; the rest is answered with `status`. Each gateway counts for itself.
 * Routes with the same `bucket` count together.
 */
export interface RateLimit {
  readonly type: 'RateLimit';
  /** A request for each of so many milliseconds. */
  readonly intervalMs: number;
  /** How many more may come at once. */
  readonly burst: number;
  readonly bucket: string;
  readonly exempt: readonly Cidr[];
  /** From 400 to 599. */
  readonly status: number;
}

/** How many requests of one client may run at the same time. */
export interface ConnectionLimit {
  readonly type: 'ConnectionLimit';
  readonly most: number;
  readonly bucket: string;
  readonly exempt: readonly Cidr[];
  /** From 400 to 599. */
  readonly status: number;
}

/** How large the body of a request may be; beyond that 413. One without Content-Length is held to at most `LARGEST_BUFFERED_BYTES`. */
export interface BodySize {
  readonly type: 'BodySize';
  readonly mostBytes: number;
}
