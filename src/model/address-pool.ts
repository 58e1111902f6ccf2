import type { AddressRange } from './address-range.ts';
import type { Labels, LabelSelector } from './label-selector.ts';
import type { ObjectMeta } from './object.ts';

/** Addresses that may be given to Services of type LoadBalancer (metallb.io/v1beta1 IPAddressPool). */
export interface AddressPool {
  readonly meta: ObjectMeta;
  readonly labels: Labels;
  /** In the order in which they are listed, which is the order in which they are used up. Of both families, maybe. */
  readonly ranges: readonly AddressRange[];
  /** Whether Services get addresses of it that name neither the pool nor an address: `autoAssign`. */
  readonly isAutomatic: boolean;
  /** Whether IPv4 addresses that end in .0 and .255 are left alone, which some old routers drop: `avoidBuggyIPs`. */
  readonly avoidsBuggyAddresses: boolean;
  /** Undefined: for every Service. */
  readonly reserved: PoolReservation | undefined;
}

/** For which Services a pool is kept: `serviceAllocation`. */
export interface PoolReservation {
  /** 1 goes first; 0 stands for none, which goes last. */
  readonly priority: number;
  /** The namespaces by name or by their labels; every one where both lists are empty. */
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  /** One of them must select the Service; every Service where there is none. */
  readonly serviceSelectors: readonly LabelSelector[];
}
