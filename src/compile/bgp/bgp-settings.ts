import type { PublishedSettings } from '../addresses/published-addresses.ts';

/** What the operator decided about announcing by BGP. */
export interface BgpSettings {
  /** This node. */
  readonly nodeName: string;
  /** Whether addresses are announced by BGP alone, and not on the local network too. */
  readonly isOnlyWay: boolean;
  /** Where other processes give the addresses: which of those in the status of Services are ours. */
  readonly published: PublishedSettings;
}
