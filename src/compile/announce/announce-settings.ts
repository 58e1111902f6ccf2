import type { IpAddress } from '../../model/grammar.ts';
import type { Cidr } from '../../model/cidr.ts';
import type { PublishedSettings } from '../addresses/published-addresses.ts';
import type { RouterRange } from './router-numbers.ts';

/** What the operator decided about announcing addresses. */
export interface AnnounceSettings {
  /** This node. */
  readonly nodeName: string;
  readonly routers: RouterRange;
  /** Where other processes give the addresses: which of those in the status of Services are ours. */
  readonly published: PublishedSettings;
}

/** A network interface of this machine, as far as it may have addresses of Services. */
export interface InterfaceFacts {
  readonly name: string;
  /** Its own addresses with the networks that they are of. */
  readonly networks: readonly { readonly address: IpAddress; readonly network: Cidr }[];
}
