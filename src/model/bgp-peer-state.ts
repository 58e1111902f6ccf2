/** How one session is doing, as BIRD says it. */
export interface BgpPeerState {
  /** The BGPPeer, `namespace/name`. */
  readonly peer: string;
  /** Where the peer is: an address, or the link on which it is waited for. */
  readonly neighbor: string;
  /** As RFC 4271 names them, such as `Established` or `Active`. */
  readonly state: string;
  readonly isUp: boolean;
  /** Since when, as `2026-01-31T12:00:00+0000`; empty where that is not known. */
  readonly since: string;
  /** The AS of the peer; 0 where it is not known yet. */
  readonly peerAs: number;
  /** How many prefixes the peer is given. */
  readonly announced: number;
  /** Updates of routes that were sent, withdrawals among them. */
  readonly updatesSent: number;
  /** Why the session ended last, or does not come about; empty where there is nothing to say. */
  readonly lastError: string;
  /** Of BFD: `up`, `down`, or `-` where it does not watch the session. */
  readonly bfd: 'up' | 'down' | '-';
}
