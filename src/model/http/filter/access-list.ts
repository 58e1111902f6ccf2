import type { Cidr } from '../../cidr.ts';

/** Lets clients in or keeps them out by their address, as it is known after trusted proxies: 403. */
export interface AccessList {
  readonly type: 'AccessList';
  /** Undefined: everybody who is not denied. Empty: nobody. */
  readonly allow: readonly Cidr[] | undefined;
  /** Goes before `allow`. */
  readonly deny: readonly Cidr[];
}
